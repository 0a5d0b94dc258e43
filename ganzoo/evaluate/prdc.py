"""Precision, recall (Kynkaanniemi et al. 2019), density, coverage (Naeem et al. 2020)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

MOST_FEATURES = 10_000
"""Number of features used: radii shrink with it, so it is equal for real and fake."""
NEAREST_PR, NEAREST_DC = 3, 5
"""Neighbour that gives the radius, of precision and recall, of density and coverage."""
CHUNK = 1000


class NeighbourCounts(NamedTuple):
    """One number per image; the figures are their means. `precise`, `dense`: of samples;
    `recalled`, `covered`: of real images."""

    precise: Tensor
    recalled: Tensor
    dense: Tensor
    covered: Tensor


def count_neighbours(
    real: Tensor, fake: Tensor, near: int = NEAREST_PR, dense: int = NEAREST_DC
) -> NeighbourCounts:
    """Of features (m, d) and (n, d).

    The ball of a feature reaches to its k-th nearest neighbour: k = `near` for the first two.
    precise: whether a sample lies in the ball of any real image; recalled: whether a real image
    lies in the ball of any sample; dense: in how many real balls a sample lies, divided by
    `dense`; covered: whether any sample lies in the ball of a real image."""
    centre = real.mean(0)  # distances come from products, which lose digits far from 0
    real, fake = (real - centre).float(), (fake - centre).float()
    real_radii, fake_radii = _measure_radii(real, (near, dense)), _measure_radii(fake, (near,))
    precise, density, nearest, recalled = [], [], [], []
    for rows in torch.split(fake, CHUNK):
        apart = torch.cdist(rows, real)
        precise.append((apart <= real_radii[:, 0]).any(1))
        density.append((apart <= real_radii[:, 1]).sum(1) / dense)
    for rows in torch.split(real, CHUNK):
        apart = torch.cdist(rows, fake)
        recalled.append((apart <= fake_radii[:, 0]).any(1))
        nearest.append(apart.min(1).values)
    covered = torch.cat(nearest) <= real_radii[:, 1]
    return NeighbourCounts(
        torch.cat(precise).float(), torch.cat(recalled).float(), torch.cat(density), covered.float()
    )


def _measure_radii(features: Tensor, orders: tuple[int, ...]) -> Tensor:
    """Distances (n, orders) to the k-th nearest other features."""
    found = []
    for start in range(0, len(features), CHUNK):
        rows = features[start : start + CHUNK]
        apart = torch.cdist(rows, features)
        apart[torch.arange(len(rows)), torch.arange(start, start + len(rows))] = float("inf")
        nearest = apart.topk(max(orders), largest=False).values
        found.append(nearest[:, [order - 1 for order in orders]])
    return torch.cat(found)
