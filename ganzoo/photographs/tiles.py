"""A picture of any size through a network in bounded memory: overlapping tiles, blended as light.

sRGB's levels are no measure of light: two colours of one lightness have a mean of that lightness only as light.

Instance norm divides by what it sees, so that a tile by itself would come out in another tone than as a part of its picture.
Its statistics are therefore fixed before the first tile, from reduced copies of the whole picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ganzoo.nn.colour import decoded, encoded
from ganzoo.photographs import allocation
from ganzoo.photographs.norms import Moments, Norms
from ganzoo.pictures import images

MOST = 1 << 20
"""Pixels of a picture that goes through a network at once."""
SIDE = 864
"""Of a tile, at most; its pixels are fewer than MOST, for a large picture takes room beside it."""
MARGIN, RAMP = 16, 64
"""Pixels: of a tile's border that are dropped at most, and over which a tile passes into the next one. What lies further off
in the receptive field has little weight."""
LEAST = 32
"""Pixels of a side: smaller pictures are mirrored to it, for a deep layer would see a single place of them."""
COPY = 5 << 18
"""Pixels of the larger of the two reduced copies, at most; no tile is in memory beside it."""
FACTOR = 4
"""Between the areas of the two."""
ROWS = 64
"""Of pixels that become levels at a time."""

Levels = NDArray[np.uint8]
Run = Callable[[Tensor], Mapping[str, Tensor]]
"""(1, channels, height, width) in [-1, 1], sides multiples of `Cut.multiple` -> maps of this height and width by name."""


@dataclass(frozen=True)
class Cut:
    """How pictures are cut: `multiple` and `halo` are the network's (see `ganzoo.inputs.Image`), `most`, `side` and `copy` as
    above."""

    multiple: int = 1
    halo: int = 0
    most: int = MOST
    side: int = SIDE
    copy: int = COPY

    def fitted(self, length: int) -> int:
        """The least length that a network takes."""
        return self.up(max(length, LEAST))

    def up(self, length: float) -> int:
        return math.ceil(length / self.multiple) * self.multiple

    def at_once(self, height: int, width: int) -> bool:
        """Whether a picture is small enough to stay whole."""
        return self.fitted(height) * self.fitted(width) <= self.most


@dataclass(frozen=True)
class Span:
    """A tile along one axis. `weights`: its share in each of its pixels; those of all tiles add up to 1."""

    start: int
    weights: NDArray[np.float32]

    @property
    def size(self) -> int:
        return len(self.weights)


def count(height: int, width: int, cut: Cut) -> int:
    """Tiles of a picture."""
    return 1 if cut.at_once(height, width) else len(spans(height, cut)) * len(spans(width, cut))


@torch.inference_mode()
def through(
    run: Run, levels: Levels, cut: Cut, progress: Callable[[int], None] | None = None
) -> dict[str, Levels]:
    """`levels` (height, width, channels) through `run`: its maps as 8-bit pictures of the same size.

    `progress` is told of each tile."""
    height, width = levels.shape[:2]
    if cut.at_once(height, width):
        made = run(
            _tile(
                levels,
                *(Span(0, np.ones(cut.fitted(side), np.float32)) for side in (height, width)),
            )
        )
        if progress:
            progress(1)
        return {name: _levels(maps[0, :, :height, :width]) for name, maps in made.items()}
    fixed = statistics(run, levels, cut)
    with allocation.kept():  # from here on: maps of one size follow each other, and those of the copies would stay among them
        return _tiled(run, levels, fixed, cut, progress)


def _tiled(
    run: Run, levels: Levels, fixed: Moments, cut: Cut, progress: Callable[[int], None] | None
) -> dict[str, Levels]:
    height, width = levels.shape[:2]
    wide = width > height

    def one(tile: Tensor) -> Mapping[str, Tensor]:
        with Norms(fixed) as norms:
            made = run(tile.mT.contiguous() if wide else tile)
        norms.check()
        return {name: maps.mT for name, maps in made.items()} if wide else made

    if not wide:
        return _blended(one, levels, spans(height, cut), spans(width, cut), progress)
    turned = _blended(one, levels.swapaxes(0, 1), spans(width, cut), spans(height, cut), progress)
    return {name: np.ascontiguousarray(whole.swapaxes(0, 1)) for name, whole in turned.items()}


def spans(length: int, cut: Cut) -> list[Span]:
    """Tiles of equal size along one axis, as small as their number allows. They begin at multiples, as the network's strides
    need it, and reach over the end of the picture where it is no multiple."""
    whole = cut.fitted(length)
    overlap = cut.up(2 * min(cut.halo, MARGIN) + RAMP)
    side = max(cut.up(cut.side), 2 * overlap)
    n = max(1, math.ceil((whole - overlap) / (side - overlap)))
    size = min(whole, cut.up((whole + (n - 1) * overlap) / n))
    starts = [
        (whole - size) * place // max(1, n - 1) // cut.multiple * cut.multiple for place in range(n)
    ]
    margin = min(cut.halo, (overlap - RAMP) // 2)
    raw = [
        _window(size, margin, overlap - 2 * margin, start > 0, start + size < whole)
        for start in starts
    ]
    total = np.zeros(whole, np.float32)
    for start, window in zip(starts, raw, strict=True):
        total[start : start + size] += window
    return [
        Span(start, window / total[start : start + size])
        for start, window in zip(starts, raw, strict=True)
    ]


def _window(size: int, margin: int, ramp: int, before: bool, after: bool) -> NDArray[np.float32]:
    """0 over `margin`, a cosine's rise over `ramp`, then 1; only at the ends that have a neighbour."""
    from_edge = (np.arange(size) + 0.5 - margin) / ramp
    rise = 0.5 - 0.5 * np.cos(np.pi * from_edge.clip(0, 1))
    window = np.ones(size, np.float32)
    return (window * (rise if before else 1) * (rise[::-1] if after else 1)).astype(np.float32)


def _blended(
    run: Run,
    levels: Levels,
    down: Sequence[Span],
    across: Sequence[Span],
    progress: Callable[[int], None] | None,
) -> dict[str, Levels]:
    """Row by row of tiles: what no later tile touches becomes 8-bit at once, so that floats are never more than two rows, which
    are as long as the shorter side of the picture."""
    height, width = levels.shape[:2]
    ends = [*(row.start for row in down[1:]), height]
    out: dict[str, Levels] = {}
    left: dict[str, NDArray[np.float32]] = {}
    for row, end in zip(down, ends, strict=True):
        for name, strip in _strips(run, levels, row, across, progress).items():
            if name in left:
                strip[: len(left[name])] += left[name]
            done = out.setdefault(name, np.empty((height, width, strip.shape[2]), np.uint8))
            done[row.start : end] = _levels(
                torch.from_numpy(strip[: end - row.start, :width]).permute(2, 0, 1), _seen
            )
            left[name] = strip[end - row.start :].copy()
    return out


def _strips(
    run: Run,
    levels: Levels,
    row: Span,
    across: Sequence[Span],
    progress: Callable[[int], None] | None,
) -> dict[str, NDArray[np.float32]]:
    """A row of tiles as one strip of light for each map, weighted along both axes."""
    strips: dict[str, NDArray[np.float32]] = {}
    for column in across:
        for name, maps in run(_tile(levels, row, column)).items():
            values = _light(maps[0]).permute(1, 2, 0).cpu().numpy()
            whole = (row.size, across[-1].start + column.size, values.shape[2])
            strip = strips.setdefault(name, np.zeros(whole, np.float32))
            strip[:, column.start : column.start + column.size] += values * column.weights[:, None]
        if progress:
            progress(1)
    for strip in strips.values():
        strip *= row.weights[:, None, None]
    return strips


def _tile(levels: Levels, row: Span, column: Span) -> Tensor:
    """What is beyond the picture is its mirror image."""
    part = levels[row.start : row.start + row.size, column.start : column.start + column.size]
    beyond = ((0, row.size - part.shape[0]), (0, column.size - part.shape[1]), (0, 0))
    return _float(np.pad(part, beyond, mode="symmetric"))


def _float(levels: Levels) -> Tensor:
    return images.to_float(torch.from_numpy(np.ascontiguousarray(levels)).permute(2, 0, 1))[None]


def _light(maps: Tensor) -> Tensor:
    """[-1, 1] -> light in [0, 1], float32."""
    return decoded((maps.float().clamp(-1, 1) + 1) / 2)


def _seen(light: Tensor) -> Tensor:
    """The inverse of `_light`."""
    return 2 * encoded(light.clamp(0, 1)) - 1


def _levels(maps: Tensor, seen: Callable[[Tensor], Tensor] = lambda part: part) -> Levels:
    """(channels, height, width), which `seen` brings to [-1, 1], as levels; some rows at a time, for a photograph's floats are
    many."""
    channels, height, width = maps.shape
    made = np.empty((height, width, channels), np.uint8)
    for start in range(0, height, ROWS):
        made[start : start + ROWS] = images.to_uint8(seen(maps[None, :, start : start + ROWS]))[0]
    return made


def statistics(run: Run, levels: Levels, cut: Cut) -> Moments:
    """What instance norm would see of the whole picture, from two reduced copies.

    A border's share of the pixels, and an edge's, falls as 1 / side of the picture, and so does most of the difference between
    a reduced copy's statistics and the picture's; the line through the two copies' is drawn on to the picture's size."""
    pixels = levels.shape[0] * levels.shape[1]
    most = min(cut.copy, pixels // 2)
    far, small = _recorded(run, levels, most // FACTOR, cut)
    if not small:  # a network without instance norm
        return []
    near, large = _recorded(run, levels, most, cut)
    beyond = (near - 1 / math.sqrt(pixels)) / (far - near) if far > near else 0.0
    return [_extended(a, b, beyond) for a, b in zip(small, large, strict=True)]


def _recorded(run: Run, levels: Levels, pixels: int, cut: Cut) -> tuple[float, Moments]:
    """1 / side of a copy of so many pixels, and the statistics of it."""
    height, width = _reduced(levels.shape[0], levels.shape[1], pixels, cut)
    copy = np.array(images.picture(levels).resize((width, height), Image.Resampling.LANCZOS))
    with Norms() as norms:
        run(_float(copy.reshape(height, width, -1)))
    return 1 / math.sqrt(height * width), norms.seen


def _reduced(height: int, width: int, pixels: int, cut: Cut) -> tuple[int, int]:
    """Sides of a reduced copy: multiples, and about `pixels` for however long a strip."""
    scale = math.sqrt(pixels / (height * width))
    low, wide = (
        max(cut.fitted(1), round(side * scale / cut.multiple) * cut.multiple)
        for side in (height, width)
    )
    fits = cut.fitted(1), max(pixels, cut.fitted(1) ** 2)
    return max(fits[0], min(low, cut.up(fits[1] // wide))), max(
        fits[0], min(wide, cut.up(fits[1] // low))
    )


def _extended(
    small: tuple[Tensor, Tensor], large: tuple[Tensor, Tensor], beyond: float
) -> tuple[Tensor, Tensor]:
    """Variances on a logarithmic scale, where they stay positive, and no further than by a factor of e."""
    mean = large[0] + beyond * (large[0] - small[0])
    ratio = (large[1] / small[1].clamp(min=1e-12)).clamp(min=1e-12).log()
    return mean, large[1] * (beyond * ratio).clamp(-1, 1).exp()
