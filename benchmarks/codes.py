"""What an InfoGAN's codes have come to mean on digits, with an independent classifier
(benchmarks/reader.py).

    python benchmarks/codes.py runs/seed-0 runs/seed-1 runs/seed-2 --data mnist --data-root DATA

The figures are those of `ganzoo eval --figures codes` (ganzoo/evaluate/codes.py), of 10,000
samples: how often the first category agrees with the predicted class, and what each number changes.
Of several runs all are printed; the metrics, printed last as JSON, are those of the run with the
median agreement.
"""

from __future__ import annotations

import argparse
from typing import Any

import reader
from repeat import command

from ganzoo.evaluate import codes
from ganzoo.inputs import Codes, Rows
from ganzoo.sampling.model import Model

SAMPLES = 10_000
VALUES = (-2.0, 0.0, 2.0)


def measure_agreement(
    model: Model, name: str, spec: Codes, judge: reader.Reader, seed: int
) -> float:
    drawn = spec.draw(name, Rows(seed, SAMPLES))
    inputs: dict[str, Any] = {name: drawn}
    samples = model.sample(SAMPLES, seed=seed, batch_size=250, **inputs).tensor
    size = spec.categories[0]
    values = drawn[:, :size].argmax(1)
    counts = codes.count_pairs(values, judge.read(samples), size, len(judge.classes))
    total, matched = codes.match_classes(counts)
    for value, column in enumerate(matched):
        share = float(counts[value, column]) / float(counts[value].sum())
        print(f"    k1={value} is {judge.classes[column]}: {100 * share:.1f} %")
    return total / SAMPLES


def measure_numbers(model: Model, spec: Codes, seed: int) -> dict[str, dict[str, float]]:
    """For each number: change of slant (degrees), width and height (pixels) from -2 to 2."""
    found = {}
    for number in range(spec.continuous):
        moments = codes.draw_number(model, number, seed, VALUES)
        shapes = [codes.describe_shape(moment.mean(0)).tolist() for moment in moments]
        columns = dict(zip(codes.SHAPE_UNITS, zip(*shapes, strict=True), strict=True))
        texts = [
            f"{kind} {' '.join(f'{value:.1f}' for value in values)}"
            for kind, values in columns.items()
        ]
        print(f"    c{number + 1} = -2, 0, 2: {', '.join(texts)}")
        found[f"c{number + 1}"] = {kind: v[-1] - v[0] for kind, v in columns.items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+")
    parser.add_argument("--seed", type=int, default=1)
    reader.add_options(parser)
    options = parser.parse_args()
    judge = reader.load_or_train(options)
    shares, changes = {}, {}
    for run in options.models:
        model = Model.load(run)
        found = codes.find_codes(model)
        if found is None:
            raise SystemExit(f"{run} takes no codes")
        name, spec = found
        print(run)
        shares[run] = measure_agreement(model, name, spec, judge, options.seed)
        print(f"    agreement {100 * shares[run]:.2f} %")
        changes[run] = measure_numbers(model, spec, options.seed)
    run, choice = reader.median(shares)
    words = command(parser, options, [run])
    metrics = [
        {
            "name": "category agrees with class",
            "value": round(shares[run], 4),
            "protocol": f"{SAMPLES:,} samples, seed {options.seed}; {judge.judge}{choice}",
            "command": words,
        }
    ]
    for key, kinds in changes[run].items():
        count = f"mean of {codes.CODE_SAMPLES:,} samples, seed {options.seed}"
        for kind, change in kinds.items():
            metrics.append(
                {
                    "name": f"{key}: {kind} ({codes.SHAPE_UNITS[kind]})",
                    "value": round(change, 1),
                    "protocol": f"change as {key} goes from -2 to 2, {count}",
                    "command": words,
                }
            )
    reader.print_metrics(metrics, options.json)


if __name__ == "__main__":
    main()
