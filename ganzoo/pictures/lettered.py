"""Grids of pictures with the sentence that they were made from above them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ganzoo.errors import UsageError
from ganzoo.pictures import images
from ganzoo.text import shortened

GAP = 2
WIDEST = 480
"""Pixels to which a narrow grid is widened for its sentences."""
MOST = 500
"""Characters of a sentence that are looked at."""


def fits(n: int, sentences: int, columns: int | None = None) -> bool:
    """Whether several sentences share `n` pictures out in whole lines of a grid."""
    columns = columns or images.columns_for(n)
    return sentences > 1 and n % sentences == 0 and n // sentences % columns == 0


def grid(pictures: Tensor, sentences: Sequence[str], columns: int | None = None) -> Image.Image:
    """Images in [-1, 1] as `images.grid` lays them out, an equal run of lines below each sentence, which is cut to the width."""
    each, columns = len(pictures) // len(sentences), columns or images.columns_for(len(pictures))
    check(len(sentences), each, pictures.shape[2], pictures.shape[3], columns)
    font = _font(pictures.shape[2])
    texts = [_drawn(sentence) for sentence in sentences]
    room = min(WIDEST, round(max(font.getlength(text) for text in texts)) + 3 * GAP)
    blocks = [images.grid(part, columns, GAP) for part in torch.split(pictures, each)]
    band, width = _band(pictures.shape[2]), max(room, blocks[0].width)
    sheet = Image.new(
        blocks[0].mode, (width, sum(band + block.height for block in blocks)), "white"
    )
    pen, top = ImageDraw.Draw(sheet), 0
    for text, block in zip(texts, blocks, strict=True):
        pen.text((GAP, top + GAP), _cut(text, font, width - 2 * GAP), fill="black", font=font)
        sheet.paste(block, (0, top + band))
        top += band + block.height
    return sheet


def check(sentences: int, each: int, height: int, width: int, columns: int | None = None) -> None:
    """UsageError when the grid would be larger than programs open."""
    columns = columns or images.columns_for(sentences * each)
    rows, _ = images.grid_shape(each, height, width, columns, GAP)
    if sentences * (rows * (height + GAP) + GAP + _band(height)) > images.LARGEST:
        raise UsageError(
            f"a grid of {sentences * each:,} pictures below {sentences:,} sentences would be more than {images.LARGEST:,} "
            "pixels high; write a folder or .tar files"
        )


def _size(height: int) -> int:
    """Of the letters above pictures of this height."""
    return max(12, min(28, height // 8))


def _band(height: int) -> int:
    """Pixels that a line of letters takes."""
    return round(1.3 * _size(height)) + GAP


def _font(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own, so that a sheet is the same on every machine; what it lacks is drawn as a box."""
    return ImageFont.load_default(_size(height))


def _drawn(sentence: str) -> str:
    """Without what no font can draw: control characters, marks of direction."""
    return "".join(character for character in shortened(sentence, MOST) if character.isprintable())


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: int) -> str:
    """To `room` pixels."""
    if font.getlength(text) <= room:
        return text
    kept = bisect_right(
        range(1, len(text)),
        float(room),
        key=lambda size: float(font.getlength(text[:size] + "...")),
    )
    return text[:kept].rstrip() + "..."
