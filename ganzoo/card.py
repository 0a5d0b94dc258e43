"""The model card (README.md of a model), rendered from its manifest entry. Light: no torch."""

from __future__ import annotations

from collections.abc import Mapping

from ganzoo import registry
from ganzoo.manifest import Entry

CARD = "README.md"
BEGIN, END = "<!-- models: written by `ganzoo manifest cards` -->", "<!-- /models -->"
TASKS = {"image": "image-to-image", "text": "text-to-image"}


def render(name: str, entry: Entry) -> str:
    """Markdown with the Hub's front matter. Every fact comes from the entry; text from outside is escaped."""
    plugin = registry.get(entry.plugin)
    return "\n".join(
        [
            *_front(name, entry),
            f"# {name}",
            "",
            f"{_safe(entry.summary)}. {_safe(plugin.summary)} ([paper]({plugin.paper})).",
            "",
            "![samples](samples.png)",
            "",
            "*Generated pictures: 64 samples of seed 0, or the points and curves of as many rows.*",
            "",
            "## Use",
            "",
            "    pip install ganzoo-torch",
            f"    ganzoo sample {name} --seed 0 -o samples.png",
            "",
            "```python",
            "import ganzoo",
            "",
            f'ganzoo.load("{name}").sample(16, seed=0).save("samples.png")',
            "```",
            "",
            *_training(entry),
            *_metrics(entry),
            *_limits(entry),
            "",
        ]
    )


def table(models: Mapping[str, Entry]) -> str:
    """The weights table of README.md, with its markers."""
    rows = [
        f"| [{name}](weights/{name}/{CARD}) | {_safe(entry.summary)} | {_safe(entry.data.name)} "
        f"| {sum(file.bytes for file in entry.files.values()) / 1e6:.1f} MB |"
        for name, entry in models.items()
    ]
    return "\n".join([BEGIN, "| name | what | data | size |", "|---|---|---|---|", *rows, END])


def with_table(readme: str, models: Mapping[str, Entry]) -> str:
    """README.md with its weights table as the manifest has it."""
    before, _, rest = readme.partition(BEGIN)
    return before + table(models) + rest.partition(END)[2]


def _front(name: str, entry: Entry) -> list[str]:
    plugin = registry.get(entry.plugin)
    inputs = plugin.inputs(plugin.config())
    task = next((TASKS[key] for key in inputs if key in TASKS), "unconditional-image-generation")
    licence = [f"license: {entry.licence}"]
    if entry.licence not in ("mit", "apache-2.0", "cc-by-sa-3.0", "cc-by-4.0"):
        licence = ["license: other", f"license_name: {entry.licence}"]
    tags = ["gan", entry.plugin, "safetensors"]
    return ["---", "library_name: ganzoo", f"pipeline_tag: {task}", *licence, "tags:", *[f"- {tag}" for tag in tags], "---", ""]


def _training(entry: Entry) -> list[str]:
    made, data = entry.training, entry.data
    parameters = ", ".join(f"{name} {count:,}" for name, count in entry.parameters.items())
    return [
        "## Training",
        "",
        f"- data: {_safe(data.name)}, {data.count:,} examples, digest `{data.digest[:16]}`; terms: {_safe(data.licence)}",
        f"- source of the data: {_safe(data.source)}",
        f"- command: `{made.command}`",
        f"- {made.steps:,} steps of {made.batch}, seed {made.seed}, {made.precision}",
        f"- {made.minutes:g} minutes on {_safe(made.machine)}",
        f"- ganzoo {made.version}, torch {made.torch}, {made.date}",
        f"- parameters: {parameters}",
        f"- licence of the weights: {_safe(entry.licence)}",
        "",
    ]


def _metrics(entry: Entry) -> list[str]:
    if not entry.metrics:
        return []
    rows = [f"| {_safe(m.name)} | {_safe(str(m.value))} | {_safe(m.protocol)} | `{_safe(m.command)}` |" for m in entry.metrics]
    return ["## Measured", "", "| figure | value | protocol | command |", "|---|---|---|---|", *rows, ""]


def _limits(entry: Entry) -> list[str]:
    return ["## Limits", "", _safe(entry.notes) or "Samples are as good as the figures above say and no better."]


def _safe(text: str) -> str:
    """Text from outside on one line, without markup that a page would obey."""
    return " ".join(text.split()).replace("<", "&lt;").replace("|", "\\|")
