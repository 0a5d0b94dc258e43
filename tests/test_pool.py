"""The memory of past fakes against one that is written with lists."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.gan import Step
from ganzoo.nn.pool import query_pool


def draws(index: int) -> Step:
    return Step(index, "train", 100, torch.Generator().manual_seed(index))


def test_the_memory_is_that_of_shrivastava() -> None:
    """The same as one written picture by picture with lists, fed with the same numbers."""
    size = 3
    kept: list[Tensor] = []
    pool, seen = torch.zeros(size, 1, 1, 1, dtype=torch.float16), torch.zeros(1, dtype=torch.int64)
    swaps = 0
    for turn in range(40):
        fakes = torch.arange(2 * turn, 2 * turn + 2).float().view(2, 1, 1, 1)
        shown = query_pool(pool, seen, fakes, draws(turn)).flatten().tolist()
        seen += len(fakes)
        chances, expected = draws(turn), []
        for fake in fakes.flatten().tolist():
            swapped, slot = bool(chances.integers(2, 1)), int(chances.integers(size, 1))
            if len(kept) < size:
                kept.append(fake)
                expected.append(fake)
            elif swapped:
                expected.append(kept[slot])
                kept[slot] = fake
                swaps += 1
            else:
                expected.append(fake)
        assert shown == expected
        assert pool.flatten().tolist()[: len(kept)] == kept
    assert 25 < swaps < 52  # of 77
