"""Order of the examples: pure functions of (seed, position), so that a run resumes at any step."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ganzoo.inputs.streams import make_generator

BLOCK = 1024
"""Positions of the stream whose random numbers are drawn together."""


@lru_cache(maxsize=8)
def permutation(seed: int, epoch: int, domain: str, count: int) -> NDArray[np.int64]:
    """The order of `count` examples in one epoch."""
    return make_generator(seed, epoch, domain).permutation(count)


def indices(position: int, size: int, count: int, seed: int, domain: str = "") -> NDArray[np.int64]:
    """Examples at positions [position, position + size) of a stream of permutations."""
    parts, end = [], position + size
    while position < end:
        epoch, start = divmod(position, count)
        part = permutation(seed, epoch, domain, count)[start : start + end - position]
        parts.append(part)
        position += len(part)
    return np.concatenate(parts)


@lru_cache(maxsize=8)
def _epoch_flips(seed: int, epoch: int, domain: str, count: int) -> NDArray[np.bool_]:
    return make_generator(seed, epoch, domain, "flip").integers(2, size=count).astype(np.bool_)


def flips(position: int, size: int, count: int, seed: int, domain: str = "") -> NDArray[np.bool_]:
    """Whether the example at each position is mirrored."""
    drawn = []
    for place in range(position, position + size):
        epoch, index = divmod(place, count)
        drawn.append(_epoch_flips(seed, epoch, domain, count)[index])
    return np.asarray(drawn)


@lru_cache(maxsize=16)
def _block(seed: int, block: int, name: str, width: int) -> NDArray[np.float32]:
    return make_generator(seed, block, name).random((BLOCK, width), dtype=np.float32)


def _uniform(position: int, size: int, seed: int, name: str, width: int) -> NDArray[np.float32]:
    """Uniform in [0, 1), (size, width), one row for each position."""
    numbers = range(position // BLOCK, (position + size - 1) // BLOCK + 1)
    blocks = np.concatenate([_block(seed, number, name, width) for number in numbers])
    start = position % BLOCK
    return blocks[start : start + size]


def choices(position: int, sizes: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """For the k-th position from `position` on, a number in [0, sizes[k])."""
    drawn = _uniform(position, len(sizes), seed, "caption", 1)[:, 0].astype(np.float64)
    return np.minimum(drawn * sizes, sizes - 1).astype(np.int64)


def group_picker(
    sizes: NDArray[np.int64],
) -> Callable[[NDArray[np.int64], int, int], NDArray[np.int64]]:
    """Function (groups, position, seed) -> a random row of each, in a table of groups.

    `sizes`: rows of each group; the groups follow each other in the table.
    """
    starts = np.cumsum(sizes) - sizes
    return lambda chosen, position, seed: starts[chosen] + choices(position, sizes[chosen], seed)


def chances(position: int, size: int, length: int, seed: int) -> NDArray[np.float32]:
    """Uniform in [0, 1), (size, length): whether and how each word of a caption is split."""
    return _uniform(position, size, seed, "split", length)
