"""Data that need no download: points on a sine, sinusoids, a ring of Gaussians."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ganzoo.inputs.streams import make_generator
from ganzoo.spec import Facts

Array = NDArray[np.float32]
LICENCE = "none needed: made by a formula"


def sine(seed: int) -> tuple[Array, Facts]:
    """1,024 points (x, sin x), x uniform in [0, 2 pi]."""
    x = make_generator(seed, "sine").uniform(0, 2 * math.pi, 1024)
    return np.stack([x, np.sin(x)], axis=1).astype(np.float32), Facts(
        name="sine", kind="points", count=1024, dims=2
    )


def sinusoids(seed: int) -> tuple[Array, Facts]:
    """32,768 curves sin(b x + c) at 64 values of x in [-5, 5]; b uniform in [0.5, 2], c in [0, pi]."""
    stream, count = make_generator(seed, "sinusoids"), 32_768
    b, c = stream.uniform(0.5, 2, (count, 1)), stream.uniform(0, math.pi, (count, 1))
    curves = np.sin(b * np.linspace(-5, 5, 64) + c).astype(np.float32)
    return curves, Facts(name="sinusoids", kind="curves", count=count, dims=64, low=-5.0, high=5.0)


def gaussians(seed: int) -> tuple[Array, Facts]:
    """8,192 points of eight Gaussians (standard deviation 0.05) on a ring of radius 2: all eight should be found again."""
    stream, count = make_generator(seed, "gaussians"), 8192
    angles = 2 * math.pi * stream.integers(8, size=count) / 8
    centres = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = (centres + 0.05 * stream.standard_normal((count, 2))).astype(np.float32)
    return points, Facts(name="gaussians", kind="points", count=count, dims=2)


SETS: dict[str, Callable[[int], tuple[Array, Facts]]] = {
    "sine": sine,
    "sinusoids": sinusoids,
    "gaussians": gaussians,
}
