"""Confidence intervals by resampling: the jackknife over parts, the spread between parts, the bootstrap over rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

PARTS = 10
"""Into which samples are divided, in order."""
STUDENT = 2.2621571628
"""97.5 % point of Student's distribution with PARTS - 1 degrees of freedom."""
RESAMPLES = 1000


class Interval(NamedTuple):
    """95 %."""

    low: float
    high: float


def jackknife(whole: float, without: Sequence[float]) -> Interval:
    """Around a figure of all samples, from the figures `without` each of the PARTS in turn (delete-a-group jackknife)."""
    mean = sum(without) / PARTS
    error = math.sqrt((PARTS - 1) / PARTS * sum((value - mean) ** 2 for value in without))
    return Interval(whole - STUDENT * error, whole + STUDENT * error)


def summarize_parts(values: Sequence[float]) -> tuple[float, float, Interval]:
    """Mean of PARTS independent figures, their standard deviation, and the interval of the mean."""
    mean = sum(values) / PARTS
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (PARTS - 1))
    half = STUDENT * spread / math.sqrt(PARTS)
    return mean, spread, Interval(mean - half, mean + half)


def bootstrap(rows: Tensor) -> Interval:
    """Of the mean of `rows` (n,): percentiles over RESAMPLES draws of n rows with replacement."""
    generator, rows = torch.Generator().manual_seed(0), rows.double()
    drawn = (torch.randint(len(rows), (len(rows),), generator=generator) for _ in range(RESAMPLES))
    values = torch.stack([rows[places].mean() for places in drawn])
    low, high = values.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Interval(low, high)
