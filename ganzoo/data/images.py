"""Images of a data set as uint8 arrays: decoded once, or on demand if memory is too small."""

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

from ganzoo.data.files import Box, DataFile
from ganzoo.errors import DataError
from ganzoo.pictures.images import IMAGE_ERRORS, describe_fault, lay_on_white, open_bounded
from ganzoo.spec import Picture

GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N", "F")
"""Pillow's modes of one colour channel, with or without alpha."""
PROBES = 64
"""About how many images `probe_size` opens."""


class FileImages:
    """Images of files. `take(indices)` returns uint8 (n, channels, size, size), channels-last."""

    def __init__(
        self, files: Sequence[DataFile], spec: Picture, *, in_memory: bool | None = None
    ) -> None:
        if spec.size is None:
            raise DataError("training needs images of one size, and the plugin names none")
        self.files, self.channels, self.size = files, spec.channels, spec.size
        self.pool = ThreadPoolExecutor(os.cpu_count())
        if in_memory is None:
            try:
                free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
            except (ValueError, OSError, AttributeError):
                free = 4 << 30  # the system does not say
            in_memory = len(files) * self.channels * self.size**2 < free / 2
        self.levels = self.decode(range(len(files))) if in_memory else None

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        levels = self.decode(indices) if self.levels is None else self.levels[indices]
        return torch.from_numpy(levels).permute(0, 3, 1, 2)

    def decode(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """(n, size, size, channels), decoded in threads."""
        out = np.empty((len(indices), self.size, self.size, self.channels), dtype=np.uint8)

        def decode_into(row: int) -> None:
            out[row] = decode_image(self.files[int(indices[row])], self.channels, self.size)

        list(self.pool.map(decode_into, range(len(indices)), chunksize=64))
        return out


class ArrayImages:
    """Images that are in memory as uint8 (n, height, width, channels); `take` as above."""

    def __init__(self, levels: NDArray[np.uint8], spec: Picture) -> None:
        size = spec.size or levels.shape[1]
        shape = (size, size, spec.channels)
        if levels.shape[1:] != shape:
            mode = "L" if spec.channels == 1 else "RGB"
            fitted = [fit_square(Image.fromarray(one.squeeze()), mode, size) for one in levels]
            levels = np.stack([np.asarray(one).reshape(shape) for one in fitted])
        self.levels = levels

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self.levels[indices]).permute(0, 3, 1, 2)


def decode_image(file: DataFile, channels: int, size: int) -> NDArray[np.uint8]:
    """One image as (size, size, channels).

    It is turned by its EXIF orientation, cropped to its box, laid on white if transparent, scaled
    so that its shorter side is `size`, and cropped to the centre. DataError if it is damaged.
    """
    mode = "L" if channels == 1 else "RGB"
    try:
        with open_bounded(io.BytesIO(file.read())) as image:
            if image.format == "JPEG" and file.box is None:
                image.draft(mode, (2 * size, 2 * size))
            upright = ImageOps.exif_transpose(image)
            if file.box is not None:
                upright = upright.crop(_used_part(file, upright))
            fitted = fit_square(upright, mode, size)
    except IMAGE_ERRORS as error:
        raise _describe_damage(file, error) from None
    return np.asarray(fitted).reshape(size, size, channels)


def fit_square(image: Image.Image, mode: str, size: int) -> Image.Image:
    """Scale the shorter side to `size` (Lanczos; bilinear to enlarge) and crop to the centre."""
    image = lay_on_white(image).convert(mode)
    if image.size == (size, size):
        return image
    method = Image.Resampling.LANCZOS if min(image.size) > size else Image.Resampling.BILINEAR
    return ImageOps.fit(image, (size, size), method)


def probe_size(files: Sequence[DataFile]) -> tuple[int, int | None]:
    """Channels (1 if all images are grey) and side in pixels (None unless all are equal squares).

    Reads a sample of the files.
    """
    sides: set[int] = set()
    grey = True
    for file in files[:: max(1, len(files) // PROBES)]:
        try:
            with open_bounded(io.BytesIO(file.peek())) as image:
                left, top, right, bottom = _used_part(file, image)
                sides |= {right - left, bottom - top}
                grey = grey and image.mode in GREY_MODES
        except IMAGE_ERRORS as error:
            raise _describe_damage(file, error) from None
    return (1 if grey else 3), (sides.pop() if len(sides) == 1 else None)


def _used_part(file: DataFile, image: Image.Image) -> Box:
    """The file's box within the image; ValueError if they do not overlap."""
    width, height = image.size
    if file.box is None:
        return 0, 0, width, height
    left, top = max(0, file.box[0]), max(0, file.box[1])
    right, bottom = min(width, file.box[2]), min(height, file.box[3])
    if left >= right or top >= bottom:
        raise ValueError("its box lies outside of it")
    return left, top, right, bottom


def _describe_damage(file: DataFile, error: Exception) -> DataError:
    fault = describe_fault(error)
    return DataError(f"{file.shown} is not an image that can be read ({fault}); mend or remove it")
