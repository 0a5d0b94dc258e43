"""Tensors to pictures and back: 8-bit conversion, grids, PNG, GIF, opening a user's picture."""

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


LARGEST = 32_768
"""Pixels of a grid's side that programs still open."""
PIXELS = 200_000_000
"""Of a user's picture: a few kilobytes can claim, and unpack to, many more."""
Image.MAX_IMAGE_PIXELS = PIXELS
warnings.simplefilter(
    "ignore", Image.DecompressionBombWarning
)  # `opened` refuses what Pillow would only warn of
logging.getLogger("PIL").addHandler(
    logging.NullHandler()
)  # else its words about damaged files go to stderr beside ours
BROKEN = (
    OSError, EOFError, SyntaxError, ValueError, TypeError, AttributeError, LookupError, RuntimeError, struct.error,
    Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow raises for files that are no pictures, or broken ones."""


def to_uint8(images: Tensor) -> NDArray[np.uint8]:
    """Images in [-1, 1], (n, channels, height, width), as 8-bit (n, height, width, channels); -1 is 0, 1 is 255."""
    levels = ((images.detach().float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def to_float(images: Tensor) -> Tensor:
    """8-bit levels as floats in [-1, 1]."""
    return images.float().div_(127.5).sub_(1)


def picture(levels: NDArray[np.uint8]) -> Image.Image:
    """One (height, width, channels) array as a PIL image."""
    return Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)


def pictures(images: Tensor) -> list[Image.Image]:
    """Images in [-1, 1] as PIL images."""
    return [picture(levels) for levels in to_uint8(images)]


def columns_for(n: int) -> int:
    """Columns of a grid that is about square."""
    return math.isqrt(max(n, 1) - 1) + 1


def grid(images: Tensor, columns: int | None = None, gap: int = 2) -> Image.Image:
    """Images in [-1, 1] side by side, row by row, `gap` white pixels apart."""
    levels = to_uint8(images)
    n, height, width, channels = levels.shape
    rows, columns = grid_shape(n, height, width, columns, gap)
    sheet = np.full(
        (rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 255, dtype=np.uint8
    )
    for index, one in enumerate(levels):
        y, x = (index // columns) * (height + gap) + gap, (index % columns) * (width + gap) + gap
        sheet[y : y + height, x : x + width] = one
    return picture(sheet)


def grid_shape(
    n: int, height: int, width: int, columns: int | None = None, gap: int = 2
) -> tuple[int, int]:
    """Rows and columns of a grid; UsageError when it would be larger than programs open."""
    columns = min(n, columns or columns_for(n))
    rows = -(-n // columns)
    if max(rows * (height + gap), columns * (width + gap)) > LARGEST:
        raise UsageError(
            f"a grid of {n:,} pictures would be more than {LARGEST:,} pixels wide or high; write a folder or .tar files"
        )
    return rows, columns


def save_png(image: Image.Image, path: Path, text: Mapping[str, str] | None = None) -> None:
    """Write a PNG atomically; `text` goes into its text entries."""
    with replacing(path) as temporary:
        image.save(temporary, "PNG", pnginfo=_png_text(text))


def encode_png(image: Image.Image, text: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a PNG, compressed by run lengths.

    Generated images become as small as with the default, in two thirds of the time.
    """
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=_png_text(text), compress_type=zlib.Z_RLE, compress_level=1)
    return buffer.getvalue()


def _png_text(text: Mapping[str, str] | None) -> PngInfo | None:
    if not text:
        return None
    info = PngInfo()
    for key, value in text.items():
        info.add_itxt(key, value)
    return info


def save_gif(
    frames: Sequence[Image.Image], path: Path, seconds: float = 6.0, rest: float = 1.0
) -> None:
    """A looping GIF of `seconds`; the last frame stays for `rest` seconds more."""
    each = max(40, round(1000 * seconds / len(frames)))
    times = [each] * (len(frames) - 1) + [each + round(1000 * rest)]
    with replacing(path) as temporary:
        frames[0].save(
            temporary, "GIF", save_all=True, append_images=list(frames[1:]), duration=times, loop=0
        )


@contextmanager
def opened(source: Any) -> Iterator[Image.Image]:
    """A picture from a path or a file, not yet decoded. BROKEN when it is none, or larger than PIXELS."""
    with ExitStack() as stack:
        file = (
            stack.enter_context(files.opened(Path(source)))
            if isinstance(source, (str, Path))
            else source
        )
        image = stack.enter_context(Image.open(file))
        if image.width * image.height > PIXELS:
            raise Image.DecompressionBombError(
                f"{image.width:,} x {image.height:,} pixels; at most {PIXELS:,} are decoded"
            )
        yield image


def fault(error: Exception) -> str:
    """One of BROKEN in words."""
    if isinstance(error, UnidentifiedImageError):
        return "of no format that Pillow knows"
    if isinstance(error, Image.DecompressionBombError):
        return f"{error}".partition(", could be")[0]
    return (
        (error.strerror if isinstance(error, OSError) else None)
        or f"{error}"
        or type(error).__name__
    )


def open_picture(source: Any, name: str = "image") -> Image.Image:
    """A PIL image from a path or a PIL image, upright (EXIF). InputError when it is no picture."""
    try:
        if isinstance(source, Image.Image):
            return ImageOps.exif_transpose(source)
        with warnings.catch_warnings(), opened(source) as image:
            warnings.simplefilter(
                "ignore", UserWarning
            )  # of a damaged file; what cannot be read raises an error as well
            image.load()
            return ImageOps.exif_transpose(image)
    except FileNotFoundError:
        raise InputError(name, f"no file {source}") from None
    except BROKEN as error:
        raise InputError(
            name, f"{source} is not a picture that can be read ({fault(error)})"
        ) from None


def to_input(image: Image.Image, spec: ImageInput) -> Tensor:
    """A picture as (channels, height, width) in [-1, 1], fitted as the input asks."""
    image = opaque(image).convert("L" if spec.channels == 1 else "RGB")
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
        opened = [to_input(open_picture(source, name), spec) for source in sources]
    except BROKEN as error:
        raise InputError(name, f"not a picture that can be read ({fault(error)})") from None
    if len({one.shape for one in opened}) != 1:
        sizes = ", ".join(f"{one.shape[2]} x {one.shape[1]}" for one in opened)
        raise InputError(name, f"pictures of one size are needed at a time, not {sizes or 'none'}")
    return torch.stack(opened)


def opaque(image: Image.Image) -> Image.Image:
    """Transparent pictures laid on white; 16-bit greys brought to 8 bits."""
    image = shallow(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image


def shallow(image: Image.Image) -> Image.Image:
    """16-bit greys brought to 8 bits, with what is transparent in them. ValueError for levels of more bits."""
    if not (image.mode.startswith("I;16") or image.mode == "I"):
        return image
    levels = np.asarray(image).astype(np.int64)
    if levels.min() < 0 or levels.max() > 65535:
        raise ValueError("levels of more than 16 bits; 8 or 16 are needed")
    grey = Image.fromarray(((levels + 128) // 257).astype(np.uint8))
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey.putalpha(Image.fromarray(np.where(levels == clear, 0, 255).astype(np.uint8)))
    return grey
