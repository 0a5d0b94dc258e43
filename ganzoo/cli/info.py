"""`ganzoo info`."""

from __future__ import annotations

import math
from typing import Annotated, Any

import msgspec
import typer

from ganzoo.cli import output
from ganzoo.config import Config, convert, plain
from ganzoo.errors import GanzooError, UnknownModel, UsageError, WeightsError
from ganzoo.files import decode_json, read_limited
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

RUN_LIMIT = 1_000_000
"""Largest size of a run.json in bytes."""


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
    facts = _collect_facts(name)
    if as_json:
        output.as_json(facts)
        return
    if "settings" in facts:
        lines = {}
        for key, field in facts["settings"].items():
            meaning = describe_meaning(field)
            lines[key] = f"{show(field['default'])}, {describe_values(field)}"
            lines[key] += f": {meaning}" if meaning else ""
        facts["settings"] = lines
    output.outline(facts)


def _collect_facts(name: str) -> dict[str, Any]:
    from ganzoo.zoo import weights

    config: weights.ModelConfig | manifest.ModelEntry
    if name.endswith(".safetensors"):
        path = reference.expand_path(name)
        header = weights.read_header(path)
        return {
            "file": path.name,
            "bytes": path.stat().st_size,
            "parameters": sum(math.prod(shape) for _, shape in header.tensors.values()),
            "metadata": header.metadata,
            "tensors": {
                key: f"{kind} {list(shape)}" for key, (kind, shape) in header.tensors.items()
            },
        }
    if reference.is_path(name):
        folder = reference.expand_path(name)
        if not folder.is_dir():
            raise UsageError(f"no folder {folder}")
        config = weights.read_config(folder)
        facts = {"folder": str(folder), **plain(config)}
        run = folder / "run.json"
        try:
            if run.is_file():
                facts["run"] = decode_json(read_limited(run, RUN_LIMIT), dict[str, Any])
        except (OSError, msgspec.DecodeError) as error:
            raise WeightsError(run, str(error)) from None
    elif reference.is_repository(name):
        found = pull.pull_config(name)
        config = weights.read_config(found.folder)
        facts = {"repository": found.repository, "commit": found.commit, **plain(config)}
    elif name in registry.list_names():
        return _describe_plugin(name)
    else:
        try:
            config = manifest.get_entry(name)
        except UnknownModel:
            known = [*registry.list_names(), *manifest.list_models()]
            raise UnknownModel(name, known) from None
        facts = {"weights": name, **plain(config)}
    facts["inputs"] = _describe_inputs(config.plugin, config.config)
    return facts


def _describe_inputs(name: str, settings: dict[str, Any]) -> dict[str, str] | str:
    try:
        plugin = registry.get(name)
        inputs = plugin.inputs(convert(settings, plugin.config, name))
        return {key: spec.describe() for key, spec in inputs.items()}
    except GanzooError as error:  # the plugin is missing here, or is another version
        return f"not known: {error}"


def _describe_plugin(name: str) -> dict[str, Any]:
    plugin = registry.get(name)
    distribution, version = registry.get_distribution(name)
    default = convert({}, plugin.config, name)
    values = plain(default)
    presets = {}
    for key, preset in plugin.presets.items():
        changes = [f"{k}={value}" for k, value in plain(preset).items() if value != values[k]]
        presets[key] = ", ".join(changes) or "the defaults"
    return {
        "plugin": name,
        "summary": plugin.summary,
        "paper": plugin.paper,
        "distribution": f"{distribution} {version}",
        "settings": describe_settings(plugin.config),
        "presets": presets,
        "inputs": _describe_inputs(name, {}),
        "output": repr(plugin.output(default)),
        "weights": list(manifest.list_models_of(name)),
    }


def describe_settings(config: type[Config]) -> dict[str, dict[str, Any]]:
    """Name of a setting -> its JSON schema, with default, bounds and meaning."""
    schema = msgspec.json.schema(config)
    values = plain(convert({}, config, config.__name__))
    fields = schema["$defs"][config.__name__]["properties"]
    return {name: {**field, "default": values[name]} for name, field in fields.items()}


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
