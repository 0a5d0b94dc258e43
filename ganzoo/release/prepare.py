"""A model made ready for others: one folder with config, weights, sample sheet, golden rows and card, and its manifest entry.

Only the files of `PUBLISHED` are ever copied, whatever else lies beside them.
"""

from __future__ import annotations

import dataclasses
import math
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ganzoo.errors import InputError, ManifestError, RunError, UsageError, WeightsError
from ganzoo.evaluate import protocol
from ganzoo.files import sha256, write_json
from ganzoo.inputs import Label, Text
from ganzoo.release import golden
from ganzoo.training import record
from ganzoo.training.record import Run
from ganzoo.zoo import card, place, weights
from ganzoo.zoo.manifest import Entry, File, Golden, Metric, Training, may_be_called

if TYPE_CHECKING:
    from ganzoo.release.upload import Published
    from ganzoo.sampling.model import Model
    from ganzoo.sampling.samples import Samples
    from ganzoo.zoo.source import Pulled

SAMPLES = "samples.png"
PUBLISHED = (weights.CONFIG, weights.MODEL, weights.TRAINING, SAMPLES, golden.GOLDEN, card.CARD)
GOLDEN_ROWS = {"Picture": 8, "Points": 256, "Curve": 16}
SHEET_CLASSES, LINE = 20, 10
"""Classes that a sheet shows, and samples of each."""
WORDED = 8
"""Samples of each sentence."""
HEADER = {"format", *weights.ModelConfig.__struct_fields__}
"""What the header of a published file may say beside its tensors."""


@dataclass(frozen=True)
class Story:
    """What only a person can say of a model. None: as its entry, or the run's folder, has it. `metrics`: a JSON list of {name,
    value, protocol, command}. `examples`: sentences that the model draws well, for its sample sheet and its card."""

    summary: str | None = None
    licence: str | None = None
    notes: str | None = None
    metrics: Path | None = None
    examples: Sequence[str] | None = None


def prepare(
    source: Path,
    into: Path,
    repository: str,
    story: Story,
    *,
    entry: Entry | None = None,
    training: bool = True,
    call: str = "",
) -> Entry:
    """Fill the folder `into` from a run, a model's folder, or a known model (`entry`), and give its manifest entry.

    `training`: with the networks that fine-tuning needs; `call`: the name that the card tells people to use. Raises RunError
    for an unfinished run, UsageError where a licence or a summary is missing, WeightsError for files that do not fit."""
    run = _run(source)
    known = entry or _begun(source, run)
    licence, summary = story.licence or known.licence, story.summary or known.summary
    if not licence:
        raise UsageError(
            "--licence is needed: the terms of the weights, which the data bear on (mit, cc-by-4.0, other ...)"
        )
    if not summary:
        raise UsageError("--summary is needed: what the model makes, in one line")
    metrics = (
        known.metrics if story.metrics is None else _metrics(story.metrics)
    )  # refused before anything is written
    metrics = _called(metrics, source, call or repository)
    into.mkdir(parents=True, exist_ok=True)
    config = _copied(source, into, training)
    examples = known.examples if story.examples is None else list(story.examples)
    model = _sheet(into, call or repository, examples)
    made = msgspec.structs.replace(
        known,
        summary=summary,
        repository=repository,
        revision=None,
        config=config.config,
        licence=licence,
        notes=known.notes if story.notes is None else story.notes,
        metrics=metrics,
        examples=examples,
        golden=Golden(seed=0, n=GOLDEN_ROWS[type(model.plugin.output(model.config)).__name__]),
        files=_files(into),
    )
    (into / card.CARD).write_text(card.render(call or repository, made), "utf-8")
    return made


@contextmanager
def prepared(
    source: Pulled, repository: str, story: Story, *, training: bool = True
) -> Iterator[tuple[Path, Entry]]:
    """A pulled or trained model made ready in a folder that goes away again, and its entry."""
    place.reference(repository)
    with tempfile.TemporaryDirectory(prefix="ganzoo-") as folder:
        yield (
            Path(folder),
            prepare(
                source.folder,
                Path(folder),
                repository,
                story,
                entry=source.entry,
                training=training,
            ),
        )


def publish(
    source: Pulled,
    repository: str,
    *,
    story: Story = Story(),
    training: bool = True,
    private: bool = False,
    tag: str | None = None,
) -> Published:
    """Put a pulled or trained model on the Hub as one commit."""
    from ganzoo.release import upload

    with prepared(source, repository, story, training=training) as (folder, entry):
        done = upload.publish(
            folder, repository, [*entry.files, card.CARD], ours=PUBLISHED, private=private, tag=tag
        )
    return dataclasses.replace(done, entry=msgspec.structs.replace(entry, revision=done.commit))


def manifest_name(done: Published) -> str:
    """What a manifest would call a published model: <plugin>-<tag>, or <preset>-<tag>."""
    plugin, name = (
        done.entry.plugin if done.entry else "",
        done.repository.rpartition("/")[2].lower(),
    )
    return name if may_be_called(name, plugin) else f"{plugin}-{name}"


def _run(source: Path) -> Run | None:
    if not (source / record.RUN).exists():
        return None
    run, _ = record.read_run(source)
    if not run.done:
        raise RunError(f"{source} is not finished; ganzoo train --resume --out {source}")
    return run


def _begun(source: Path, run: Run | None) -> Entry:
    """The entry as far as the records tell it, the figures of `ganzoo eval` among them."""
    config = weights.read_config(source)
    unsaid: dict[str, Any] = {
        "distribution": config.distribution, "config": config.config, "repository": "owner/name", "summary": "", "licence": "",
        "revision": None, "files": {}, "golden": Golden(seed=0, n=1),
    }  # fmt: skip
    if run is None:
        return Entry(plugin=config.plugin, parameters=_parameters(source), **unsaid)
    training = Training(
        command=run.command, seed=run.seed, steps=sum(run.phases.values()), batch=max(run.batch.values()),
        precision=run.precision, machine=run.machine, minutes=round(run.seconds / 60, 1), date=run.date, version=run.version,
        torch=run.torch,
    )  # fmt: skip
    return Entry(
        plugin=run.plugin, parameters=run.parameters, data=run.data, training=training, parent=run.parent,
        metrics=_evaluated(source), **unsaid,
    )  # fmt: skip


def _evaluated(run: Path) -> list[Metric]:
    """Figures that lie in the run's folder, as far as they are of these weights."""
    if not (run / protocol.REPORT).is_file():
        return []
    report = protocol.read_report(run / protocol.REPORT)
    return report.metrics() if report.weights == sha256(run / weights.MODEL) else []


def _called(metrics: list[Metric], folder: Path, name: str) -> list[Metric]:
    """Commands say the name that the model has from now on, where they said its folder."""
    said = shlex.quote(f"./{folder.absolute().name}")
    return [
        msgspec.structs.replace(one, command=one.command.replace(said, name, 1)) for one in metrics
    ]


def _parameters(source: Path) -> dict[str, int]:
    """Values by network, as the weights' own headers have them."""
    counts: dict[str, int] = {}
    for name in (weights.MODEL, weights.TRAINING):
        if (source / name).exists():
            for key, (_, shape) in weights.read_header(source / name).tensors.items():
                network = key.partition(".")[0]
                counts[network] = counts.get(network, 0) + math.prod(shape)
    return counts


def _copied(source: Path, into: Path, training: bool) -> weights.ModelConfig:
    """Config and weights. config.json tells size and sha256 of the files beside it."""
    config = weights.read_config(source)
    files = [
        weights.MODEL,
        *([weights.TRAINING] if training and (source / weights.TRAINING).exists() else []),
    ]
    for name in {weights.TRAINING} - set(files):  # of an earlier release
        (into / name).unlink(missing_ok=True)
    for name in files:
        foreign = set(weights.read_header(source / name).metadata) - HEADER
        if foreign:
            raise WeightsError(
                source / name,
                f"its header says {', '.join(sorted(foreign))}, which is not for others to read",
            )
        shutil.copyfile(source / name, into / name)
    config = msgspec.structs.replace(config, files={name: _file(into / name) for name in files})
    write_json(into / weights.CONFIG, config)
    return config


def _sheet(folder: Path, name: str, examples: Sequence[str]) -> Model:
    """samples.png where samples can be drawn without a picture of somebody's, and golden.npz; in float32 on the CPU. `name`: what
    the picture says it was made by. InputError for `examples` that say nothing, UsageError where the model takes none."""
    from ganzoo.sampling.model import Model

    model = Model.load(folder.absolute(), device="cpu", precision="fp32")
    model.name = name
    kind = type(model.plugin.output(model.config)).__name__
    golden.write_golden(model, folder / golden.GOLDEN, seed=0, n=GOLDEN_ROWS[kind])
    if examples:
        _of_sentences(model, examples).save(folder / SAMPLES, force=True)
        return model
    try:
        made = _of_classes(model) or model.sample(model.output.default_count, seed=0, views=())
    except InputError:
        return model
    made.save(folder / SAMPLES, force=True)
    return model


def _of_classes(model: Model) -> Samples | None:
    """A line of samples for each class, where a model takes one and a sheet has room for all."""
    for name, spec in model.inputs.items():
        if isinstance(spec, Label) and 1 < len(spec.classes) <= SHEET_CLASSES:
            given: dict[str, Any] = {name: "all"}
            return model.sample(LINE * len(spec.classes), seed=0, columns=LINE, views=(), **given)
    return None


def _of_sentences(model: Model, examples: Sequence[str]) -> Samples:
    """A line of samples for each sentence."""
    name = next((name for name, spec in model.inputs.items() if isinstance(spec, Text)), None)
    if name is None:
        raise UsageError(f"{model.name} takes no sentences, of which there could be examples")
    given: dict[str, Any] = {name: list(examples)}
    return model.sample(WORDED * len(examples), seed=0, columns=WORDED, views=(), **given)


def _files(folder: Path) -> dict[str, File]:
    """Every published file but the card, whose text quotes the others."""
    return {
        name: _file(folder / name)
        for name in sorted(PUBLISHED)
        if name != card.CARD and (folder / name).exists()
    }


def _file(path: Path) -> File:
    return File(sha256=sha256(path), bytes=path.stat().st_size)


def _metrics(path: Path) -> list[Metric]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Metric])
    except (OSError, msgspec.DecodeError) as error:
        raise ManifestError(path, str(error)) from None
