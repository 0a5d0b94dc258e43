"""What `--compile` gains in training: eager and compiled steps of one plugin in turn, on made-up
pictures.

    python benchmarks/compile.py dcgan --rounds 8

On a CPU, seconds are those that one thread computes, which a busy machine does not stretch. The
first compiled step is apart.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch

from ganzoo.spec import Picture
from ganzoo.training import compiled
from ganzoo.training.engine import Engine
from ganzoo.training.optim import Mover
from ganzoo.zoo import registry

STEPS = 3


def build_trainer(name: str, batch: int, device: str, compile: bool) -> Callable[[int], float]:
    """Gives a function that does a step of the first phase and says how long it took."""
    plugin = registry.get(name)
    config = plugin.config()
    engine = Engine(device, output=plugin.output(config))
    torch.manual_seed(0)
    gan = engine.place(plugin.build(config))
    phase = gan.phases()[0]
    movers = {key: Mover(gan, player, phase) for key, player in phase.players.items()}
    fields = plugin.data(config).fields.items()
    pictures = {
        key: torch.randint(
            0, 256, (batch, field.channels, field.size, field.size), dtype=torch.uint8
        )
        for key, field in fields
        if isinstance(field, Picture) and field.size
    }
    if compile:
        compiled.start(gan)
    clock = time.thread_time if engine.device.type == "cpu" else time.perf_counter

    def step(index: int) -> float:
        started = clock()
        for update in engine.drive(gan.losses(engine.batch(pictures), engine.step(phase, index))):
            engine.move(movers[update.player], update.loss, index)
        float(update.loss.detach())
        return clock() - started

    return step


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plugin", nargs="?", default="dcgan")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    steps = {
        name: build_trainer(options.plugin, options.batch_size, options.device, name == "compiled")
        for name in ("eager", "compiled")
    }
    for name, step in steps.items():
        print(f"{name}: first step {step(0):.1f} s", flush=True)
    ratios, seconds = [], {name: list[float]() for name in steps}
    for round in range(options.rounds):
        for name, step in steps.items():
            seconds[name].append(sum(step(1 + round * STEPS + i) for i in range(STEPS)) / STEPS)
        ratios.append(seconds["eager"][-1] / seconds["compiled"][-1])
    print(", ".join(f"{name} {median(found):.3f} s a step" for name, found in seconds.items()))
    print(
        f"compiled is {median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
