"""`ganzoo list`."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Any

import typer

from ganzoo import manifest, registry
from ganzoo.cli import output
from ganzoo.errors import GanzooError


def list_(
    pattern: Annotated[str, typer.Argument(help="A wildcard, such as 'dcgan*'.")] = "*",
    plugins: Annotated[bool, typer.Option("--plugins", help="Architectures only.")] = False,
    weights: Annotated[bool, typer.Option("--weights", help="Weights only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show installed architectures and known weights."""
    both = plugins == weights
    found: dict[str, list[dict[str, Any]]] = {}
    if plugins or both:
        found["plugins"] = [_plugin(name) for name in registry.names() if fnmatchcase(name, pattern)]
    if weights or both:
        found["weights"] = [_weights(name, entry) for name, entry in manifest.models(pattern).items()]
    if as_json:
        output.json(found)
        return
    if not any(found.values()):
        output.say(f"nothing matches {pattern!r}")
        raise typer.Exit(1)
    _tables(found)


def _tables(found: dict[str, list[dict[str, Any]]]) -> None:
    rows = [[row["name"], row["summary"] or f"broken: {row['broken']}"] for row in found.get("plugins", [])]
    output.table(["PLUGIN", "SUMMARY"], rows)
    rows = [[row["name"], output.size(row["bytes"]), row["data"], row["summary"]] for row in found.get("weights", [])]
    if rows and found.get("plugins"):
        output.data("")
    output.table(["WEIGHTS", "SIZE", "DATA", "SUMMARY"], rows)


def _plugin(name: str) -> dict[str, Any]:
    try:
        plugin = registry.get(name)
    except GanzooError as error:
        return {"name": name, "summary": "", "paper": "", "broken": getattr(error, "reason", str(error))}
    return {"name": name, "summary": plugin.summary, "paper": plugin.paper, "broken": None}


def _weights(name: str, entry: manifest.Entry) -> dict[str, Any]:
    return {
        "name": name,
        "plugin": entry.plugin,
        "summary": entry.summary,
        "data": entry.data.name,
        "licence": entry.licence,
        "bytes": sum(file.bytes for file in entry.files.values()),
    }
