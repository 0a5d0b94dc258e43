"""Kernel distance: unbiased squared maximum mean discrepancy (Binkowski et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.evaluate.resampling import PARTS

SUBSET = 1000
"""Largest number of features in a part."""


def kernel_distance(real: Tensor, fake: Tensor) -> float:
    """Of features (m, d) and (n, d), kernel (x.y / d + 1)^3. Unbiased: it may be negative."""
    real, fake = real.double(), fake.double()
    return float(_average_pairs(real) + _average_pairs(fake) - 2 * _apply_kernel(real, fake).mean())


def kernel_distances(real: Tensor, fake: Tensor) -> list[float]:
    """Distances of PARTS disjoint parts: independent, so their spread measures chance."""
    size = part_size(len(real), len(fake))
    return [
        kernel_distance(real[i * size : (i + 1) * size], fake[i * size : (i + 1) * size])
        for i in range(PARTS)
    ]


def part_size(real: int, fake: int) -> int:
    """Number of real features in a part, and of fake ones."""
    return min(SUBSET, real // PARTS, fake // PARTS)


def _apply_kernel(a: Tensor, b: Tensor) -> Tensor:
    """(x.y / d + 1)^3 of features (m, d) and (n, d), (m, n)."""
    return (a @ b.T / a.shape[1] + 1) ** 3


def _average_pairs(a: Tensor) -> Tensor:
    """Mean kernel over pairs of different features."""
    table = _apply_kernel(a, a)
    return torch.as_tensor((table.sum() - table.diagonal().sum()) / (len(a) * (len(a) - 1)))
