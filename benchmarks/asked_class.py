"""How often a model makes the class that it is asked for, read by a classifier that is trained
apart (benchmarks/reader.py).

    python benchmarks/asked_class.py cgan-mnist --data mnist --data-root DATA
    python benchmarks/asked_class.py runs/0 runs/1 runs/2 --data mnist --data-root DATA

Classifies 1,000 samples of each class. Prints all runs; ends with the manifest's metrics of the
median run as JSON.
"""

from __future__ import annotations

import argparse
from collections import Counter

import reader
import torch
from repeat import command

import ganzoo

EACH = 1000


def measure_accuracy(name: str, judge: reader.Reader, seed: int) -> torch.Tensor:
    """The share of samples of each class that are read as that class, (classes,)."""
    labels = torch.arange(len(judge.classes)).repeat_interleave(EACH)
    samples = ganzoo.load(name).sample(len(labels), seed=seed, batch_size=250, label="all").tensor
    predicted = judge.read(samples)
    lost = Counter(
        zip(
            labels[predicted != labels].tolist(),
            predicted[predicted != labels].tolist(),
            strict=True,
        )
    ).most_common(3)
    wrong = ", ".join(
        f"{judge.classes[a]} read as {judge.classes[b]} {n} times" for (a, b), n in lost
    )
    shares = (predicted == labels).view(-1, EACH).float().mean(1)
    mean, least = 100 * float(shares.mean()), 100 * float(shares.min())
    print(f"{name}: {mean:.2f} %, worst class {least:.1f} %; most often {wrong}")
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+")
    parser.add_argument("--seed", type=int, default=1)
    reader.add_options(parser)
    options = parser.parse_args()
    judge = reader.load_or_train(options)
    print(f"classifier: {100 * judge.accuracy:.2f} % of the test split right")
    read = {name: measure_accuracy(name, judge, options.seed) for name in options.models}
    name, choice = reader.median({name: float(shares.mean()) for name, shares in read.items()})
    mean, least = float(read[name].mean()), float(read[name].min())
    repeat = command(parser, options, [name])
    protocol = f"{EACH:,} samples of each class, seed {options.seed}; {judge.judge}{choice}"
    metrics = [
        {
            "name": "class as asked",
            "value": round(mean, 4),
            "protocol": protocol,
            "command": repeat,
        },
        {
            "name": "class as asked, worst class",
            "value": round(least, 4),
            "protocol": protocol,
            "command": repeat,
        },
    ]
    reader.print_metrics(metrics, options.json)


if __name__ == "__main__":
    main()
