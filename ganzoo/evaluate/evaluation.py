"""Evaluate a model: samples and real images pass once, in batches; figures follow."""

from __future__ import annotations

import datetime
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import torch

from ganzoo.data.sources import DataSet, open_set
from ganzoo.errors import DataError, UsageError
from ganzoo.evaluate import extractors, requests
from ganzoo.evaluate.evidence import EvalOptions, Evidence, Measure, MeasureTranslator
from ganzoo.evaluate.extractors import Extractor, require_pictures
from ganzoo.evaluate.groups import select_groups
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
    """Report of an evaluation, and the nearest real images if requested."""

    report: Report
    neighbours: Neighbours | None = None


def evaluate_model(
    model: Model, options: EvalOptions, progress: Advance | None = None
) -> Evaluation:
    """Measure a model's samples against the images of a data set.

    Raises UsageError or DataError before anything is drawn."""
    started = time.perf_counter()
    advance = progress or (lambda count: None)
    groups = select_groups(options.figures)
    if list_directions(model):
        return Evaluation(evaluate_translator(model, options))
    if all(group.translators for group in groups.values()):
        names = ",".join(options.figures)
        raise UsageError(f"--figures {names}: {model.name} does not translate images")
    output = model.plugin.output(model.config)
    if not isinstance(output, Picture):
        kind = type(output).__name__.lower()
        raise UsageError(f"{model.name} makes {kind}s; figures need a model that makes images")
    data = open_split(options)
    extractor = extractors.find_extractor(options.extractor, data.facts.name, model.device)
    size = output.size or data.facts.size
    if size is None:
        raise UsageError(f"neither {model.name} nor {data.facts.name} has a fixed image size")
    batches = data.bind(Data({"image": Picture(output.channels, size)}))
    count = batches.count if options.real is None else options.real
    check_counts(options, count, batches.count, data.facts.name)
    rows = Rows(options.seed, options.samples)
    captions = requests.draw_captions(model.inputs, data, rows)

    fake = Observed(options.samples, extractor)
    batch = options.batch_size or EVAL_BATCH
    for part in model.stream(
        options.samples, seed=options.seed, batch_size=batch, views=(), **captions
    ):
        levels = to_levels(part.tensor)
        fake.see(levels, extractor)
        advance(len(levels))
    nearest = Neighbours(fake.pictures, fake.features) if options.neighbours else None
    real = Observed(count, extractor)
    for start in range(0, count, EVAL_BATCH):
        levels = batches.take(start, min(EVAL_BATCH, count - start), 0)["image"]
        features = real.see(levels, extractor)
        if nearest:
            nearest.see(levels, features)
        advance(len(levels))

    protocol = build_protocol(model, options, data, size, count, extractor)
    if captions:
        protocol = msgspec.structs.replace(protocol, inputs=requests.FROM_CAPTIONS)
    labels = requests.draw_labels(model.inputs, extractor.classes, rows)
    evidence = Evidence(
        real=real, fake=fake, extractor=extractor, labels=labels, model=model, rows=rows
    )
    figures = []
    for group in groups.values():
        if not group.translators:
            measure: Measure = group.load()
            figures += [draft.complete(protocol) for draft in measure(evidence)]
    return Evaluation(build_report(model, options, figures, started), nearest)


def evaluate_translator(model: Model, options: EvalOptions) -> Report:
    """Figures of a model that translates images between two domains, on the test split."""
    started = time.perf_counter()
    options = replace(options, split="test")
    groups = [group for group in select_groups(options.figures).values() if group.translators]
    if not groups:
        names = ",".join(options.figures)
        raise UsageError(f"--figures {names}: {model.name} translates images; use translation")
    data = open_split(options)
    count, size = data.facts.count, find_size(model)
    protocol = msgspec.structs.replace(
        build_protocol(model, options, data, size, count), fake=count, inputs="images of the data"
    )
    figures = []
    for group in groups:
        measure: MeasureTranslator = group.load()
        figures += [draft.complete(protocol) for draft in measure(model, options)]
    return build_report(model, options, figures, started)


def check_counts(options: EvalOptions, real: int, available: int, name: str) -> None:
    """UsageError for too few samples or real images, or for more real images than there are."""
    if options.samples < LEAST_IMAGES:
        advice = f"at least {LEAST_IMAGES} are needed, 10,000 are advised"
        raise UsageError(f"--samples {options.samples}: {advice}")
    if not LEAST_IMAGES <= real <= available:
        there = f"{name} has {available:,} images in the split {options.split}"
        raise UsageError(f"--real {real}: {there}; at least {LEAST_IMAGES} are needed")


def build_protocol(
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


def build_report(
    model: Model, options: EvalOptions, figures: list[Figure], started: float
) -> Report:
    """Figures, and what produced them. `started`: when the evaluation started."""
    return Report(
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


def open_split(options: EvalOptions) -> DataSet:
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
    return shlex.join(words)
