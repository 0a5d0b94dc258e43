"""`ganzoo info`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from ganzoo import hub, manifest, registry, weights
from ganzoo.cli import output
from ganzoo.config import convert, plain
from ganzoo.errors import UnknownModel, UsageError


def info(
    name: Annotated[str, typer.Argument(help="A plugin, weights, a model or run folder (./x), or a .safetensors file.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show all that is known of an architecture, of weights, or of a file."""
    found = _found(name)
    if as_json:
        output.as_json(found)
    else:
        _show(found)


def _found(name: str) -> dict[str, Any]:
    if name.endswith(".safetensors"):
        return _file(Path(name))
    if hub.is_path(name):
        if not Path(name).is_dir():
            raise UsageError(f"no folder {name}")
        config = weights.read_config(Path(name))
        return {"folder": name, **plain(config), **_inputs(config.plugin, config.config)}
    if name in registry.names():
        return _plugin(name)
    try:
        entry = manifest.entry(name)
    except UnknownModel:
        raise UnknownModel(name, [*registry.names(), *manifest.models()]) from None
    return {"weights": name, **plain(entry), **_inputs(entry.plugin, entry.config)}


def _plugin(name: str) -> dict[str, Any]:
    plugin = registry.get(name)
    distribution, version = registry.distribution(name)
    default = convert({}, plugin.config, name)
    schema = msgspec.json.schema(plugin.config)
    fields = next(iter(schema["$defs"].values()))["properties"]
    return {
        "plugin": name,
        "summary": plugin.summary,
        "paper": plugin.paper,
        "distribution": f"{distribution} {version}",
        "settings": {key: _field(plain(default)[key], field) for key, field in fields.items()},
        "presets": {key: _changes(default, preset) for key, preset in plugin.presets.items()},
        "inputs": {key: spec.describe() for key, spec in plugin.inputs(default).items()},
        "output": repr(plugin.output(default)),
        "weights": [key for key, entry in manifest.models().items() if entry.plugin == name],
    }


def _field(value: Any, field: dict[str, Any]) -> str:
    if "enum" in field:
        return f"{value}  (one of {', '.join(map(str, field['enum']))})"
    low, high = (field.get(k, field.get(e)) for k, e in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")))
    return f"{value}  ({low} to {high})" if low is not None and high is not None else str(value)


def _changes(default: Any, preset: Any) -> str:
    pairs = {key: value for key, value in plain(preset).items() if value != plain(default)[key]}
    return ", ".join(f"{key}={value}" for key, value in pairs.items()) or "the defaults"


def _inputs(name: str, config: dict[str, Any]) -> dict[str, Any]:
    plugin = registry.get(name)
    built = convert(config, plugin.config, name)
    return {"inputs": {key: spec.describe() for key, spec in plugin.inputs(built).items()}}


def _file(path: Path) -> dict[str, Any]:
    header = weights.read_header(path)
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "parameters": sum(math.prod(shape) for _, shape in header.tensors.values()),
        "metadata": header.metadata,
        "tensors": {name: f"{kind} {list(shape)}" for name, (kind, shape) in header.tensors.items()},
    }


def _show(found: dict[str, Any], indent: str = "") -> None:
    width = max((len(str(key)) for key in found), default=0)
    for key, value in found.items():
        if isinstance(value, dict) and value:
            output.data(f"{indent}{key}")
            _show(value, indent + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            output.data(f"{indent}{key}")
            for item in value:
                _show(item, indent + "  ")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else "" if value in (None, {}) else str(value)
            output.data(f"{indent}{str(key).ljust(width)}  {text}".rstrip())


command = info
