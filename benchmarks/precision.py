"""By how much the fast path (bf16 where native, folded, channels-last) moves pictures from plain
float32.

python benchmarks/precision.py dcgan-celeba
"""

from __future__ import annotations

import sys

import numpy as np

from ganzoo import load
from ganzoo.inputs import Rows
from ganzoo.pictures.images import to_uint8
from ganzoo.sampling.feed import batch_inputs
from ganzoo.sampling.generation import generate

ROWS = 1024


def main() -> None:
    for name in sys.argv[1:] or ["dcgan-celeba"]:
        model = load(name, device="cpu")
        feed = batch_inputs(model.inputs, {}, Rows(0, ROWS), 64)
        plain = to_uint8(generate(model.gan, feed, model.device, "fp32")["sample"]).astype(np.int16)
        apart = abs(plain - to_uint8(model.sample(ROWS, seed=0).tensor)).reshape(ROWS, -1)
        by_image = apart.mean(axis=1)
        worst = f"worst image {by_image.max():.3f}, worst pixel {apart.max()}"
        print(f"{name}, {model.precision}: mean {apart.mean():.3f} grey levels, {worst}")


if __name__ == "__main__":
    main()
