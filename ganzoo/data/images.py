"""Pictures of a set as one uint8 tensor, or decoded as they are asked for where memory does not hold them."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from ganzoo.data.files import Entry
from ganzoo.errors import DataError
from ganzoo.pictures.images import BROKEN, fault, opaque, opened
from ganzoo.spec import Picture

GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N", "F")
"""Pillow's modes of one channel, transparent or not."""


class Pictures:
    """`take(indices)`: uint8 (n, channels, size, size), channels-last in memory."""

    def __init__(
        self, entries: Sequence[Entry], spec: Picture, *, in_memory: bool | None = None
    ) -> None:
        self.entries, self.channels, self.size = entries, spec.channels, spec.size or 0
        if spec.size is None:
            raise DataError("training needs pictures of one size; the plugin asks for none")
        fits = len(entries) * self.channels * self.size**2 < available_memory() / 2
        self.pool = ThreadPoolExecutor(os.cpu_count())
        self.levels = (
            self._decoded(range(len(entries)))
            if (fits if in_memory is None else in_memory)
            else None
        )

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        levels = self._decoded(indices) if self.levels is None else self.levels[indices]
        return torch.from_numpy(levels).permute(0, 3, 1, 2)

    def _decoded(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        out = np.empty((len(indices), self.size, self.size, self.channels), dtype=np.uint8)

        def one(place: int) -> None:
            out[place] = decode(self.entries[int(indices[place])], self.channels, self.size)

        list(self.pool.map(one, range(len(indices)), chunksize=64))
        return out


class Stored:
    """The same for pictures that lie in memory already, uint8 (n, height, width, channels), as MNIST's do."""

    def __init__(self, levels: NDArray[np.uint8], spec: Picture) -> None:
        size = spec.size or levels.shape[1]
        if levels.shape[1:] != (size, size, spec.channels):
            mode = "L" if spec.channels == 1 else "RGB"
            shape = (size, size, spec.channels)
            fitted = [fit(Image.fromarray(one.squeeze()), mode, size) for one in levels]
            levels = np.stack([np.asarray(one).reshape(shape) for one in fitted])
        self.levels = levels

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self.levels[indices]).permute(0, 3, 1, 2)


def decode(entry: Entry, channels: int, size: int) -> NDArray[np.uint8]:
    """One file as (size, size, channels): upright, cut to its box, laid on white, shorter side scaled to `size`, centred."""
    try:
        with opened(io.BytesIO(entry.read())) as image:
            if image.format == "JPEG" and entry.box is None:
                image.draft("L" if channels == 1 else "RGB", (2 * size, 2 * size))
            upright = ImageOps.exif_transpose(image)
            part = upright if entry.box is None else upright.crop(_part(entry, upright))
            fitted = fit(part, "L" if channels == 1 else "RGB", size)
    except BROKEN as error:
        raise _broken(entry, error) from None
    return np.asarray(fitted).reshape(size, size, channels)


def fit(image: Image.Image, mode: str, size: int) -> Image.Image:
    """Shorter side to `size` (Lanczos; bilinear when enlarging), then the centre; untouched where it fits already."""
    image = opaque(image).convert(mode)
    if image.size == (size, size):
        return image
    method = Image.Resampling.LANCZOS if min(image.size) > size else Image.Resampling.BILINEAR
    return ImageOps.fit(image, (size, size), method)


def common_size(entries: Sequence[Entry], sample: int = 64) -> tuple[int, int | None]:
    """Channels (1 if all are grey) and side of the first pictures; None when they differ or are not square."""
    sides, grey = set(), True
    for entry in entries[:: max(1, len(entries) // sample)]:
        try:
            with opened(io.BytesIO(entry.read())) as image:
                left, top, right, bottom = _part(entry, image)
                sides |= {right - left, bottom - top}
                grey = grey and image.mode in GREY
        except BROKEN as error:
            raise _broken(entry, error) from None
    return (1 if grey else 3), (sides.pop() if len(sides) == 1 else None)


def _part(entry: Entry, image: Image.Image) -> tuple[int, int, int, int]:
    """What counts of a picture; ValueError where that is nothing."""
    if entry.box is None:
        return 0, 0, *image.size
    left, top = (max(0, place) for place in entry.box[:2])
    right, bottom = (min(place, end) for place, end in zip(entry.box[2:], image.size, strict=True))
    if left >= right or top >= bottom:
        raise ValueError("its box lies outside of it")
    return left, top, right, bottom


def _broken(entry: Entry, error: Exception) -> DataError:
    return DataError(
        f"{entry.shown} is not a picture that can be read ({fault(error)}); mend or remove it"
    )


def available_memory() -> int:
    """Bytes of memory that are free for use; a careful guess where the system does not say."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 4 << 30
