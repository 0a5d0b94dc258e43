"""How far the points of a model lie from the sine curve, and how evenly they cover it.

    python benchmarks/sine_distance.py vanilla-sine

10,000 points: mean |y - sin x|, and the greatest distance between the distribution of x and the
uniform one on [0, 2 pi] (Kolmogorov-Smirnov). Ends with the manifest's metrics as JSON.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import torch
from repeat import command

import ganzoo

SAMPLES = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the metrics here")
    options = parser.parse_args()
    points = ganzoo.load(options.model).sample(SAMPLES, seed=options.seed, batch_size=1000).tensor
    x, y = points[:, 0].double(), points[:, 1].double()
    uniform = (x.sort().values / (2 * math.pi)).clamp(0, 1)
    steps = torch.arange(SAMPLES, dtype=torch.float64) / SAMPLES
    gap = torch.maximum((uniform - steps).abs(), (uniform - steps - 1 / SAMPLES).abs()).max()
    figures = {
        "mean distance from the sine": float((y - x.sin()).abs().mean()),
        "Kolmogorov-Smirnov distance of x": float(gap),
    }
    repeat = command(parser, options, [options.model])
    metrics = [
        {
            "name": name,
            "value": round(value, 4),
            "protocol": f"{SAMPLES:,} points, seed {options.seed}",
            "command": repeat,
        }
        for name, value in figures.items()
    ]
    print(json.dumps(metrics, indent=2))
    if options.json:
        options.json.write_text(json.dumps(metrics), "utf-8")


if __name__ == "__main__":
    main()
