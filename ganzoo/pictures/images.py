"""Tensors to images and back: 8-bit conversion, grids, PNG, GIF, opening a user's image."""

from __future__ import annotations

import io
import logging
import math
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from ganzoo import files
from ganzoo.errors import InputError, UsageError
from ganzoo.files import replacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ganzoo.inputs import Image as ImageInput


GRID_LIMIT = 32_768
"""Largest side of a grid in pixels, which programs still open."""
PIXEL_LIMIT = 200_000_000
"""Most pixels of a user's image; a few kilobytes can claim, and unpack to, many more."""
Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT
# `open_bounded` refuses what Pillow would only warn of
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
# otherwise Pillow's messages about damaged files go to stderr beside ours
logging.getLogger("PIL").addHandler(logging.NullHandler())
IMAGE_ERRORS = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    RuntimeError,
    struct.error,
    Image.DecompressionBombError,
)
"""What Pillow raises for files that are damaged or not images."""


def to_uint8(images: Tensor) -> NDArray[np.uint8]:
    """Images (n, channels, height, width) in [-1, 1] as 8-bit levels (n, height, width, channels).

    -1 becomes 0 and 1 becomes 255.
    """
    levels = ((images.detach().float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def to_float(images: Tensor) -> Tensor:
    """8-bit levels as floats in [-1, 1]."""
    return images.float().div_(127.5).sub_(1)


def make_image(levels: NDArray[np.uint8]) -> Image.Image:
    """8-bit levels (height, width, channels) as a PIL image."""
    return Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)


def make_images(images: Tensor) -> list[Image.Image]:
    """Images in [-1, 1] as PIL images."""
    return [make_image(levels) for levels in to_uint8(images)]


def square_columns(n: int) -> int:
    """Columns of a grid of `n` images that is about square."""
    return math.isqrt(max(n, 1) - 1) + 1


def make_grid(images: Tensor, columns: int | None = None, gap: int = 2) -> Image.Image:
    """Images in [-1, 1] row by row in a grid, `gap` white pixels apart."""
    levels = to_uint8(images)
    n, height, width, channels = levels.shape
    rows, columns = measure_grid(n, height, width, columns, gap)
    shape = (rows * (height + gap) + gap, columns * (width + gap) + gap, channels)
    sheet = np.full(shape, 255, dtype=np.uint8)
    for index, image in enumerate(levels):
        row, column = divmod(index, columns)
        y, x = row * (height + gap) + gap, column * (width + gap) + gap
        sheet[y : y + height, x : x + width] = image
    return make_image(sheet)


def measure_grid(
    n: int, height: int, width: int, columns: int | None = None, gap: int = 2
) -> tuple[int, int]:
    """Rows and columns of a grid. UsageError where it exceeds GRID_LIMIT."""
    columns = min(n, columns or square_columns(n))
    rows = -(-n // columns)
    if max(rows * (height + gap), columns * (width + gap)) > GRID_LIMIT:
        raise UsageError(
            f"a grid of {n:,} images would be more than {GRID_LIMIT:,} pixels wide or high; "
            "write a folder or .tar files"
        )
    return rows, columns


def save_png(image: Image.Image, path: Path, text: Mapping[str, str] | None = None) -> None:
    """Write a PNG atomically; `text` goes into its text entries."""
    with replacing(path) as temporary:
        image.save(temporary, "PNG", pnginfo=make_text(text))


def encode_png(image: Image.Image, text: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a PNG, compressed by run lengths.

    Generated images become as small as with the default, in two thirds of the time.
    """
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=make_text(text), compress_type=zlib.Z_RLE, compress_level=1)
    return buffer.getvalue()


def make_text(text: Mapping[str, str] | None) -> PngInfo | None:
    """Pillow's form of a PNG's text entries."""
    if not text:
        return None
    info = PngInfo()
    for key, value in text.items():
        info.add_itxt(key, value)
    return info


def save_gif(
    frames: Sequence[Image.Image], path: Path, seconds: float = 6.0, rest: float = 1.0
) -> None:
    """Write a looping GIF of `seconds`; the last frame stays for `rest` seconds more."""
    frame_time = max(40, round(1000 * seconds / len(frames)))
    times = [frame_time] * len(frames)
    times[-1] += round(1000 * rest)
    with replacing(path) as temporary:
        frames[0].save(
            temporary, "GIF", save_all=True, append_images=list(frames[1:]), duration=times, loop=0
        )


@contextmanager
def open_bounded(source: Any) -> Iterator[Image.Image]:
    """An image from a path or a file, not decoded yet.

    Raises one of IMAGE_ERRORS where it is not an image or has more than PIXEL_LIMIT pixels.
    """
    with ExitStack() as stack:
        if isinstance(source, (str, Path)):
            source = stack.enter_context(files.open_regular(Path(source)))
        image = stack.enter_context(Image.open(source))
        if image.width * image.height > PIXEL_LIMIT:
            raise Image.DecompressionBombError(
                f"{image.width:,} x {image.height:,} pixels; at most {PIXEL_LIMIT:,} are decoded"
            )
        yield image


def describe_fault(error: Exception) -> str:
    """One of IMAGE_ERRORS in words."""
    if isinstance(error, UnidentifiedImageError):
        return "of no format that Pillow knows"
    if isinstance(error, Image.DecompressionBombError):
        return f"{error}".partition(", could be")[0]
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{error}" or type(error).__name__


def open_image(source: Any, name: str = "image") -> Image.Image:
    """A PIL image from a path or a PIL image, turned upright (EXIF).

    InputError, for the input `name`, where it is not an image.
    """
    try:
        if isinstance(source, Image.Image):
            return ImageOps.exif_transpose(source)
        with warnings.catch_warnings(), open_bounded(source) as image:
            # about a damaged file; one that cannot be read raises an error as well
            warnings.simplefilter("ignore", UserWarning)
            image.load()
            return ImageOps.exif_transpose(image)
    except FileNotFoundError:
        raise InputError(name, f"no file {source}") from None
    except IMAGE_ERRORS as error:
        problem = f"{source} is not a readable image ({describe_fault(error)})"
        raise InputError(name, problem) from None


def to_input(image: Image.Image, spec: ImageInput) -> Tensor:
    """An image as (channels, height, width) in [-1, 1], fitted as the input requires."""
    image = lay_on_white(image).convert("L" if spec.channels == 1 else "RGB")
    if spec.size is not None:
        image = ImageOps.fit(image, (spec.size, spec.size), Image.Resampling.LANCZOS)
    levels = np.asarray(image)
    levels = levels[..., None] if levels.ndim == 2 else levels
    below, right = -levels.shape[0] % spec.multiple, -levels.shape[1] % spec.multiple
    if below or right:
        levels = np.pad(levels, ((0, below), (0, right), (0, 0)), mode="edge")
    return to_float(torch.from_numpy(levels.copy()).permute(2, 0, 1))


def read_inputs(sources: Sequence[Any], spec: ImageInput, name: str) -> Tensor:
    """Paths and PIL images of one size as a batch (n, channels, height, width) in [-1, 1]."""
    try:
        opened = [to_input(open_image(source, name), spec) for source in sources]
    except IMAGE_ERRORS as error:
        raise InputError(name, f"not a readable image ({describe_fault(error)})") from None
    if len({image.shape for image in opened}) != 1:
        sizes = ", ".join(f"{image.shape[2]} x {image.shape[1]}" for image in opened)
        raise InputError(name, f"images must have one size, not {sizes or 'none'}")
    return torch.stack(opened)


def lay_on_white(image: Image.Image) -> Image.Image:
    """A transparent image on white, 16-bit gray levels reduced to 8 bits."""
    image = reduce_to_8_bits(image)
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def reduce_to_8_bits(image: Image.Image) -> Image.Image:
    """16-bit gray levels as 8-bit ones, with their transparency. ValueError for more bits."""
    if not (image.mode.startswith("I;16") or image.mode == "I"):
        return image
    levels = np.asarray(image).astype(np.int64)
    if levels.min() < 0 or levels.max() > 65535:
        raise ValueError("levels of more than 16 bits; 8 or 16 are needed")
    gray = Image.fromarray(((levels + 128) // 257).astype(np.uint8))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        alpha = np.where(levels == transparent, 0, 255).astype(np.uint8)
        gray.putalpha(Image.fromarray(alpha))
    return gray
