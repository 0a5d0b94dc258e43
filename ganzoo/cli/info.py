"""`ganzoo info`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from ganzoo.cli import output
from ganzoo.config import Config, convert, plain
from ganzoo.errors import GanzooError, UnknownModel, UsageError, WeightsError
from ganzoo.files import decode_json, read_limited
from ganzoo.plugin import Plugin
from ganzoo.zoo import manifest, pull, reference, registry

BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "minItems": "at least {} values",
    "maxItems": "at most {} values",
    "maxLength": "at most {} characters",
}


def info(
    name: Annotated[
        str,
        typer.Argument(
            help="A plugin, weights, owner/name on the Hub, a folder (./x), or a .safetensors file."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show all that is known of an architecture, of weights, or of a file."""
    found = _found(name)
    if as_json:
        output.as_json(found)
    else:
        output.outline(
            {**found, "settings": _settings(found["settings"])} if "settings" in found else found
        )


def _found(name: str) -> dict[str, Any]:
    if name.endswith(".safetensors"):
        return _file(reference.expand_path(name))
    if reference.is_path(name):
        return _folder(reference.expand_path(name))
    if reference.is_repository(name):
        return _repository(name)
    if name in registry.list_names():
        return _plugin(name)
    try:
        entry = manifest.get_entry(name)
    except UnknownModel:
        raise UnknownModel(name, [*registry.list_names(), *manifest.list_models()]) from None
    return {"weights": name, **plain(entry), "inputs": _inputs_of(entry.plugin, entry.config)}


def _plugin(name: str) -> dict[str, Any]:
    plugin = registry.get(name)
    distribution, version = registry.get_distribution(name)
    default = convert({}, plugin.config, name)
    values = plain(default)
    return {
        "plugin": name,
        "summary": plugin.summary,
        "paper": plugin.paper,
        "distribution": f"{distribution} {version}",
        "settings": describe_settings(plugin.config),
        "presets": {key: _changes(values, preset) for key, preset in plugin.presets.items()},
        "inputs": _inputs(plugin, default),
        "output": repr(plugin.output(default)),
        "weights": list(manifest.list_models_of(name)),
    }


def describe_settings(config: type[Config]) -> dict[str, dict[str, Any]]:
    """Name of a setting -> its JSON schema, with default, bounds and meaning."""
    schema = msgspec.json.schema(config)
    values = plain(convert({}, config, config.__name__))
    fields = schema["$defs"][config.__name__]["properties"]
    return {name: {**field, "default": values[name]} for name, field in fields.items()}


def _settings(fields: dict[str, dict[str, Any]]) -> dict[str, str]:
    """`64, integer, at least 1, at most 4096: units of the hidden layers` for each setting."""
    described = {}
    for name, field in fields.items():
        line = f"{show(field['default'])}, {describe_values(field)}"
        meaning = describe_meaning(field)
        described[name] = f"{line}: {meaning}" if meaning else line
    return described


def show(value: Any) -> str:
    """A setting's value as `--set` takes it; of a long list the first 12."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(show, value[:12])) + (",..." if len(value) > 12 else "")
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


def describe_values(field: dict[str, Any]) -> str:
    """What a setting accepts, from its JSON schema: `integer, at least 1, at most 4096, or null`."""
    if "anyOf" in field:
        choices = [choice for choice in field["anyOf"] if choice.get("type") != "null"]
        words = [describe_values(choice) for choice in choices]
        return ", or ".join(words + ["null"] * (len(choices) < len(field["anyOf"])))
    if "enum" in field:
        return f"one of {show(field['enum'])}"
    bounds = [words.format(field[key]) for key, words in BOUNDS.items() if key in field]
    return ", ".join([str(field.get("type", "any")), *bounds])


def describe_meaning(field: dict[str, Any]) -> str:
    """The one line that the plugin's config says of a setting (`msgspec.Meta(description=...)`)."""
    choices = field.get("anyOf", [])
    return next((part["description"] for part in [field, *choices] if "description" in part), "")


def _changes(default: dict[str, Any], preset: Any) -> str:
    pairs = {key: value for key, value in plain(preset).items() if value != default[key]}
    return ", ".join(f"{key}={value}" for key, value in pairs.items()) or "the defaults"


def _inputs(plugin: Plugin[Any], config: Any) -> dict[str, str]:
    return {key: spec.describe() for key, spec in plugin.inputs(config).items()}


def _inputs_of(name: str, settings: dict[str, Any]) -> dict[str, str] | str:
    """What a model's `sample` takes, or why that is not known: its plugin may be missing here, or another version."""
    try:
        plugin = registry.get(name)
        return _inputs(plugin, convert(settings, plugin.config, name))
    except GanzooError as error:
        return f"not known: {error}"


def _folder(folder: Path) -> dict[str, Any]:
    """config.json of a model or run, with run.json where there is one."""
    from ganzoo.zoo import weights

    if not folder.is_dir():
        raise UsageError(f"no folder {folder}")
    config = weights.read_config(folder)
    return {
        "folder": str(folder),
        **plain(config),
        **_record(folder),
        "inputs": _inputs_of(config.plugin, config.config),
    }


def _repository(name: str) -> dict[str, Any]:
    """config.json of a repository on the Hub."""
    from ganzoo.zoo import weights

    found = pull.pull_config(name)
    config = weights.read_config(found.folder)
    known = {"repository": found.repository, "commit": found.commit}
    return {**known, **plain(config), "inputs": _inputs_of(config.plugin, config.config)}


def _record(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    try:
        return (
            {"run": decode_json(read_limited(path, 1_000_000), dict[str, Any])}
            if path.is_file()
            else {}
        )
    except (OSError, msgspec.DecodeError) as error:
        raise WeightsError(path, str(error)) from None


def _file(path: Path) -> dict[str, Any]:
    from ganzoo.zoo import weights

    header = weights.read_header(path)
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "parameters": sum(math.prod(shape) for _, shape in header.tensors.values()),
        "metadata": header.metadata,
        "tensors": {
            name: f"{kind} {list(shape)}" for name, (kind, shape) in header.tensors.items()
        },
    }


command = info
