"""Speed of ganzoo beside the textbook way: the same networks, eager, float32, a plain loop.

Both run in turn, so that other load affects both; the ratio is the median of the rounds."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import UsageError, did_you_mean, near
from ganzoo.inputs import Rows
from ganzoo.pictures import images
from ganzoo.sampling import generation
from ganzoo.sampling.device import describe
from ganzoo.sampling.model import Model
from ganzoo.spec import Picture
from ganzoo.testing.synthetic import Synthetic
from ganzoo.training.engine import Engine
from ganzoo.training.log import Buffer
from ganzoo.training.loop import Trainer
from ganzoo.training.recipe import Recipe

Work = Callable[[], None]


@dataclasses.dataclass(frozen=True)
class Speed:
    """Rates in samples or examples a second; `low`, `high`: range of the ratio over the rounds."""

    what: str
    textbook: float
    ganzoo: float
    ratio: float
    low: float
    high: float


class RepeatedBatch:
    """One batch of synthetic examples, over and over: loading data is not measured."""

    count = 1024

    def __init__(self, plugin: Any, config: Any, size: int) -> None:
        self.batch = Synthetic(plugin.data(config)).take(0, size, 0)

    def take(self, position: int, size: int, seed: int) -> dict[str, Tensor]:
        return self.batch


def describe_setup(model: Model) -> str:
    """Device, precision and torch version, which the rates depend on."""
    return f"{describe(model.device)}, {model.precision}, torch {torch.__version__}"


def time_sampling(model: Model, batch: int, rounds: int) -> Speed:
    """From the seed to 8-bit images (or numbers) in memory."""
    plain = model.plugin.build(model.config).eval().requires_grad_(False).to(model.device)
    rows = Rows(0, 4 * batch)

    def draw_inputs() -> Iterator[dict[str, Tensor]]:
        for start in range(0, rows.count, batch):
            part = Rows(0, batch, start, rows.count)
            yield {name: spec.example(name, part) for name, spec in model.inputs.items()}

    def convert(made: Tensor) -> None:
        if isinstance(model.plugin.output(model.config), Picture):
            images.to_uint8(made)
        else:
            made.float().cpu().numpy()

    def textbook() -> None:
        with torch.no_grad():
            for inputs in draw_inputs():
                moved = {name: tensor.to(model.device) for name, tensor in inputs.items()}
                convert(generation.name_views(plain.sample(moved))[generation.SAMPLE])

    def ours() -> None:
        views = (generation.SAMPLE,)
        for part in generation.generate_batches(
            model.fast, draw_inputs(), model.device, model.precision, views
        ):
            convert(part[generation.SAMPLE])

    return _compare_speeds("sampling", textbook, ours, rows.count, rounds)


def time_training(
    model: Model, batch: int | None, rounds: int, steps: int = 4, name: str | None = None
) -> Speed:
    """Steps of the phase `name`, by default the last, on synthetic data."""
    plugin, config = model.plugin, model.config
    plain, gan = plugin.build(config).to(model.device), plugin.build(config)
    phases = {phase.name: phase for phase in plain.phases()}
    if name is not None and name not in phases:
        hint = did_you_mean(near(name, phases))
        raise UsageError(f"--phase {name}: unknown{hint} (available: {', '.join(phases)})")
    phase = phases[name] if name else list(phases.values())[-1]
    phase = dataclasses.replace(phase, steps=10**6, batch=batch or phase.batch)
    data = RepeatedBatch(plugin, config, phase.batch)
    engine = Engine(str(model.device), "auto", 0, plugin.output(config))
    parameters: dict[str, list[Tensor]] = {}
    optimizers = {}
    for key, player in phase.players.items():
        networks = torch.nn.ModuleList(map(plain.get_submodule, player.networks))
        parameters[key] = list(networks.parameters())
        optimizers[key] = torch.optim.Adam(parameters[key], player.lr, player.betas)
    index = iter(range(10**6))

    def textbook() -> None:
        for _ in range(steps):
            for update in plain.losses(engine.batch(data.batch), engine.step(phase, next(index))):
                optimizers[update.player].zero_grad()
                torch.autograd.backward(update.loss, inputs=parameters[update.player])
                optimizers[update.player].step()
        _synchronize(model.device)

    with tempfile.TemporaryDirectory() as folder:
        recipe = Recipe(log_every=0, sample_every=0, checkpoint_every=0)
        trainer = Trainer(gan, (phase,), data, engine, Path(folder), recipe=recipe)
        buffer = Buffer()

        def ours() -> None:
            for _ in range(steps):
                trainer.step(buffer)
            _synchronize(model.device)

        what = f"training, {name}" if name else "training"
        try:
            return _compare_speeds(what, textbook, ours, steps * phase.batch, rounds)
        finally:
            trainer.ahead.stop()


def _synchronize(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _compare_speeds(what: str, textbook: Work, ours: Work, rows: int, rounds: int) -> Speed:
    """Time both in turn, after one call each. `rows`: samples or examples of one call."""
    textbook()
    ours()
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for work, seconds in zip((textbook, ours), times, strict=True):
            started = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - started)
    ratios = [a / b for a, b in zip(*times, strict=True)]
    rates = [rows / median(seconds) for seconds in times]
    return Speed(what, rates[0], rates[1], median(ratios), min(ratios), max(ratios))
