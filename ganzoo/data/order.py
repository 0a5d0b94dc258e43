"""In which order examples come: pure functions of (seed, position), so that training can go on anywhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ganzoo.inputs.streams import make_generator


@lru_cache(maxsize=8)
def permutation(seed: int, epoch: int, domain: str, count: int) -> NDArray[np.int64]:
    """The order of one pass over `count` examples."""
    return make_generator(seed, epoch, domain).permutation(count)


def indices(position: int, size: int, count: int, seed: int, domain: str = "") -> NDArray[np.int64]:
    """Examples [position, position + size) of the endless stream that joins one permutation an epoch."""
    parts, end = [], position + size
    while position < end:
        epoch, start = divmod(position, count)
        part = permutation(seed, epoch, domain, count)[start : start + end - position]
        parts.append(part)
        position += len(part)
    return np.concatenate(parts)


@lru_cache(maxsize=8)
def _coins(seed: int, epoch: int, domain: str, count: int) -> NDArray[np.bool_]:
    return make_generator(seed, epoch, domain, "flip").integers(2, size=count).astype(np.bool_)


def coins(position: int, size: int, count: int, seed: int, domain: str = "") -> NDArray[np.bool_]:
    """For places [position, position + size) of that stream: whether the example there is mirrored."""
    places = np.arange(position, position + size)
    return np.asarray(
        [
            _coins(seed, epoch, domain, count)[place]
            for epoch, place in zip(*divmod(places, count), strict=True)
        ]
    )


BLOCK = 1024
"""Places of the stream whose random numbers are drawn together."""


@lru_cache(maxsize=16)
def _block(seed: int, block: int, name: str, width: int) -> NDArray[np.float32]:
    return make_generator(seed, block, name).random((BLOCK, width), dtype=np.float32)


def _uniform(position: int, size: int, seed: int, name: str, width: int) -> NDArray[np.float32]:
    """Uniform in [0, 1), (size, width), for places [position, position + size) of the stream."""
    blocks = range(position // BLOCK, (position + size - 1) // BLOCK + 1)
    start = position % BLOCK
    return np.concatenate([_block(seed, block, name, width) for block in blocks])[
        start : start + size
    ]


def choices(position: int, sizes: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """For each place of the stream from `position` on, one of `sizes` things: which caption is drawn there."""
    drawn = _uniform(position, len(sizes), seed, "caption", 1)[:, 0].astype(np.float64)
    return np.minimum(drawn * sizes, sizes - 1).astype(np.int64)


def picker(sizes: NDArray[np.int64]) -> Callable[[NDArray[np.int64], int, int], NDArray[np.int64]]:
    """Of a table that holds groups of `sizes` rows one after the other: what gives one row of each chosen group."""
    starts = np.cumsum(sizes) - sizes
    return lambda chosen, position, seed: starts[chosen] + choices(position, sizes[chosen], seed)


def chances(position: int, size: int, length: int, seed: int) -> NDArray[np.float32]:
    """For each place of the stream and each word of the caption there, uniform in [0, 1): if and how it is spelt by pieces."""
    return _uniform(position, size, seed, "split", length)
