"""One evaluation: samples and real pictures pass once, in batches; figures are made of what was kept of them."""

from __future__ import annotations

import datetime
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.batches import Batches
from ganzoo.data.sources import DataSet, open_set
from ganzoo.errors import DataError, UsageError, did_you_mean, near
from ganzoo.evaluate import extractors, figures, requests
from ganzoo.evaluate.extractors import Extractor, require_pictures
from ganzoo.evaluate.neighbours import Neighbours
from ganzoo.evaluate.network import to_levels
from ganzoo.evaluate.observed import Observed
from ganzoo.evaluate.protocol import DRAWN, Figure, Protocol, Report
from ganzoo.inputs import Rows
from ganzoo.sampling.device import describe
from ganzoo.sampling.model import Model
from ganzoo.spec import Data, Picture
from ganzoo.version import VERSION

EVAL_BATCH = 250
LEAST_IMAGES = 100
"""Pictures of either kind."""
Advance = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class EvalOptions:
    """What the user wants measured. `real`: how many pictures of the split, None for all; `figures`: groups of
    `figures.GROUPS`; `neighbours`: whether to look for the nearest real pictures."""

    data: str
    root: Path | None = None
    split: str = "train"
    samples: int = 10_000
    real: int | None = None
    extractor: str | None = None
    seed: int = 0
    batch_size: int | None = None
    figures: tuple[str, ...] = ()
    neighbours: bool = False


@dataclass
class Evaluation:
    """`neighbours`: where they were asked for."""

    report: Report
    neighbours: Neighbours | None = field(default=None)


@dataclass(frozen=True)
class _Prepared:
    """What can be measured, before anything is drawn. `count`: real pictures; `told`: inputs that the seed cannot draw."""

    groups: tuple[str, ...]
    data: DataSet
    batches: Batches
    count: int
    picture: Picture
    extractor: Extractor
    told: Mapping[str, Any]


def evaluate(model: Model, asked: EvalOptions, progress: Advance | None = None) -> Evaluation:
    """Figures of a model's samples against a data set's pictures. UsageError or DataError before anything is drawn."""
    begun = time.perf_counter()
    ready, advance = _prepared(model, asked), progress or (lambda n: None)
    fake = Observed(asked.samples, ready.extractor)
    for levels in _drawn(model, asked, ready.told):
        fake.see(levels, ready.extractor)
        advance(len(levels))
    near_ones = Neighbours(fake.pictures, fake.features) if asked.neighbours else None
    real = Observed(ready.count, ready.extractor)
    for start in range(0, ready.count, EVAL_BATCH):
        levels = ready.batches.take(start, min(EVAL_BATCH, ready.count - start), 0)["image"]
        features = real.see(levels, ready.extractor)
        if near_ones:
            near_ones.see(levels, features)
        advance(len(levels))
    labels = requests.draw_labels(
        model.inputs, ready.extractor.classes, Rows(asked.seed, asked.samples)
    )
    made = list(
        _figures(ready.groups, real, fake, ready.extractor, _protocol(model, asked, ready), labels)
    )
    report = Report(
        model=model.name, weights=model.digest, figures=made, command=build_command(model, asked), machine=describe(model.device),
        date=datetime.date.today().isoformat(), seconds=round(time.perf_counter() - begun, 1), version=VERSION,
        torch=str(torch.__version__),
    )  # fmt: skip
    return Evaluation(report, near_ones)


def _prepared(model: Model, asked: EvalOptions) -> _Prepared:
    groups = choose_figures(asked.figures)
    output = model.plugin.output(model.config)
    if not isinstance(output, Picture):
        raise UsageError(
            f"{model.name} makes {type(output).__name__.lower()}s; features are those of pictures"
        )
    data = open_split(asked)
    extractor = extractors.find_extractor(asked.extractor, data.facts.name, model.device)
    size = output.size or data.facts.size
    if size is None:
        raise UsageError(
            f"neither {model.name} nor {data.facts.name} has one size of pictures; figures need one"
        )
    picture = Picture(output.channels, size)
    batches = data.bind(Data({"image": picture}))
    count = batches.count if asked.real is None else asked.real
    _check(asked, count, batches.count, data.facts.name)
    told = requests.draw_captions(model.inputs, data, Rows(asked.seed, asked.samples))
    return _Prepared(groups, data, batches, count, picture, extractor, told)


def _protocol(model: Model, asked: EvalOptions, ready: _Prepared) -> Protocol:
    size, extractor = ready.picture.size or 0, ready.extractor
    return Protocol(
        data=ready.data.facts.name, digest=ready.data.digest(), split=asked.split, real=ready.count, fake=asked.samples,
        channels=ready.picture.channels, size=size, resizer=extractor.resizes(size), extractor=extractor.name,
        sha256=extractor.sha256, seed=asked.seed, precision=model.precision, inputs=requests.CAPTIONS if ready.told else DRAWN,
        ema=any(phase.ema for phase in model.gan.phases()),
    )  # fmt: skip


def choose_figures(groups: Iterable[str]) -> tuple[str, ...]:
    """The groups of figures asked for, all if none; UsageError for an unknown one."""
    groups = tuple(groups) or tuple(figures.GROUPS)
    for name in groups:
        if name not in figures.GROUPS:
            raise UsageError(
                f"--figures {name}: none of {', '.join(figures.GROUPS)}{did_you_mean(near(name, figures.GROUPS))}"
            )
    return groups


def open_split(asked: EvalOptions) -> DataSet:
    """The data set; DataError for a split that it has not."""
    if asked.split not in ("train", "test"):
        raise UsageError(f"--split {asked.split}: train or test")
    data = open_set(asked.data, root=asked.root, split=asked.split)
    require_pictures(data.facts.kind, data.facts.name)
    if asked.split == "test" and data.digest() == open_set(asked.data, root=asked.root).digest():
        raise DataError(
            f"{data.facts.name} has no test split; its pictures are all of the split train"
        )
    return data


def build_command(model: Model, asked: EvalOptions) -> str:
    """What repeats it, without paths of this machine."""
    name = f"./{model.name}" if model.source and model.source.origin == "folder" else model.name
    data = Path(asked.data).name if Path(asked.data).exists() else asked.data
    extractor = Path(asked.extractor).name if asked.extractor else None
    options = {
        "extractor": extractor,
        "real": asked.real,
        "split": asked.split if asked.split != "train" else None,
    }
    words = ["ganzoo", "eval", name, "--data", data]
    words += [
        part
        for key, value in options.items()
        if value is not None
        for part in (f"--{key}", str(value))
    ]
    return shlex.join(
        [
            *words,
            "--samples",
            str(asked.samples),
            "--precision",
            model.precision,
            "--seed",
            str(asked.seed),
        ]
    )


def _drawn(model: Model, asked: EvalOptions, told: Mapping[str, Any]) -> Iterator[Tensor]:
    """Samples as they would be saved, uint8 (n, channels, size, size). `told`: inputs that the seed cannot draw."""
    for part in model.stream(
        asked.samples, seed=asked.seed, batch_size=asked.batch_size or EVAL_BATCH, views=(), **told
    ):
        yield to_levels(part.tensor)


def _check(asked: EvalOptions, real: int, there: int, name: str) -> None:
    if asked.samples < LEAST_IMAGES:
        raise UsageError(
            f"--samples {asked.samples}: at least {LEAST_IMAGES} are needed, and 10,000 make sense"
        )
    if not LEAST_IMAGES <= real <= there:
        raise UsageError(
            f"--real {real}: {name} has {there:,} pictures in the split {asked.split}; {LEAST_IMAGES} at least are needed"
        )


def _figures(
    groups: tuple[str, ...],
    real: Observed,
    fake: Observed,
    extractor: Extractor,
    protocol: Protocol,
    asked: Tensor | None,
) -> Iterator[Figure]:
    for group in groups:
        for draft in figures.GROUPS[group](real, fake, extractor, asked):
            yield draft.figure(protocol)
