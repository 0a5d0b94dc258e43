"""Prepare a model for publication: a folder with config, weights, sample sheet, golden samples and
card, and a manifest entry.

Only the files of `PUBLISHED` are copied, whatever else is beside them.
"""

from __future__ import annotations

import dataclasses
import math
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ganzoo.errors import InputError, ManifestError, RunError, UsageError, WeightsError
from ganzoo.evaluate import protocol
from ganzoo.files import sha256, write_json
from ganzoo.inputs import Label, Text
from ganzoo.release import Description, verification
from ganzoo.spec import Curve, Picture, Points
from ganzoo.training import record
from ganzoo.zoo import card, reference, weights
from ganzoo.zoo.manifest import File, Golden, Metric, ModelEntry, Training, may_be_called

if TYPE_CHECKING:
    from ganzoo.release.upload import Published
    from ganzoo.sampling.model import Model
    from ganzoo.sampling.samples import Samples
    from ganzoo.zoo.pull import Pulled

SAMPLE_SHEET = "samples.png"
PUBLISHED = (
    weights.CONFIG,
    weights.MODEL,
    weights.TRAINING,
    SAMPLE_SHEET,
    verification.GOLDEN,
    card.CARD,
)
GOLDEN_COUNTS = {Picture: 8, Points: 256, Curve: 16}
SHEET_CLASSES = 20
"""Largest number of classes for which a sheet shows a row each."""
PER_CLASS, PER_PROMPT = 10, 8
"""Samples in a row of a sheet."""
METADATA_KEYS = {"format", *weights.ModelConfig.__struct_fields__}
"""Metadata that a published file may have."""


def prepare_model(
    source: Path,
    into: Path,
    repository: str,
    description: Description,
    *,
    entry: ModelEntry | None = None,
    training: bool = True,
    call: str = "",
) -> ModelEntry:
    """Fill the folder `into` from a run, a model's folder or a known model (`entry`).

    Returns the manifest entry. `training`: include the networks that fine-tuning needs; `call`:
    the model's name in its card (default: `repository`). Raises RunError for an unfinished run,
    UsageError without licence or summary, WeightsError for invalid files."""
    name = call or repository
    known = entry or _build_entry(source)
    licence = description.licence or known.licence
    summary = description.summary or known.summary
    if not licence:
        raise UsageError(
            "--licence is needed: the terms of the weights; consider the licence of the data "
            "(mit, cc-by-4.0, other ...)"
        )
    if not summary:
        raise UsageError("--summary is needed: what the model generates, in one line")
    metrics = known.metrics
    if description.metrics is not None:
        try:
            metrics = msgspec.json.decode(description.metrics.read_bytes(), type=list[Metric])
        except (OSError, msgspec.DecodeError) as error:
            raise ManifestError(description.metrics, str(error)) from None
    folder = shlex.quote(f"./{source.absolute().name}")  # as recorded commands name the model
    metrics = [
        msgspec.structs.replace(one, command=one.command.replace(folder, name, 1))
        for one in metrics
    ]
    examples = known.examples if description.examples is None else list(description.examples)
    into.mkdir(parents=True, exist_ok=True)
    config = _copy_weights(source, into, training)
    golden = _sample(into, name, examples)
    prepared = msgspec.structs.replace(
        known,
        summary=summary,
        repository=repository,
        revision=None,
        config=config.config,
        licence=licence,
        notes=known.notes if description.notes is None else description.notes,
        metrics=metrics,
        examples=examples,
        golden=golden,
        files={
            file: _describe_file(into / file)
            for file in sorted(PUBLISHED)
            if file != card.CARD and (into / file).exists()
        },
    )
    (into / card.CARD).write_text(card.render_card(name, prepared), "utf-8")
    return prepared


@contextmanager
def prepare_temporary(
    source: Pulled, repository: str, description: Description, *, training: bool = True
) -> Iterator[tuple[Path, ModelEntry]]:
    """A temporary folder with a prepared model, and its manifest entry."""
    reference.parse_reference(repository)
    with tempfile.TemporaryDirectory(prefix="ganzoo-") as temporary:
        folder = Path(temporary)
        entry = prepare_model(
            source.folder, folder, repository, description, entry=source.entry, training=training
        )
        yield folder, entry


def publish_model(
    source: Pulled,
    repository: str,
    *,
    description: Description | None = None,
    training: bool = True,
    private: bool = False,
    tag: str | None = None,
) -> Published:
    """Publish a pulled or trained model on the Hub as one commit."""
    from ganzoo.release import upload

    description = description or Description()
    with prepare_temporary(source, repository, description, training=training) as (folder, entry):
        files = [*entry.files, card.CARD]
        done = upload.upload_files(
            folder, repository, files, ours=PUBLISHED, private=private, tag=tag
        )
    return dataclasses.replace(done, entry=msgspec.structs.replace(entry, revision=done.commit))


def suggest_name(done: Published) -> str:
    """A manifest name for a published model: <plugin>-<tag> or <preset>-<tag>."""
    plugin = done.entry.plugin if done.entry else ""
    name = done.repository.rpartition("/")[2].lower()
    return name if may_be_called(name, plugin) else f"{plugin}-{name}"


def _build_entry(source: Path) -> ModelEntry:
    """An entry from config.json, run.json and the metrics of `ganzoo eval` in a folder."""
    run = None
    if (source / record.RUN).exists():
        run, _ = record.read_run(source)
        if not run.done:
            raise RunError(f"{source} is not finished; ganzoo train --resume --out {source}")
    config = weights.read_config(source)
    parameters: dict[str, int] = {}
    for file in (weights.MODEL, weights.TRAINING):
        if (source / file).exists():
            for key, (_, shape) in weights.read_header(source / file).tensors.items():
                network = key.partition(".")[0]
                parameters[network] = parameters.get(network, 0) + math.prod(shape)
    entry = ModelEntry(
        plugin=config.plugin,
        distribution=config.distribution,
        summary="",
        repository="owner/name",
        revision=None,
        files={},
        config=config.config,
        licence="",
        parameters=parameters,
        golden=Golden(seed=0, n=1),
    )
    if run is None:
        return entry
    metrics: list[Metric] = []
    if (source / protocol.REPORT).is_file():
        report = protocol.read_report(source / protocol.REPORT)
        if report.weights == sha256(source / weights.MODEL):  # else of an earlier checkpoint
            metrics = report.metrics()
    training = Training(
        command=run.command,
        seed=run.seed,
        steps=sum(run.phases.values()),
        batch=max(run.batch.values()),
        precision=run.precision,
        machine=run.machine,
        minutes=round(run.seconds / 60, 1),
        date=run.date,
        version=run.version,
        torch=run.torch,
    )
    return msgspec.structs.replace(
        entry,
        plugin=run.plugin,
        parameters=run.parameters,
        data=run.data,
        training=training,
        parent=run.parent,
        metrics=metrics,
    )


def _copy_weights(source: Path, into: Path, training: bool) -> weights.ModelConfig:
    """Copy config and weights; config.json then states size and sha256 of the weights."""
    config = weights.read_config(source)
    names = [weights.MODEL]
    if training and (source / weights.TRAINING).exists():
        names.append(weights.TRAINING)
    else:
        (into / weights.TRAINING).unlink(missing_ok=True)  # of an earlier release
    for name in names:
        unknown = set(weights.read_header(source / name).metadata) - METADATA_KEYS
        if unknown:
            raise WeightsError(
                source / name,
                f"its metadata has {', '.join(sorted(unknown))}, which may be private",
            )
        shutil.copyfile(source / name, into / name)
    config = msgspec.structs.replace(
        config, files={name: _describe_file(into / name) for name in names}
    )
    write_json(into / weights.CONFIG, config)
    return config


def _sample(folder: Path, name: str, examples: Sequence[str]) -> Golden:
    """Write golden.npz and, unless a sample needs a user's image, samples.png.

    Samples in float32 on the CPU. `name`: the model's name in the metadata of samples.png."""
    from ganzoo.sampling.model import Model

    model = Model.load(folder.absolute(), device="cpu", precision="fp32")
    model.name = name
    kind = type(model.plugin.output(model.config))
    golden = Golden(seed=0, n=GOLDEN_COUNTS[kind])
    verification.write_golden(model, folder / verification.GOLDEN, seed=golden.seed, n=golden.n)
    try:
        sheet = _sample_sheet(model, examples)
    except InputError:
        if examples:
            raise
    else:
        sheet.save(folder / SAMPLE_SHEET, force=True)
    return golden


def _sample_sheet(model: Model, examples: Sequence[str]) -> Samples:
    """A row for each prompt of `examples` or, if they are few, each class; or unordered samples.

    Raises InputError if a sample needs a user's image, UsageError for prompts to another model."""
    given: dict[str, Any]
    if examples:
        for name, spec in model.inputs.items():
            if isinstance(spec, Text):
                given = {name: list(examples)}
                count = PER_PROMPT * len(examples)
                return model.sample(count, seed=0, columns=PER_PROMPT, views=(), **given)
        raise UsageError(f"{model.name} takes no prompts, so it cannot have examples")
    for name, spec in model.inputs.items():
        if isinstance(spec, Label) and 1 < len(spec.classes) <= SHEET_CLASSES:
            given = {name: "all"}
            count = PER_CLASS * len(spec.classes)
            return model.sample(count, seed=0, columns=PER_CLASS, views=(), **given)
    return model.sample(model.output.default_count, seed=0, views=())


def _describe_file(path: Path) -> File:
    return File(sha256=sha256(path), bytes=path.stat().st_size)
