"""A small set of images with captions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def shapes(place: Path, n: int = 64) -> Path:
    """Red and blue circles and squares, 16 x 16 on white, each with two captions."""
    place.mkdir()
    lines = []
    for number in range(n):
        colour, shape = ("red", "blue")[number % 2], ("circle", "square")[number // 2 % 2]
        image = Image.new("RGB", (16, 16), "white")
        left, top = np.random.default_rng(number).integers(1, 6, size=2).tolist()
        pen = ImageDraw.Draw(image)
        (pen.ellipse if shape == "circle" else pen.rectangle)(
            (left, top, left + 9, top + 9), fill=colour
        )
        image.save(place / f"{number}.png")
        lines.append(
            json.dumps(
                {
                    "file_name": f"{number}.png",
                    "text": [f"a {colour} {shape}", f"{shape}, {colour}"],
                }
            )
        )
    (place / "captions.jsonl").write_text("\n".join(lines), "utf-8")
    return place
