"""What the codes of an InfoGAN mean, on codes and images whose meaning is known."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
import torch

from ganzoo.evaluate import codes


def test_the_matching_is_the_best_of_all() -> None:
    counts = torch.randint(50, (4, 5), generator=torch.Generator().manual_seed(3))
    total, matched = codes.match_classes(counts)
    every = [
        sum(int(counts[row, column]) for row, column in enumerate(columns))
        for columns in permutations(range(5), 4)
    ]
    assert total == max(every)
    assert len(set(matched)) == 4
    assert total == sum(int(counts[row, column]) for row, column in enumerate(matched))


def test_pairs_are_counted() -> None:
    values, classes = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([2, 2, 0, 1, 1])
    assert codes.count_pairs(values, classes, 2, 3).tolist() == [[0, 0, 2], [1, 2, 0]]


@pytest.mark.parametrize("degrees", [-20, 0, 15])
def test_a_bar_of_known_slant_width_and_height(degrees: float) -> None:
    """A bar of uniform ink, 6 wide and 40 high: deviations are sides over the root of 12."""
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    middle = 31.5 - (rows - 31.5) * math.tan(math.radians(degrees))
    ink = ((columns - middle).abs() < 3) & ((rows - 31.5).abs() < 20)
    images = torch.where(ink, 1.0, -1.0)[None, None]
    slant, width, height = codes.describe_shape(codes.measure_ink(images).mean(0)).tolist()
    assert slant == pytest.approx(degrees, abs=0.5)
    assert width == pytest.approx(2 * 6 / 12**0.5, rel=0.05)
    assert height == pytest.approx(2 * 40 / 12**0.5, rel=0.01)
