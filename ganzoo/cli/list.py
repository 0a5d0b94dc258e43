"""`ganzoo list`: what is installed and what can be pulled."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Any

import typer

from ganzoo.cli import output


def list_(
    pattern: Annotated[str, typer.Argument(help="Names to show; * and ? are wildcards.")] = "*",
    plugins: Annotated[bool, typer.Option("--plugins", help="Only architectures.")] = False,
    weights: Annotated[bool, typer.Option("--weights", help="Only trained models.")] = False,
    data: Annotated[bool, typer.Option("--data", help="Only named data sets.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List architectures and trained models, or data sets that have a name.

    A pattern is compared with a model's own name and with that of its architecture: `dcgan` shows both."""
    from ganzoo.zoo import manifest, registry

    both = plugins == weights and not data
    found: dict[str, list[dict[str, Any]]] = {}
    if plugins or both:
        names = [name for name in registry.list_names() if fnmatchcase(name, pattern)]
        found["plugins"] = [_describe_plugin(name) for name in names]
    if weights or both:
        found["weights"] = []
        for name, entry in manifest.list_models().items():
            if not (fnmatchcase(name, pattern) or fnmatchcase(entry.plugin, pattern)):
                continue
            row = {
                "name": name,
                "plugin": entry.plugin,
                "bytes": sum(file.bytes for file in entry.files.values()),
                "data": entry.data.name if entry.data else None,
                "licence": entry.licence,
                "summary": entry.summary,
            }
            found["weights"].append(row)
    if data:
        found["data"] = _describe_data_sets(pattern)
    if json:
        output.as_json(found)
    elif any(found.values()):
        _print_tables(found)
    elif pattern == "*":
        output.say(
            "no plugins; GANZOO_PLUGINS, if it is set, says which are loaded "
            "(ganzoo doctor tells more)"
        )
    else:
        from ganzoo.data import named
        from ganzoo.errors import did_you_mean, near

        known = named.list_names() if data else [*registry.list_names(), *manifest.list_models()]
        hint = did_you_mean(near(pattern.strip("*"), known))
        output.say(f"nothing is named {pattern!r}{hint}")


def _describe_plugin(name: str) -> dict[str, Any]:
    from ganzoo.errors import BrokenPlugin, PluginClash
    from ganzoo.zoo import registry

    row: dict[str, Any] = {"name": name, "distribution": "", "summary": "", "broken": None}
    try:
        row["distribution"] = registry.list_distributions(name)
        row["summary"] = registry.get(name).summary
    except BrokenPlugin as error:
        row |= {"distribution": error.distribution, "broken": error.reason}
    except PluginClash as error:
        row |= {"distribution": " and ".join(error.distributions), "broken": str(error)}
    return row


def _describe_data_sets(pattern: str) -> list[dict[str, Any]]:
    from ganzoo.data import named
    from ganzoo.errors import DataError

    rows: list[dict[str, Any]] = []
    for name in named.list_names():
        if not fnmatchcase(name, pattern):
            continue
        row = {"name": name, "licence": "", "source": "", "files": "", "broken": None}
        try:
            found = named.find_named_set(name)
            row |= {"licence": found.licence, "source": found.source, "files": found.files}
        except DataError as error:
            row["broken"] = str(error)
        rows.append(row)
    return rows


def _print_tables(found: dict[str, list[dict[str, Any]]]) -> None:
    rows = []
    if found.get("data"):
        from ganzoo import extensions
        from ganzoo.data.named import DATA_GROUP, default_root

        for one in found["data"]:
            rows.append([one["name"], one["broken"] or one["licence"], one["source"]])
        output.table(["DATA", "LICENCE", "SOURCE"], rows)
        output.say(f"looked for under {default_root()} (GANZOO_DATA or --data-root to change)")
        shown = {one["name"] for one in found["data"]}
        for name, owners in extensions.list_ignored(DATA_GROUP).items():
            if name in shown:
                others = " and ".join(owners)
                output.say(f"{name!r} of {others} is not used: ganzoo has its own {name!r}")
    if plugins := found.get("plugins"):
        rows = []
        for one in plugins:
            summary = f"broken: {one['broken']}" if one["broken"] else one["summary"]
            rows.append([one["name"], one["distribution"], summary])
        output.table(["PLUGIN", "DISTRIBUTION", "SUMMARY"], rows)
    if models := found.get("weights"):
        if plugins:
            output.data("")
        rows = []
        for one in models:
            cells = [one["name"], one["plugin"], output.size(one["bytes"]), one["data"] or "-"]
            rows.append([*cells, one["licence"], one["summary"]])
        output.table(["WEIGHTS", "PLUGIN", "SIZE", "DATA", "LICENCE", "SUMMARY"], rows)
