"""Evaluate a model: samples and real images pass once, in batches; figures follow."""

from __future__ import annotations

import datetime
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import torch

from ganzoo.data.sources import DataSet, open_set
from ganzoo.errors import DataError, UsageError
from ganzoo.evaluate import extractors, requests
from ganzoo.evaluate.evidence import EvalOptions, Evidence
from ganzoo.evaluate.extractors import Extractor, require_pictures
from ganzoo.evaluate.groups import Group, blame_group, select_groups
from ganzoo.evaluate.neighbours import Neighbours
from ganzoo.evaluate.network import to_levels
from ganzoo.evaluate.observed import Observed
from ganzoo.evaluate.protocol import Figure, Protocol, Report
from ganzoo.evaluate.translation import find_size, list_directions
from ganzoo.inputs import Rows
from ganzoo.sampling.device import describe
from ganzoo.sampling.model import Model
from ganzoo.spec import Data, Picture
from ganzoo.version import VERSION

EVAL_BATCH = 250
LEAST_IMAGES = 100
"""Fewest samples, and fewest real images."""
Advance = Callable[[int], None]


@dataclass
class Evaluation:
    """Report of an evaluation, and the nearest real images if requested.

    `protocol`: of the evaluation, without settings of single figures; a figure may use less."""

    report: Report
    protocol: Protocol
    neighbours: Neighbours | None = None


def evaluate_model(
    model: Model, options: EvalOptions, progress: Advance | None = None
) -> Evaluation:
    """Measure a model's samples against the images of a data set.

    Raises UsageError or DataError before anything is drawn."""
    started = time.perf_counter()
    translates = bool(list_directions(model))
    selected = select_groups(options.figures).items()
    groups = {name: group for name, group in selected if group.translators == translates}
    if not groups:
        reason = "does not translate images"
        if translates:
            reason = "translates images; use translation"
        raise UsageError(f"--figures {','.join(options.figures)}: {model.name} {reason}")
    nearest = None
    if translates:
        options = replace(options, split="test")
        protocol, figures = _measure_translator(model, options, groups)
    else:
        protocol, figures, nearest = _measure_samples(
            model, options, groups, progress or (lambda count: None)
        )
    report = Report(
        model=model.name,
        weights=model.digest,
        figures=figures,
        command=build_repeat_command(model, options),
        machine=describe(model.device),
        date=datetime.date.today().isoformat(),
        seconds=round(time.perf_counter() - started, 1),
        version=VERSION,
        torch=str(torch.__version__),
    )
    return Evaluation(report, protocol, nearest)


def _measure_samples(
    model: Model, options: EvalOptions, groups: Mapping[str, Group], progress: Advance
) -> tuple[Protocol, list[Figure], Neighbours | None]:
    output = model.plugin.output(model.config)
    if not isinstance(output, Picture):
        kind = type(output).__name__.lower().removesuffix("s")  # Points, Curve
        raise UsageError(f"{model.name} makes {kind}s; figures need a model that makes images")
    data = _open_split(options)
    extractor = extractors.find_extractor(options.extractor, data.facts.name, model.device)
    size = output.size or data.facts.size
    if size is None:
        raise UsageError(f"neither {model.name} nor {data.facts.name} has a fixed image size")
    batches = data.bind(Data({"image": Picture(output.channels, size)}))
    count = batches.count if options.real is None else options.real
    _check_counts(options, count, batches.count, data.facts.name)
    rows = Rows(options.seed, options.samples)
    captions = requests.draw_captions(model.inputs, data, rows)

    fake, real = Observed(options.samples, extractor), Observed(count, extractor)
    batch = options.batch_size or EVAL_BATCH
    for part in model.stream(rows.count, seed=rows.seed, batch_size=batch, views=(), **captions):
        levels = to_levels(part.tensor)
        fake.see(levels, extractor)
        progress(len(levels))
    nearest = Neighbours(fake.pictures, fake.features) if options.neighbours else None
    for start in range(0, count, EVAL_BATCH):
        levels = batches.take(start, min(EVAL_BATCH, count - start), 0)["image"]
        features = real.see(levels, extractor)
        if nearest:
            nearest.see(levels, features)
        progress(len(levels))

    protocol = _build_protocol(model, options, data, size, count, extractor)
    if captions:
        protocol = msgspec.structs.replace(protocol, inputs=requests.FROM_CAPTIONS)
    labels = requests.draw_labels(model.inputs, extractor.classes, rows)
    evidence = Evidence(
        real=real, fake=fake, extractor=extractor, labels=labels, model=model, rows=rows
    )
    return protocol, _measure_groups(groups, protocol, evidence), nearest


def _measure_translator(
    model: Model, options: EvalOptions, groups: Mapping[str, Group]
) -> tuple[Protocol, list[Figure]]:
    data = _open_split(options)
    count = data.facts.count
    protocol = msgspec.structs.replace(
        _build_protocol(model, options, data, find_size(model), count),
        fake=count,
        inputs="images of the data",
    )
    return protocol, _measure_groups(groups, protocol, model, options)


def _measure_groups(
    groups: Mapping[str, Group], protocol: Protocol, *arguments: Any
) -> list[Figure]:
    figures: list[Figure] = []
    for name, group in groups.items():
        with blame_group(name):
            figures += [draft.complete(protocol) for draft in group.load()(*arguments)]
    return figures


def _check_counts(options: EvalOptions, real: int, available: int, name: str) -> None:
    """UsageError for too few samples or real images, or for more real images than there are."""
    if options.samples < LEAST_IMAGES:
        advice = f"at least {LEAST_IMAGES} are needed, 10,000 are advised"
        raise UsageError(f"--samples {options.samples}: {advice}")
    if not LEAST_IMAGES <= real <= available:
        there = f"{name} has {available:,} images in the split {options.split}"
        raise UsageError(f"--real {real}: {there}; at least {LEAST_IMAGES} are needed")


def _build_protocol(
    model: Model,
    options: EvalOptions,
    data: DataSet,
    size: int,
    real: int,
    extractor: Extractor | None = None,
) -> Protocol:
    """The protocol that all figures share, of samples drawn from the seed. `real`: number of
    images."""
    output = model.plugin.output(model.config)
    return Protocol(
        data=data.facts.name,
        digest=data.digest(),
        split=options.split,
        real=real,
        fake=options.samples,
        channels=output.channels if isinstance(output, Picture) else 0,
        size=size,
        resizer=extractor.resizes(size) if extractor else "none",
        extractor=extractor.name if extractor else "none",
        sha256=extractor.sha256 if extractor else "",
        seed=options.seed,
        precision=model.precision,
        ema=any(phase.ema for phase in model.gan.phases()),
    )


def _open_split(options: EvalOptions) -> DataSet:
    """Open the split of a data set; DataError if it does not exist."""
    if options.split not in ("train", "test"):
        raise UsageError(f"--split {options.split}: must be train or test")
    data = open_set(options.data, root=options.root, split=options.split)
    name = data.facts.name
    require_pictures(data.facts.kind, name)
    if options.split == "test":
        train = open_set(options.data, root=options.root)
        if data.digest() == train.digest():
            raise DataError(f"{name} has no test split; all its images belong to the train split")
    return data


def build_repeat_command(model: Model, options: EvalOptions) -> str:
    """The command that repeats an evaluation, without paths of this machine."""
    is_folder = model.source is not None and model.source.origin == "folder"
    data = Path(options.data).name if Path(options.data).exists() else options.data
    words = ["ganzoo", "eval", f"./{model.name}" if is_folder else model.name, "--data", data]
    if options.extractor:
        words += ["--extractor", Path(options.extractor).name]
    if options.real is not None:
        words += ["--real", str(options.real)]
    if options.split != "train":
        words += ["--split", options.split]
    words += ["--samples", str(options.samples), "--precision", model.precision]
    words += ["--seed", str(options.seed)]
    if options.figures:
        words += ["--figures", ",".join(options.figures)]
    return shlex.join(words)
