"""Run an image of any size through a network: overlapping tiles, blended in linear light.

Blending is linear in light and not in sRGB levels: two colours of one luminance then blend to the
same luminance.

Instance norm divides by the statistics of its input, so a tile alone would get another tone than as
a part of its image. The statistics are therefore fixed first, from reduced copies of the whole
image.
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

from ganzoo.nn.srgb import linear_to_srgb, srgb_to_linear
from ganzoo.photographs import allocation
from ganzoo.photographs.norms import InstanceMoments, InstanceNormMode
from ganzoo.pictures import images

PIXELS_AT_ONCE = 1 << 20
"""Largest image that goes through a network whole."""
TILE_SIDE = 864
"""Largest side of a tile: fewer pixels than PIXELS_AT_ONCE, because a large image takes memory
too."""
MARGIN, RAMP = 16, 64
"""Pixels of a tile's border that are dropped at most, and over which one tile blends into the next.
The receptive field reaches further, with little weight."""
SHORTEST_SIDE = 32
"""Smaller images are mirrored to this side; a deep layer would see a single pixel of them."""
COPY_PIXELS = 5 << 18
"""Size of the larger of the two reduced copies. No tile is in memory at the same time."""
COPY_RATIO = 4
"""Ratio of the areas of the two copies."""
LEVEL_ROWS = 64
"""Rows converted to 8 bits at a time."""

Levels = NDArray[np.uint8]
RunTile = Callable[[Tensor], Mapping[str, Tensor]]
"""(1, channels, height, width) in [-1, 1], sides multiples of `Tiling.multiple` -> maps of this
height and width by name."""


@dataclass(frozen=True)
class Tiling:
    """How images are cut. `multiple` and `halo`: of the network, see `ganzoo.inputs.Image`."""

    multiple: int = 1
    halo: int = 0
    at_once: int = PIXELS_AT_ONCE
    side: int = TILE_SIDE
    copy_pixels: int = COPY_PIXELS

    def round_up(self, length: float) -> int:
        return math.ceil(length / self.multiple) * self.multiple

    def pad_length(self, length: int) -> int:
        """The shortest side that the network takes for an image side of `length`."""
        return self.round_up(max(length, SHORTEST_SIDE))

    def fits_at_once(self, height: int, width: int) -> bool:
        return self.pad_length(height) * self.pad_length(width) <= self.at_once


@dataclass(frozen=True)
class Span:
    """A tile along one axis. `weights`: its share of each pixel; those of all tiles sum to 1."""

    start: int
    weights: NDArray[np.float32]

    @property
    def size(self) -> int:
        return len(self.weights)


def count_tiles(height: int, width: int, tiling: Tiling) -> int:
    if tiling.fits_at_once(height, width):
        return 1
    return len(plan_spans(height, tiling)) * len(plan_spans(width, tiling))


@torch.inference_mode()
def run_tiled(
    run: RunTile, levels: Levels, tiling: Tiling, progress: Callable[[int], None] | None = None
) -> dict[str, Levels]:
    """The maps that `run` makes of an image (height, width, channels), as 8-bit images of its size.

    `progress` is called after each tile."""
    height, width = levels.shape[:2]
    if tiling.fits_at_once(height, width):
        row, column = (
            Span(0, np.ones(tiling.pad_length(side), np.float32)) for side in (height, width)
        )
        result = run(_cut_tile(levels, row, column))
        if progress:
            progress(1)
        return {name: _to_levels(maps[0, :, :height, :width]) for name, maps in result.items()}
    moments = estimate_moments(run, levels, tiling)
    wide = width > height

    def run_tile(tile: Tensor) -> Mapping[str, Tensor]:
        with InstanceNormMode(moments) as norms:
            result = run(tile.mT.contiguous() if wide else tile)
        norms.check_calls()
        return {name: maps.mT for name, maps in result.items()} if wide else result

    if wide:
        levels = levels.swapaxes(0, 1)
    down = plan_spans(levels.shape[0], tiling)
    across = plan_spans(levels.shape[1], tiling)
    # not before: the maps of the reduced copies would be kept as well
    with allocation.keep_freed_memory():
        results = _blend_tiles(run_tile, levels, down, across, progress)
    if wide:
        return {name: np.ascontiguousarray(map_.swapaxes(0, 1)) for name, map_ in results.items()}
    return results


def plan_spans(length: int, tiling: Tiling) -> list[Span]:
    """Cut an axis into tiles of equal size, as small as their number allows.

    Tiles start at multiples, for the network's strides. The last one may reach beyond the image."""
    whole = tiling.pad_length(length)
    overlap = tiling.round_up(2 * min(tiling.halo, MARGIN) + RAMP)
    side = max(tiling.round_up(tiling.side), 2 * overlap)
    n = max(1, math.ceil((whole - overlap) / (side - overlap)))
    size = min(whole, tiling.round_up((whole + (n - 1) * overlap) / n))
    margin = min(tiling.halo, (overlap - RAMP) // 2)

    # 0 over the margin, then half a cosine up to 1
    from_edge = (np.arange(size) + 0.5 - margin) / (overlap - 2 * margin)
    rise = 0.5 - 0.5 * np.cos(np.pi * from_edge.clip(0, 1))
    spans = []
    total = np.zeros(whole, np.float32)
    for place in range(n):
        start = (whole - size) * place // max(1, n - 1) // tiling.multiple * tiling.multiple
        before = rise if start > 0 else 1
        after = rise[::-1] if start + size < whole else 1
        window = (np.ones(size, np.float32) * before * after).astype(np.float32)
        total[start : start + size] += window
        spans.append(Span(start, window))
    return [
        Span(span.start, span.weights / total[span.start : span.start + size]) for span in spans
    ]


def _blend_tiles(
    run: RunTile,
    levels: Levels,
    down: Sequence[Span],
    across: Sequence[Span],
    progress: Callable[[int], None] | None,
) -> dict[str, Levels]:
    """Blend row by row of tiles.

    Pixels that no later tile touches become 8-bit at once: there are never more than two rows of
    floats, and rows run along the shorter side of the image."""
    height, width = levels.shape[:2]
    ends = [*(row.start for row in down[1:]), height]
    results: dict[str, Levels] = {}
    pending: dict[str, NDArray[np.float32]] = {}
    for row, end in zip(down, ends, strict=True):
        for name, strip in _run_row(run, levels, row, across, progress).items():
            if name in pending:
                strip[: len(pending[name])] += pending[name]
            result = results.setdefault(name, np.empty((height, width, strip.shape[2]), np.uint8))
            light = torch.from_numpy(strip[: end - row.start, :width]).permute(2, 0, 1)
            result[row.start : end] = _to_levels(light, is_linear=True)
            pending[name] = strip[end - row.start :].copy()
    return results


def _run_row(
    run: RunTile,
    levels: Levels,
    row: Span,
    across: Sequence[Span],
    progress: Callable[[int], None] | None,
) -> dict[str, NDArray[np.float32]]:
    """A row of tiles as one strip of linear light for each map, weighted along both axes."""
    length = across[-1].start + across[-1].size
    strips: dict[str, NDArray[np.float32]] = {}
    for column in across:
        for name, maps in run(_cut_tile(levels, row, column)).items():
            light = srgb_to_linear((maps[0].float().clamp(-1, 1) + 1) / 2)
            values = light.permute(1, 2, 0).cpu().numpy()
            shape = (row.size, length, values.shape[2])
            strip = strips.setdefault(name, np.zeros(shape, np.float32))
            strip[:, column.start : column.start + column.size] += values * column.weights[:, None]
        if progress:
            progress(1)
    for strip in strips.values():
        strip *= row.weights[:, None, None]
    return strips


def _cut_tile(levels: Levels, row: Span, column: Span) -> Tensor:
    """One tile in [-1, 1]; mirrored where it reaches beyond the image."""
    part = levels[row.start : row.start + row.size, column.start : column.start + column.size]
    beyond = ((0, row.size - part.shape[0]), (0, column.size - part.shape[1]), (0, 0))
    return _to_input(np.pad(part, beyond, mode="symmetric"))


def _to_input(levels: Levels) -> Tensor:
    return images.to_float(torch.from_numpy(np.ascontiguousarray(levels)).permute(2, 0, 1))[None]


def _to_levels(maps: Tensor, *, is_linear: bool = False) -> Levels:
    """(channels, height, width) in [-1, 1], or linear light in [0, 1], as 8-bit levels.

    A few rows at a time: a photograph in floats is large."""
    channels, height, width = maps.shape
    levels = np.empty((height, width, channels), np.uint8)
    for start in range(0, height, LEVEL_ROWS):
        part = maps[None, :, start : start + LEVEL_ROWS]
        if is_linear:
            part = 2 * linear_to_srgb(part.clamp(0, 1)) - 1
        levels[start : start + LEVEL_ROWS] = images.to_uint8(part)[0]
    return levels


def estimate_moments(run: RunTile, levels: Levels, tiling: Tiling) -> InstanceMoments:
    """Statistics that instance norm would see of the whole image, from two reduced copies.

    The share of border and edge pixels falls as 1 / side, and with it most of the difference
    between the statistics of a copy and of the image: the line through the two copies is extended
    to the size of the image. Variances are extended on a logarithmic scale, at most by a factor of
    e."""
    pixels = levels.shape[0] * levels.shape[1]
    most = min(tiling.copy_pixels, pixels // 2)
    far, small = _record_copy(run, levels, most // COPY_RATIO, tiling)
    if not small:  # a network without instance norm
        return []
    near, large = _record_copy(run, levels, most, tiling)
    beyond = (near - 1 / math.sqrt(pixels)) / (far - near) if far > near else 0.0
    moments = []
    for (mean, variance), (small_mean, small_variance) in zip(large, small, strict=True):
        ratio = (variance / small_variance.clamp(min=1e-12)).clamp(min=1e-12).log()
        extended = variance * (beyond * ratio).clamp(-1, 1).exp()
        moments.append((mean + beyond * (mean - small_mean), extended))
    return moments


def _record_copy(
    run: RunTile, levels: Levels, pixels: int, tiling: Tiling
) -> tuple[float, InstanceMoments]:
    """1 / side of a reduced copy of about `pixels` (also of a long strip), and its statistics."""
    scale = math.sqrt(pixels / (levels.shape[0] * levels.shape[1]))
    shortest = tiling.pad_length(1)
    multiple = tiling.multiple
    height = max(shortest, round(levels.shape[0] * scale / multiple) * multiple)
    width = max(shortest, round(levels.shape[1] * scale / multiple) * multiple)
    most = max(pixels, shortest**2)
    height, width = (
        max(shortest, min(height, tiling.round_up(most // width))),
        max(shortest, min(width, tiling.round_up(most // height))),
    )
    copy = images.make_image(levels).resize((width, height), Image.Resampling.LANCZOS)
    with InstanceNormMode() as norms:
        run(_to_input(np.array(copy).reshape(height, width, -1)))
    return 1 / math.sqrt(height * width), norms.recorded
