"""What figures are computed from, and what they return."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec
from torch import Tensor

from ganzoo.evaluate.extractors import Extractor
from ganzoo.evaluate.observed import Observed
from ganzoo.evaluate.protocol import Figure, Protocol
from ganzoo.evaluate.resampling import Interval
from ganzoo.inputs import Rows
from ganzoo.sampling.model import Model


@dataclass(frozen=True, kw_only=True)
class EvalOptions:
    """What to measure. `real`: number of images of the split, None for all; `figures`: names of
    groups, all if empty; `neighbours`: whether to find the nearest real images."""

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


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Real images and samples, as the extractor sees them.

    `labels`: requested class of each sample, if the model takes labels and the extractor knows the
    classes. `model`, `rows`: what the samples were drawn from; None where there is no model."""

    real: Observed
    fake: Observed
    extractor: Extractor
    labels: Tensor | None = None
    model: Model | None = None
    rows: Rows | None = None


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A figure before the protocol is added. TypeError or ValueError for wrong fields.

    `real`, `fake`: number of images, where not all were used; `spread`: standard deviation between
    parts; `shares`: values by class; `bare`: the extractor was not used."""

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

    def __post_init__(self) -> None:
        where = f"figure {self.name!r}"
        if not isinstance(self.interval, Interval):
            raise TypeError(f"{where}: interval is a {type(self.interval).__name__}, not Interval")
        low, high = self.interval
        numbers = {"value": self.value, "interval.low": low, "interval.high": high, **self.shares}
        if self.spread is not None:
            numbers["spread"] = self.spread
        for field_name, number in numbers.items():
            # reports cannot hold tensors, nor numpy's subclass of float
            if type(number) not in (int, float):
                raise TypeError(f"{where}: {field_name} is a {type(number).__name__}, not a float")
        if self.better not in ("low", "high", "level"):
            raise ValueError(f"{where}: better is {self.better!r}, not low, high or level")

    def complete(self, common: Protocol) -> Figure:
        """The figure, with what of the common protocol applies to it."""
        protocol = msgspec.structs.replace(
            common,
            settings=dict(self.settings),
            real=common.real if self.real is None else self.real,
            fake=common.fake if self.fake is None else self.fake,
        )
        if self.bare:
            protocol = msgspec.structs.replace(
                protocol, extractor="none", sha256="", resizer="none"
            )
        return Figure(
            name=self.name,
            value=self.value,
            low=self.interval.low,
            high=self.interval.high,
            spread=self.spread,
            better=self.better,
            shares=dict(self.shares),
            warnings=list(self.warnings),
            protocol=protocol,
        )


Measure = Callable[[Evidence], Iterator[Draft]]
"""Computes a group of figures; yields none if they do not apply."""
MeasureTranslator = Callable[[Model, EvalOptions], Iterator[Draft]]
"""The same for models that translate images, which cannot be drawn from a seed."""


def warn_few(count: int, enough: int, why: str, where: str = "") -> tuple[str, ...]:
    """A warning if there are fewer images than advised, else none."""
    if count >= enough:
        return ()
    return (f"only {count:,} images{where}, {enough:,} are advised: {why}",)
