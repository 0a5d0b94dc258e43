"""Grids of images with the prompt above the lines that it produced."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ganzoo.errors import UsageError
from ganzoo.pictures import images
from ganzoo.text import shorten

GAP = 2
"""Pixels between images and around letters."""
PROMPT_WIDTH = 480
"""Width in pixels to which a narrow grid grows for its prompts."""
PROMPT_LENGTH = 500
"""Most characters of a prompt that are drawn."""


def fits_prompts(n: int, prompts: int, columns: int | None = None) -> bool:
    """Whether several prompts divide `n` images into whole lines of a grid."""
    columns = columns or images.square_columns(n)
    return prompts > 1 and n % prompts == 0 and n // prompts % columns == 0


def make_prompt_grid(
    values: Tensor, prompts: Sequence[str], columns: int | None = None
) -> Image.Image:
    """Images in [-1, 1] as in `images.make_grid`, an equal run of lines below each prompt.

    Prompts are cut to the width of the grid.
    """
    count, columns = len(values) // len(prompts), columns or images.square_columns(len(values))
    height = values.shape[2]
    check_prompt_grid(len(prompts), count, height, values.shape[3], columns)
    # Pillow's own font, so that a grid is the same on every machine; what it lacks becomes a box
    font = ImageFont.load_default(letter_size(height))
    texts = []
    for prompt in prompts:
        # control characters and direction marks cannot be drawn
        texts.append("".join(c for c in shorten(prompt, PROMPT_LENGTH) if c.isprintable()))
    text_width = round(max(font.getlength(text) for text in texts)) + 3 * GAP
    blocks = [images.make_grid(part, columns, GAP) for part in torch.split(values, count)]
    band, width = band_height(height), max(min(PROMPT_WIDTH, text_width), blocks[0].width)
    total = sum(band + block.height for block in blocks)
    sheet = Image.new(blocks[0].mode, (width, total), "white")
    pen, top = ImageDraw.Draw(sheet), 0
    for text, block in zip(texts, blocks, strict=True):
        pen.text((GAP, top + GAP), _cut_text(text, font, width - 2 * GAP), fill="black", font=font)
        sheet.paste(block, (0, top + band))
        top += band + block.height
    return sheet


def check_prompt_grid(
    prompts: int, count: int, height: int, width: int, columns: int | None = None
) -> None:
    """UsageError where a grid of `count` images per prompt exceeds GRID_LIMIT."""
    columns = columns or images.square_columns(prompts * count)
    rows, _ = images.measure_grid(count, height, width, columns, GAP)
    if prompts * (rows * (height + GAP) + GAP + band_height(height)) > images.GRID_LIMIT:
        raise UsageError(
            f"a grid of {prompts * count:,} images below {prompts:,} prompts would be more than "
            f"{images.GRID_LIMIT:,} pixels high; write a folder or .tar files"
        )


def letter_size(height: int) -> int:
    """Size of the letters above images of this height, in pixels."""
    return max(12, min(28, height // 8))


def band_height(height: int) -> int:
    """Height of a line of letters above images of this height."""
    return round(1.3 * letter_size(height)) + GAP


def _cut_text(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """`text`, cut to `width` pixels."""
    if font.getlength(text) <= width:
        return text

    def measure(length: int) -> float:
        return float(font.getlength(text[:length] + "..."))

    kept = bisect_right(range(1, len(text)), float(width), key=measure)
    return text[:kept].rstrip() + "..."
