"""95 % confidence intervals: jackknife over parts, spread between parts, bootstrap over rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

PARTS = 10
"""Consecutive parts into which samples are divided."""
STUDENT = 2.2621571628
"""97.5 % point of Student's distribution with PARTS - 1 degrees of freedom."""
RESAMPLES = 1000


class Interval(NamedTuple):
    """95 % confidence interval."""

    low: float
    high: float


def jackknife(whole: float, without: Sequence[float]) -> Interval:
    """Delete-a-group jackknife: `whole` of all samples, `without` each of the PARTS in turn."""
    mean = sum(without) / PARTS
    error = math.sqrt((PARTS - 1) / PARTS * sum((value - mean) ** 2 for value in without))
    return Interval(whole - STUDENT * error, whole + STUDENT * error)


def summarize_parts(values: Sequence[float]) -> tuple[float, float, Interval]:
    """Mean of PARTS independent values, their standard deviation, and the interval of the mean."""
    mean = sum(values) / PARTS
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (PARTS - 1))
    half = STUDENT * spread / math.sqrt(PARTS)
    return mean, spread, Interval(mean - half, mean + half)


def bootstrap(rows: Tensor) -> Interval:
    """Percentile bootstrap of the mean of `rows` (n,)."""
    return find_interval(resample_means(rows))


def resample_means(rows: Tensor) -> Tensor:
    """Means of RESAMPLES draws of n rows with replacement; `rows` (n, ...) -> (RESAMPLES, ...)."""
    generator, rows = torch.Generator().manual_seed(0), rows.double()
    drawn = (torch.randint(len(rows), (len(rows),), generator=generator) for _ in range(RESAMPLES))
    return torch.stack([rows[places].mean(0) for places in drawn])


def find_interval(values: Tensor) -> Interval:
    """The middle 95 % of values (RESAMPLES,)."""
    quantiles = torch.tensor([0.025, 0.975], dtype=torch.float64)
    low, high = values.double().quantile(quantiles).tolist()
    return Interval(low, high)
