"""The figures: what each is made of, its interval, and when there are too few pictures for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec
import torch
from torch import Tensor

from ganzoo.evaluate import kernel, prdc, similarity
from ganzoo.evaluate.classes import one_hot
from ganzoo.evaluate.extractors import Extractor
from ganzoo.evaluate.moments import frechet_distance, matrix_root, merge_moments
from ganzoo.evaluate.observed import Observed
from ganzoo.evaluate.protocol import Figure, Protocol
from ganzoo.evaluate.resampling import PARTS, Interval, bootstrap, jackknife, summarize_parts

FEW_PER_DIMENSION = 20
"""Below so many samples a dimension of the features, the Frechet distance is mostly the error of the covariance."""
FEW = 1000
FEW_BALLS = 5000


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A figure without the protocol that is common to all. `real`, `fake`: pictures, where not all that passed enter;
    `bare`: no extractor had a part in it."""

    name: str
    value: float
    interval: Interval
    spread: float | None = None
    better: Literal["low", "high", "level"] = "low"
    settings: Mapping[str, int | str] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    real: int | None = None
    fake: int | None = None
    bare: bool = False

    def figure(self, common: Protocol) -> Figure:
        """With its protocol."""
        own = msgspec.structs.replace(
            common,
            settings=dict(self.settings),
            real=common.real if self.real is None else self.real,
            fake=common.fake if self.fake is None else self.fake,
            **({"extractor": "none", "sha256": "", "resizer": "none"} if self.bare else {}),
        )
        return Figure(
            name=self.name, value=self.value, low=self.interval.low, high=self.interval.high, spread=self.spread,
            better=self.better, shares=dict(self.shares), warnings=list(self.warnings), protocol=own,
        )  # fmt: skip


def measure_frechet(
    real: Observed, fake: Observed, extractor: Extractor, asked: Tensor | None
) -> Iterator[Draft]:
    """Jackknife over parts of the samples; the real pictures are the measure and are not resampled."""
    reference = merge_moments(real.parts)
    half = matrix_root(reference.covariance)
    value = frechet_distance(reference, merge_moments(fake.parts), half)
    without = [
        frechet_distance(reference, merge_moments(fake.parts[:i] + fake.parts[i + 1 :]), half)
        for i in range(PARTS)
    ]
    interval = jackknife(value, without)
    few = _few(
        min(real.count, fake.count), FEW_PER_DIMENSION * extractor.dims, "FID of fewer is too high"
    )
    yield Draft(
        name="FID",
        value=value,
        interval=Interval(max(0.0, interval.low), interval.high),
        warnings=few,
    )


def measure_kernel(
    real: Observed, fake: Observed, extractor: Extractor, asked: Tensor | None
) -> Iterator[Draft]:
    """Mean of disjoint parts, each unbiased."""
    size = kernel.part_size(len(real.features), len(fake.features))
    value, spread, interval = summarize_parts(kernel.kernel_distances(real.features, fake.features))
    yield Draft(
        name="KID", value=value, interval=interval, spread=spread, real=PARTS * size, fake=PARTS * size,
        settings={"parts": PARTS, "part size": size, "kernel": "(x.y/d + 1)^3"},
        warnings=_few(size, kernel.SUBSET // 5, "the interval is wide", "in each part"),
    )  # fmt: skip


def measure_prdc(
    real: Observed, fake: Observed, extractor: Extractor, asked: Tensor | None
) -> Iterator[Draft]:
    """Bootstrap over the pictures that are averaged over, the balls as they are."""
    size = min(len(real.features), len(fake.features))
    found = prdc.count_neighbours(real.features[:size], fake.features[:size])
    few = _few(size, FEW_BALLS, "the balls are larger, and the figures others")
    for name, rows, k in (
        ("precision", found.precise, prdc.NEAREST_PR),
        ("recall", found.recalled, prdc.NEAREST_PR),
        ("density", found.dense, prdc.NEAREST_DC),
        ("coverage", found.covered, prdc.NEAREST_DC),
    ):
        yield Draft(
            name=name, value=float(rows.double().mean()), interval=bootstrap(rows), better="high", settings={"k": k}, real=size,
            fake=size, warnings=few,
        )  # fmt: skip


def measure_inception(
    real: Observed, fake: Observed, extractor: Extractor, asked: Tensor | None
) -> Iterator[Draft]:
    """Mean of parts, as published ones are."""
    if extractor.scores:
        few = _few(fake.count, max(FEW, PARTS * extractor.outputs), "the score of fewer is too low")
        value, spread, interval = summarize_parts([part.inception() for part in fake.scores])
        yield Draft(
            name="Inception score", value=value, interval=interval, spread=spread, better="high", real=0,
            settings={"splits": PARTS}, warnings=few,
        )  # fmt: skip


def measure_classes(
    real: Observed, fake: Observed, extractor: Extractor, asked: Tensor | None
) -> Iterator[Draft]:
    """Shares of what is read in the samples, and how often that is the class they were asked for."""
    names = extractor.classes
    if not names:
        return
    rows = one_hot(fake.read, len(names))
    mean = rows.mean(0)
    shares = dict(zip(names, mean.tolist(), strict=True))
    few = _few(fake.count, FEW, "shares are rough")
    for name, pick in (
        ("smallest class share", torch.argmin),
        ("largest class share", torch.argmax),
    ):
        yield Draft(
            name=name,
            value=float(mean[pick(mean)]),
            interval=bootstrap(rows[:, pick(mean)]),
            better="level",
            shares=shares,
            real=0,
            warnings=few,
        )
    if asked is not None:
        right = (fake.read == asked).double()
        by_class = {
            c: float(right[asked == i].mean())
            for i, c in enumerate(names)
            if bool((asked == i).any())
        }
        yield Draft(
            name="class accuracy", value=float(right.mean()), interval=bootstrap(right), better="high", shares=by_class, real=0,
            warnings=few,
        )  # fmt: skip


def measure_diversity(
    real: Observed, fake: Observed, extractor: Extractor, asked: Tensor | None
) -> Iterator[Draft]:
    """MS-SSIM of pairs within classes where they can be read: the lower, the less alike; the data's own is what to aim at."""
    scales = similarity.count_scales(fake.pictures.shape[-1])
    if not scales:
        return
    for name, seen in (("MS-SSIM", fake), ("MS-SSIM of the data", real)):
        pictures = seen.pictures
        alike = similarity.compare_pairs(
            pictures, seen.read[: len(pictures)] if extractor.classes else None
        )
        if not len(alike):
            continue
        yield Draft(
            name=name, value=float(alike.mean()), interval=bootstrap(alike), better="level", bare=not extractor.classes,
            settings={"scales": scales, "pairs": "within classes" if extractor.classes else "any"},
            warnings=_few(2 * len(alike), FEW // 2, "the mean is rough"),
            real=len(pictures) * (seen is real), fake=len(pictures) * (seen is fake),
        )  # fmt: skip


Group = Callable[[Observed, Observed, Extractor, "Tensor | None"], Iterator[Draft]]
GROUPS: dict[str, Group] = {
    "fid": measure_frechet, "kid": measure_kernel, "balls": measure_prdc, "is": measure_inception, "classes": measure_classes, "msssim": measure_diversity,
}  # fmt: skip
"""What --figures names. "balls": precision, recall, density, coverage."""


def _few(count: int, enough: int, why: str, where: str = "") -> tuple[str, ...]:
    return (
        ()
        if count >= enough
        else (
            f"only {count:,} pictures{' ' if where else ''}{where}, {enough:,} are advised: {why}",
        )
    )
