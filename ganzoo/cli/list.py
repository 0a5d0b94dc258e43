"""`ganzoo list`: what is installed and what can be pulled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli import output

if TYPE_CHECKING:
    from ganzoo.zoo.manifest import ModelEntry


def command(
    pattern: Annotated[str, typer.Argument(help="Names to show; * and ? are wildcards.")] = "*",
    plugins: Annotated[bool, typer.Option("--plugins", help="Only architectures.")] = False,
    weights: Annotated[bool, typer.Option("--weights", help="Only trained models.")] = False,
    data: Annotated[bool, typer.Option("--data", help="Only named data sets.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List architectures and trained models, or data sets that have a name.

    A pattern is compared with a model's own name and with that of its architecture: `dcgan` shows both."""
    both = plugins == weights and not data
    found: dict[str, list[dict[str, Any]]] = {}
    if plugins or both:
        found["plugins"] = _plugins(pattern)
    if weights or both:
        found["weights"] = _weights(pattern)
    if data:
        found["data"] = _data_sets(pattern)
    if json:
        output.as_json(found)
    elif any(found.values()):
        _show(found)
    else:
        output.say(_nothing(pattern, data))


def _plugins(pattern: str) -> list[dict[str, Any]]:
    from fnmatch import fnmatchcase

    from ganzoo.zoo import registry

    return [_plugin(name) for name in registry.list_names() if fnmatchcase(name, pattern)]


def _plugin(name: str) -> dict[str, Any]:
    from ganzoo.errors import BrokenPlugin, PluginClash
    from ganzoo.zoo import registry

    try:
        return {
            "name": name,
            "distribution": registry.list_distributions(name),
            "summary": registry.get(name).summary,
            "broken": None,
        }
    except BrokenPlugin as error:
        return {
            "name": name,
            "distribution": error.distribution,
            "summary": "",
            "broken": error.reason,
        }
    except PluginClash as error:
        return {
            "name": name,
            "distribution": " and ".join(error.distributions),
            "summary": "",
            "broken": str(error),
        }


def _weights(pattern: str) -> list[dict[str, Any]]:
    from fnmatch import fnmatchcase

    from ganzoo.zoo import manifest

    return [
        _model(name, entry)
        for name, entry in manifest.list_models().items()
        if fnmatchcase(name, pattern) or fnmatchcase(entry.plugin, pattern)
    ]


def _data_sets(pattern: str) -> list[dict[str, Any]]:
    from fnmatch import fnmatchcase

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


def _model(name: str, entry: ModelEntry) -> dict[str, Any]:
    return {
        "name": name,
        "plugin": entry.plugin,
        "bytes": sum(file.bytes for file in entry.files.values()),
        "data": entry.data.name if entry.data else None,
        "licence": entry.licence,
        "summary": entry.summary,
    }


def _show(found: dict[str, list[dict[str, Any]]]) -> None:
    plugins, weights = found.get("plugins", []), found.get("weights", [])
    if found.get("data"):
        from ganzoo.data.named import default_root

        sets = [
            [row["name"], row["broken"] or row["licence"], row["source"]] for row in found["data"]
        ]
        output.table(["DATA", "LICENCE", "SOURCE"], sets)
        output.say(f"looked for under {default_root()} (GANZOO_DATA or --data-root to change)")
    if plugins:
        rows = [
            [
                p["name"],
                p["distribution"],
                f"broken: {p['broken']}" if p["broken"] else p["summary"],
            ]
            for p in plugins
        ]
        output.table(["PLUGIN", "DISTRIBUTION", "SUMMARY"], rows)
    if plugins and weights:
        output.data("")
    if weights:
        models = [
            [
                w["name"],
                w["plugin"],
                output.size(w["bytes"]),
                w["data"] or "-",
                w["licence"],
                w["summary"],
            ]
            for w in weights
        ]
        output.table(["WEIGHTS", "PLUGIN", "SIZE", "DATA", "LICENCE", "SUMMARY"], models)


def _nothing(pattern: str, data: bool) -> str:
    from ganzoo.data import named
    from ganzoo.errors import did_you_mean, near
    from ganzoo.zoo import manifest, registry

    if pattern == "*":
        return "no plugins; GANZOO_PLUGINS, if it is set, says which are loaded (ganzoo doctor tells more)"
    known = named.list_names() if data else [*registry.list_names(), *manifest.list_models()]
    return f"nothing is named {pattern!r}{did_you_mean(near(pattern.strip('*'), known))}"
