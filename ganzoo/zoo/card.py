"""Model cards (README.md of a model), rendered from manifest entries.

Text from outside is escaped. Imports no torch; the Hub client writes the front matter.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from ganzoo.config import convert
from ganzoo.data.named import find_named_set, list_names
from ganzoo.inputs import Choice, Input
from ganzoo.zoo import registry
from ganzoo.zoo.manifest import Metric, ModelEntry

CARD = "README.md"
BEGIN, END = "<!-- models: written by `ganzoo manifest cards` -->", "<!-- /models -->"
TASKS = {"image": "image-to-image", "text": "text-to-image"}
"""Tasks on the Hub by input; all other models are unconditional there."""
EXAMPLES = {"text": "a prompt", "image": "photo.jpg"}
"""Values that the first command of a card passes to required inputs."""
LICENCES = (
    "mit",
    "apache-2.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc-by-4.0",
    "cc-by-nc-4.0",
    "cc0-1.0",
    "openrail",
    "unknown",
)
"""Identifiers that the Hub accepts; others are named as `other`."""
ESCAPES = {"&": "&amp;", "<": "&lt;", "|": "\\|", "](": "]&#40;", "`": "'"}
DISTANCES = {"FID": "Frechet distance", "KID": "kernel distance"}
"""Names for metrics that manifests call FID and KID although an extractor of ganzoo, not
Inception, computed the features."""
EXTRACTOR = re.compile(r", (\S+) [0-9a-f]{12}, resizer ")
"""The extractor in a metric's protocol."""


def render_card(name: str, entry: ModelEntry) -> str:
    """Markdown with front matter. `name`: what users type, a manifest name or owner/name."""
    plugin = registry.get(entry.plugin)
    inputs = plugin.inputs(convert(entry.config, plugin.config, entry.plugin))
    commands, code = _usage(name, entry, inputs)
    install = ["    pip install ganzoo-torch"]
    third_party = entry.distribution != "ganzoo-torch"
    if third_party and registry.DISTRIBUTION.fullmatch(entry.distribution):
        install.append(f"    pip install {entry.distribution}")
    summary = _escape(entry.summary).rstrip(".")
    lines = ["---", _front_matter(name, entry, inputs), "---", ""]
    lines += [f"# {name.rpartition('/')[2]}", ""]
    lines += [f"{summary}. {_escape(plugin.summary)} ([paper]({plugin.paper})).", ""]
    if "samples.png" in entry.files:
        lines += ["![samples](samples.png)", "", "*Samples from seed 0 on.*", ""]
    lines += ["## Use", "", *install, *commands, ""]
    lines += ["```python", "import ganzoo", "", *code, "```", ""]
    lines += ["## Training", "", *_training(entry), ""]
    if entry.metrics:
        lines += ["## Metrics", "", "| metric | value | protocol | command |", "|---|---|---|---|"]
        for metric in entry.metrics:
            cells = [_escape(str(cell)) for cell in (metric.value, metric.protocol)]
            title = _escape(_metric_name(metric))
            lines.append(f"| {title} | {' | '.join(cells)} | `{_escape(metric.command)}` |")
        lines.append("")
    limits = _escape(entry.notes) or "Samples are as good as the metrics above state."
    lines += ["## Limits", "", limits, ""]
    return "\n".join(lines)


def render_table(models: Mapping[str, ModelEntry]) -> str:
    """The weights table of README.md, with its markers."""
    lines = [BEGIN, "| name | what | data | size |", "|---|---|---|---|"]
    for name, entry in models.items():
        data = _escape(entry.data.name) if entry.data else "-"
        total = sum(file.bytes for file in entry.files.values())
        size = f"{total / 1e6:.1f} MB" if total >= 1e6 else f"{total / 1e3:.0f} kB"
        link = f"[{name}](weights/{name}/{CARD})"
        lines.append(f"| {link} | {_escape(entry.summary)} | {data} | {size} |")
    return "\n".join([*lines, END])


def replace_table(readme: str, models: Mapping[str, ModelEntry]) -> str:
    """README.md with a current weights table."""
    before, _, rest = readme.partition(BEGIN)
    return before + render_table(models) + rest.partition(END)[2]


def _front_matter(name: str, entry: ModelEntry, inputs: Mapping[str, Input]) -> str:
    """YAML metadata that the Hub reads, with the metrics as its model index."""
    from huggingface_hub import EvalResult, ModelCardData

    task = "unconditional-image-generation"
    for key in inputs:
        if key in TASKS:
            task = TASKS[key]
            break
    facts: dict[str, Any] = {
        "library_name": "ganzoo",
        "pipeline_tag": task,
        "license": entry.licence,
        "tags": ["gan", entry.plugin, "safetensors"],
    }
    if entry.licence not in LICENCES:
        facts |= {"license": "other", "license_name": _join(entry.licence)}
    data = _join(entry.data.name) if entry.data else ""
    named = find_named_set(data) if data in list_names() else None
    hub_name = named.hub if named else ""
    if hub_name:
        facts["datasets"] = [hub_name]
    if entry.parent and entry.parent.repository:
        facts |= {"base_model": entry.parent.repository, "base_model_relation": "finetune"}
    results = []
    for metric in entry.metrics:
        if data and isinstance(metric.value, (int, float)):
            title = _metric_name(metric)
            kind = re.sub(r"[^a-z0-9]+", "-", title.partition("(")[0].lower()).strip("-")
            results.append(
                EvalResult(
                    task_type=task,
                    dataset_type=hub_name or data,
                    dataset_name=data,
                    metric_type=kind,
                    metric_value=metric.value,
                    metric_name=title,
                )
            )
    if results:
        facts |= {"model_name": name.rpartition("/")[2], "eval_results": results}
    return ModelCardData(**facts).to_yaml()


def _metric_name(metric: Metric) -> str:
    """A metric's name, with the extractor for distances that are not computed with Inception."""
    extractor = EXTRACTOR.search(metric.protocol)
    if metric.name in DISTANCES and extractor and not extractor[1].startswith("inception"):
        return f"{DISTANCES[metric.name]} ({extractor[1]})"
    return metric.name


def _usage(
    name: str, entry: ModelEntry, inputs: Mapping[str, Input]
) -> tuple[list[str], list[str]]:
    """Commands and Python code for a first sample; for photographs, one of each direction."""
    load = f'model = ganzoo.load("{name}")'
    if any(spec.has_any_size for spec in inputs.values()):
        translate = 'model.translate("photo.jpg"'
        for spec in inputs.values():
            if isinstance(spec, Choice):
                break
        else:
            return (
                [f"    ganzoo sample {name} --image photo.jpg -o result.png"],
                [load, f'{translate}).save("result.png")'],
            )
        commands, code = [], [load]
        for way in spec.options:
            option = f"--image photo.jpg --direction {way}"
            commands.append(f"    ganzoo sample {name} {option} -o {way}.png")
            code.append(f'{translate}, direction="{way}").save("{way}.png")')
        return commands, code
    examples = dict(EXAMPLES)
    if entry.examples:
        examples["text"] = _join(entry.examples[0])
    options = arguments = ""
    for key, value in examples.items():
        if key in inputs:
            options += f" --{key} {shlex.quote(value)}"
            arguments += f", {key}={json.dumps(value, ensure_ascii=False)}"
    code = [load, f'model.sample(16, seed=0{arguments}).save("samples.png")']
    return [f"    ganzoo sample {name} --seed 0{options} -o samples.png"], code


def _training(entry: ModelEntry) -> list[str]:
    training, data, parent = entry.training, entry.data, entry.parent
    lines = []
    if data:
        lines.append(
            f"- data: {_escape(data.name)}, {data.count:,} examples, "
            f"digest `{data.digest[:16]}`; terms: {_escape(data.licence)}"
        )
        if data.source:
            lines.append(f"- source of the data: {_escape(data.source)}")
    if parent:
        where = ""
        if parent.repository:
            where = f" ({parent.repository}@{(parent.revision or 'not pinned')[:12]})"
        lines.append(
            f"- fine-tuned from {_escape(parent.name)}{where}, sha256 `{parent.sha256[:16]}`"
        )
    if training:
        lines += [
            f"- command: `{_escape(training.command)}`",
            f"- {training.steps:,} steps of {training.batch}, seed {training.seed}, "
            f"{_escape(training.precision)}",
            f"- {training.minutes:g} minutes on {_escape(training.machine)}",
            f"- ganzoo {_escape(training.version)}, torch {_escape(training.torch)}, "
            f"{_escape(training.date)}",
        ]
    else:
        lines.append("- not trained by ganzoo, or its record is not available")
    parameters = [f"{_escape(name)} {count:,}" for name, count in entry.parameters.items()]
    lines.append(f"- parameters: {', '.join(parameters)}")
    lines.append(f"- licence of the weights: {_escape(entry.licence)}")
    return lines


def _escape(text: str) -> str:
    """Text from outside on one line, without control characters, Markdown or HTML."""
    line = _join(text)
    for sign, replacement in ESCAPES.items():
        line = line.replace(sign, replacement)
    return line


def _join(text: str) -> str:
    """Text on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
