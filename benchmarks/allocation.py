"""What keeping freed memory gains in training: steps with and without it in turn, on made-up pictures.

    python benchmarks/allocation.py dcgan cyclegan:small siamese:small

A plugin, or one of its presets. The last phase is timed, with the preset's batch. Both sides are the same loop.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import tempfile
import time
from pathlib import Path
from statistics import median

from ganzoo import allocation, registry
from ganzoo.bench import Made
from ganzoo.training.engine import Engine
from ganzoo.training.log import Buffer
from ganzoo.training.loop import Rhythm, Trainer

STEPS = 4


def compared(name: str, rounds: int) -> str:
    plugin = registry.get(name.partition(":")[0])
    config = plugin.presets[preset] if (preset := name.partition(":")[2]) else plugin.config()
    gan = plugin.build(config)
    phase = dataclasses.replace(gan.phases()[-1], steps=10**6)
    data, engine = Made(plugin, config, phase.batch), Engine("cpu", output=plugin.output(config))
    ways = {"given back": contextlib.nullcontext, "kept": allocation.kept}
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(gan, (phase,), data, engine, Path(folder), rhythm=Rhythm(0, 0, 0))
        seconds = {way: list[float]() for way in ways}
        for _ in range(rounds + 1):
            for way, context in ways.items():
                with context():
                    trainer.step(Buffer())  # which asks for all of it once
                    started = time.perf_counter()
                    for _ in range(STEPS):
                        trainer.step(Buffer())
                    seconds[way].append(time.perf_counter() - started)
        trainer.ahead.stop()
    ratios = [a / b for a, b in list(zip(*seconds.values(), strict=True))[1:]]
    rates = {way: STEPS * phase.batch / median(each[1:]) for way, each in seconds.items()}
    told = ", ".join(f"{way} {rate:,.1f} images/s" for way, rate in rates.items())
    return f"{name}: {told}, {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plugin", nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    for name in asked.plugin:
        print(compared(name, asked.rounds), flush=True)


if __name__ == "__main__":
    main()
