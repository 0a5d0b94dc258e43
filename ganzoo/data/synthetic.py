"""Data sets that are generated: sine, sinusoids, gaussians. Light: no torch, no numpy."""

from __future__ import annotations

import math

from ganzoo.data.named import DataRequest, NamedSet, ValueArrays
from ganzoo.inputs.streams import make_generator

LICENCE = "none needed: made by a formula"


def generate_sine(request: DataRequest) -> ValueArrays:
    """1,024 points (x, sin x), x uniform in [0, 2 pi]."""
    import numpy as np

    x = make_generator(request.seed, "sine").uniform(0, 2 * math.pi, 1024)
    return ValueArrays(values=np.stack([x, np.sin(x)], axis=1).astype(np.float32))


def generate_sinusoids(request: DataRequest) -> ValueArrays:
    """32,768 curves sin(b x + c) at 64 values of x in [-5, 5]; b in [0.5, 2], c in [0, pi]."""
    import numpy as np

    stream, count = make_generator(request.seed, "sinusoids"), 32_768
    b, c = stream.uniform(0.5, 2, (count, 1)), stream.uniform(0, math.pi, (count, 1))
    curves = np.sin(b * np.linspace(-5, 5, 64) + c).astype(np.float32)
    return ValueArrays(values=curves, kind="curves", low=-5.0, high=5.0)


def generate_gaussians(request: DataRequest) -> ValueArrays:
    """8,192 points of eight Gaussians (standard deviation 0.05) on a circle of radius 2."""
    import numpy as np

    stream, count = make_generator(request.seed, "gaussians"), 8192
    angles = 2 * math.pi * stream.integers(8, size=count) / 8
    centres = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = centres + 0.05 * stream.standard_normal((count, 2))
    return ValueArrays(values=points.astype(np.float32))


sine = NamedSet(name="sine", licence=LICENCE, source="generated", read=generate_sine)
sinusoids = NamedSet(name="sinusoids", licence=LICENCE, source="generated", read=generate_sinusoids)
gaussians = NamedSet(name="gaussians", licence=LICENCE, source="generated", read=generate_gaussians)
