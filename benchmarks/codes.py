"""What an InfoGAN's codes have come to mean on digits, read by a classifier that is trained apart (benchmarks/reader.py).

    python benchmarks/codes.py runs/seed-0 runs/seed-1 runs/seed-2 --data mnist --data-root DATA

Of 10,000 samples: how often the first category agrees with the class read, each value of it standing for one class, in the way
that agrees best. Then each number c1, c2, ... is set to -2, 0 and 2 while all else is held (1,000 samples each): how slant, width
and height of what is drawn change. Slant is the shear of the ink, covariance of column and row over variance of the row, as an
angle; height is twice the deviation of the rows, width that of the columns once the shear is taken away, in pixels.
Of several runs all are printed and the median agreement is told. Ends with the manifest's metrics of that one as JSON.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import reader
import torch
from repeat import command
from torch import Tensor

import ganzoo
from ganzoo.inputs import Codes, Rows
from ganzoo.sampling.model import Model

SAMPLES, EACH = 10_000, 1_000


def matching(counts: Tensor) -> tuple[int, list[int]]:
    """The most samples that any one-to-one matching of values (rows) and classes (columns) agrees on, and each value's class."""
    best: dict[int, tuple[int, list[int]]] = {0: (0, [])}
    for row in counts.tolist():
        further: dict[int, tuple[int, list[int]]] = {}
        for taken, (total, chosen) in best.items():
            for column, count in enumerate(row):
                key = taken | 1 << column
                if key != taken and total + count > further.get(key, (-1, []))[0]:
                    further[key] = (total + count, [*chosen, column])
        best = further
    return max(best.values())


def agreement(model: Model, name: str, spec: Codes, judge: reader.Reader, seed: int) -> float:
    codes = spec.draw(name, Rows(seed, SAMPLES))
    inputs: dict[str, Any] = {name: codes}
    samples = model.sample(SAMPLES, seed=seed, batch_size=250, **inputs).tensor
    size = spec.categories[0]
    pairs = codes[:, :size].argmax(1) * len(judge.classes) + judge.read(samples)
    counts = torch.bincount(pairs, minlength=size * len(judge.classes)).view(size, -1)
    total, chosen = matching(counts)
    for value, column in enumerate(chosen):
        print(
            f"    k1={value} is {judge.classes[column]}: {100 * float(counts[value, column]) / float(counts[value].sum()):.1f} %"
        )
    return total / SAMPLES


def shape(images: Tensor) -> tuple[float, float, float]:
    """Mean slant in degrees, to the right above 0, mean width and height in pixels."""
    ink = (images[:, 0] + 1) / 2
    mass = ink.sum((1, 2))
    place = torch.arange(images.shape[2], dtype=torch.float32)
    x, y = ((ink.sum(axis) * place).sum(1) / mass for axis in (1, 2))
    dx, dy = place[None, None] - x[:, None, None], place[None, :, None] - y[:, None, None]
    xx, yy, xy = ((ink * product).sum((1, 2)) / mass for product in (dx * dx, dy * dy, dx * dy))
    shear = xy / yy
    upright = (xx - shear * xy).clamp_min(0).sqrt()
    return (
        math.degrees(math.atan(-float(shear.mean()))),
        2 * float(upright.mean()),
        2 * float(yy.sqrt().mean()),
    )


def continuous(model: Model, name: str, spec: Codes, seed: int) -> dict[str, dict[str, float]]:
    """For each number: by how much slant (degrees), width and height (pixels) change from -2 to 2."""
    drawn, found = spec.draw(name, Rows(seed, EACH)), {}
    for number in range(spec.continuous):
        rows = []
        for value in (-2.0, 0.0, 2.0):
            codes = drawn.clone()
            codes[:, sum(spec.categories) + number] = value
            inputs: dict[str, Any] = {name: codes}
            rows.append(shape(model.sample(EACH, seed=seed, batch_size=250, **inputs).tensor))
        kinds = dict(zip(("slant", "width", "height"), zip(*rows, strict=True), strict=True))
        told = ", ".join(
            f"{kind} {' '.join(f'{value:.1f}' for value in values)}"
            for kind, values in kinds.items()
        )
        print(f"    c{number + 1} = -2, 0, 2: {told}")
        found[f"c{number + 1}"] = {kind: values[2] - values[0] for kind, values in kinds.items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+")
    parser.add_argument("--seed", type=int, default=1)
    reader.add_options(parser)
    asked = parser.parse_args()
    judge = reader.asked_for(asked)
    shares, changes = {}, {}
    for run in asked.models:
        model = ganzoo.load(run)
        name, spec = next(
            (key, value) for key, value in model.inputs.items() if isinstance(value, Codes)
        )
        print(run)
        shares[run] = agreement(model, name, spec, judge, asked.seed)
        print(f"    agreement {100 * shares[run]:.2f} %")
        changes[run] = continuous(model, name, spec, asked.seed)
    run, choice = reader.median(shares)
    told = command(parser, asked, [run])
    protocol = f"{SAMPLES:,} samples, seed {asked.seed}; {judge.judge}{choice}"
    metrics = [
        {
            "name": "category agrees with class",
            "value": round(shares[run], 4),
            "protocol": protocol,
            "command": told,
        }
    ]
    for key, kinds in changes[run].items():
        of = f"change as {key} goes from -2 to 2, mean of {EACH:,} samples, seed {asked.seed}"
        for kind, change in kinds.items():
            unit = "degrees" if kind == "slant" else "pixels"
            one = {
                "name": f"{key}: {kind} ({unit})",
                "value": round(change, 1),
                "protocol": of,
                "command": told,
            }
            metrics.append(one)
    reader.tell(metrics, asked.json)


if __name__ == "__main__":
    main()
