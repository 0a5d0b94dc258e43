"""How often each class comes out of a model, read by a classifier that is trained apart from it
(benchmarks/reader.py).

    python benchmarks/class_balance.py dcgan-mnist --data mnist --data-root DATA

10,000 samples are read. Ends with the manifest's metrics as JSON.
"""

from __future__ import annotations

import argparse

import reader
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
    reader.add_options(parser)
    options = parser.parse_args()
    judge = reader.load_or_train(options)
    samples = ganzoo.load(options.model).sample(SAMPLES, seed=options.seed, batch_size=250).tensor
    shares = torch.bincount(judge.read(samples), minlength=len(judge.classes)) / SAMPLES
    print(f"classifier: {100 * judge.accuracy:.2f} % of the test split right")
    for name, share in zip(judge.classes, shares.tolist(), strict=True):
        print(f"{name:>12} {100 * share:5.1f} % {'#' * round(200 * share)}")
    repeat = command(parser, options, [options.model])
    protocol = f"{SAMPLES:,} samples, seed {options.seed}; {judge.judge}"
    metrics = [
        {
            "name": "smallest class share",
            "value": round(float(shares.min()), 4),
            "protocol": protocol,
            "command": repeat,
        },
        {
            "name": "largest class share",
            "value": round(float(shares.max()), 4),
            "protocol": protocol,
            "command": repeat,
        },
    ]
    reader.print_metrics(metrics, options.json)


if __name__ == "__main__":
    main()
