"""Made-up pictures of three classes, as folders of PNGs with both splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLASSES = ("checks", "columns", "rows")
SIZE = 16


def levels(name: str, count: int, seed: int) -> NDArray[np.uint8]:
    """(count, SIZE, SIZE), noisy."""
    down, right = np.mgrid[:SIZE, :SIZE] // 2
    pattern = {"checks": (down + right) % 2, "columns": right % 2, "rows": down % 2}[name]
    noise = np.random.default_rng(seed).normal(0, 25, (count, SIZE, SIZE))
    return (60 + 120 * pattern + noise).clip(0, 255).astype(np.uint8)


def folder(place: Path, train: int = 60, test: int | None = 20) -> Path:
    """<place>/train/<class>/*.png and the same for test; without `test`, the classes alone."""
    for split, count in (("train", train), ("test", test)):
        for number, name in enumerate(CLASSES):
            inside = place / split / name if test else place / name
            inside.mkdir(parents=True, exist_ok=True)
            for row, picture in enumerate(
                levels(name, count or 0, 10 * number + (split == "test"))
            ):
                Image.fromarray(picture).save(inside / f"{row}.png")
    return place
