"""Difference in tone between a photograph translated in tiles and in one pass.

    python benchmarks/tone.py cyclegan-summer2winter --photo china.jpg --times 3

Compares means of squares of 128 pixels, in grey levels of 255, and prints the largest and the mean
difference for each direction as JSON. --times enlarges the photograph so that it needs tiles.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import ganzoo
from ganzoo.api import Model
from ganzoo.inputs import Choice
from ganzoo.photographs import photograph

SQUARE = 128
usual = photograph.choose_tiling


def choose_untiled(spec: Any) -> Any:
    return dataclasses.replace(usual(spec), at_once=1 << 62)


def measure_squares(
    model: Model, picture: Image.Image, inputs: dict[str, str], tiling: Any
) -> NDArray[np.float64]:
    """Means of squares (rows, columns, 3)."""
    photograph.choose_tiling = tiling
    try:
        levels = np.asarray(model.translate(picture, **inputs), np.float64)
    finally:
        photograph.choose_tiling = usual
    rows, columns = (side // SQUARE for side in levels.shape[:2])
    squares = levels[: rows * SQUARE, : columns * SQUARE].reshape(rows, SQUARE, columns, SQUARE, -1)
    means: NDArray[np.float64] = squares.mean(axis=(1, 3))
    return means


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--times", type=float, default=1)
    options = parser.parse_args()
    model = ganzoo.load(options.model)
    photo = Image.open(options.photo).convert("RGB")
    picture = photo.resize(
        (round(photo.width * options.times), round(photo.height * options.times)),
        Image.Resampling.LANCZOS,
    )
    if usual(photograph.require_image_input(model)[1]).fits_at_once(picture.height, picture.width):
        parser.error(
            f"{picture.width} x {picture.height} pixels go through at once, with nothing to "
            "compare; raise --times"
        )
    choice = model.inputs.get("direction")
    ways = choice.options if isinstance(choice, Choice) else ()
    found = []
    for inputs in [{"direction": way} for way in ways] or [dict[str, str]()]:
        apart = abs(
            measure_squares(model, picture, inputs, usual)
            - measure_squares(model, picture, inputs, choose_untiled)
        )
        found.append(
            {
                **inputs,
                "largest": round(float(apart.max()), 2),
                "mean": round(float(apart.mean()), 2),
            }
        )
    print(json.dumps({"pixels": picture.size, "tone": found}))


if __name__ == "__main__":
    main()
