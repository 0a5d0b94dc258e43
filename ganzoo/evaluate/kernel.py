"""Kernel distance: the unbiased squared maximum mean discrepancy of features (Binkowski et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.evaluate.resampling import PARTS

SUBSET = 1000
"""Features of either kind in one part, where there are as many."""


def kernel_distance(real: Tensor, fake: Tensor) -> float:
    """Of features (m, d) and (n, d), with the kernel (x.y / d + 1)^3. Unbiased, so it may be below 0."""
    real, fake = real.double(), fake.double()
    return float(_within(real) + _within(fake) - 2 * _kernel(real, fake).mean())


def kernel_distances(real: Tensor, fake: Tensor) -> list[float]:
    """KID of PARTS disjoint parts of `subset` features each: independent, so their spread is that of chance."""
    size = part_size(len(real), len(fake))
    return [
        kernel_distance(real[i * size : (i + 1) * size], fake[i * size : (i + 1) * size])
        for i in range(PARTS)
    ]


def part_size(real: int, fake: int) -> int:
    """How many features of either kind a part has."""
    return min(SUBSET, real // PARTS, fake // PARTS)


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    return (a @ b.T / a.shape[1] + 1) ** 3


def _within(a: Tensor) -> Tensor:
    table = _kernel(a, a)
    return torch.as_tensor((table.sum() - table.diagonal().sum()) / (len(a) * (len(a) - 1)))
