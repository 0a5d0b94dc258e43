"""Batches of a data set: what a training loop draws from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.data.order import indices

Taker = Callable[[NDArray[np.int64], int, int], Tensor]
"""(indices, position of the first in the stream, seed) -> the tensor of these examples."""


class Batches:
    """Endless stream of examples.

    `count` examples make an epoch; of unpaired domains it is the size of the largest.
    """

    def __init__(
        self, takers: Mapping[str, Taker], domains: Mapping[str, str], counts: Mapping[str, int]
    ) -> None:
        self.takers, self.domains, self.counts = takers, domains, counts
        self.count = max(counts.values())

    def take(self, position: int, size: int, seed: int) -> dict[str, Tensor]:
        """Examples [position, position + size), a pure function of position and seed.

        Images are uint8 (n, channels, size, size), channels-last in memory.
        """
        batch = {}
        for key, taker in self.takers.items():
            chosen = indices(position, size, self.counts[key], seed, self.domains[key])
            batch[key] = taker(chosen, position, seed)
        return batch
