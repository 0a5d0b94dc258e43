"""Precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020), from balls around features."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

MOST_FEATURES = 10_000
"""Features of either kind: radii shrink with their number, so both kinds have the same."""
NEAREST_PR, NEAREST_DC = 3, 5
"""Which neighbour gives a ball's radius: of precision and recall, of density and coverage, as in the papers."""
CHUNK = 1000


class NeighbourCounts(NamedTuple):
    """One number a picture; each figure is a mean of them. `precise`, `dense`: by sample; `recalled`, `covered`: by real one."""

    precise: Tensor
    recalled: Tensor
    dense: Tensor
    covered: Tensor


def count_neighbours(
    real: Tensor, fake: Tensor, near: int = NEAREST_PR, dense: int = NEAREST_DC
) -> NeighbourCounts:
    """Of features (m, d) and (n, d).

    precise: whether a sample lies in the ball of any real one; recalled: whether a real one lies in the ball of any sample;
    dense: in how many real balls a sample lies, divided by `dense`; covered: whether any sample lies in a real one's ball."""
    centre = real.mean(0)  # distances come from products, which lose digits far from 0
    real, fake = (real - centre).float(), (fake - centre).float()
    real_radii, fake_radii = _radii(real, (near, dense)), _radii(fake, (near,))
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


def _radii(features: Tensor, orders: tuple[int, ...]) -> Tensor:
    """Distances (n, orders) to the k-th nearest other feature."""
    found = []
    for begin in range(0, len(features), CHUNK):
        rows = features[begin : begin + CHUNK]
        apart = torch.cdist(rows, features)
        apart[torch.arange(len(rows)), torch.arange(begin, begin + len(rows))] = float("inf")
        nearest = apart.topk(max(orders), largest=False).values
        found.append(nearest[:, [order - 1 for order in orders]])
    return torch.cat(found)
