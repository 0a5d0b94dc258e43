"""How fast ganzoo is here, beside the textbook way: the same networks, eager, float32, contiguous, a plain loop.

Both run in turn, so that whatever else the machine does hits both; the ratio is the median of the rounds."""

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
from ganzoo.gan import GAN, Phase
from ganzoo.inputs import Rows
from ganzoo.pictures import images
from ganzoo.sampling import samples
from ganzoo.sampling.device import describe
from ganzoo.sampling.model import Model
from ganzoo.spec import Picture
from ganzoo.testing.synthetic import Synthetic
from ganzoo.training.engine import Engine
from ganzoo.training.log import Buffer
from ganzoo.training.loop import Rhythm, Trainer

Work = Callable[[], None]


@dataclasses.dataclass(frozen=True)
class Result:
    """Rates in rows a second; `low` and `high`: the range of the ratio over the rounds."""

    what: str
    textbook: float
    ganzoo: float
    ratio: float
    low: float
    high: float


class Made:
    """One batch of made-up examples, again and again: what is measured is the training."""

    count = 1024

    def __init__(self, plugin: Any, config: Any, size: int) -> None:
        self.batch = Synthetic(plugin.data(config)).take(0, size, 0)

    def take(self, position: int, size: int, seed: int) -> dict[str, Tensor]:
        return self.batch


def machine(model: Model) -> str:
    """What the figures belong to."""
    return f"{describe(model.device)}, {model.precision}, torch {torch.__version__}"


def sample(model: Model, batch: int, rounds: int) -> Result:
    """From the seed to 8-bit pictures (or numbers) in memory."""
    plain = model.plugin.build(model.config).eval().requires_grad_(False).to(model.device)
    rows = Rows(0, 4 * batch)

    def feed() -> Iterator[dict[str, Tensor]]:
        for start in range(0, rows.count, batch):
            part = Rows(0, batch, start, rows.count)
            yield {name: spec.example(name, part) for name, spec in model.inputs.items()}

    def textbook() -> None:
        with torch.no_grad():
            for inputs in feed():
                made = plain.sample(
                    {name: tensor.to(model.device) for name, tensor in inputs.items()}
                )
                _kept(model, samples.views(made)[samples.SAMPLE])

    def ours() -> None:
        for part in samples.parts(
            model.fast, feed(), model.device, model.precision, (samples.SAMPLE,)
        ):
            _kept(model, part[samples.SAMPLE])

    return _compared("sampling", textbook, ours, rows.count, rounds)


def train(
    model: Model, batch: int | None, rounds: int, steps: int = 4, name: str | None = None
) -> Result:
    """Steps of a phase, the last one unless named, on made-up data in memory. UsageError for a phase that there is not."""
    plugin, config = model.plugin, model.config
    plain, gan = plugin.build(config).to(model.device), plugin.build(config)
    phase = _phase(plain, name)
    phase = dataclasses.replace(phase, steps=10**6, batch=batch or phase.batch)
    data, engine = (
        Made(plugin, config, phase.batch),
        Engine(str(model.device), "auto", 0, plugin.output(config)),
    )
    moved = {
        name: list(
            dict.fromkeys(
                p for net in player.networks for p in plain.get_submodule(net).parameters()
            )
        )
        for name, player in phase.players.items()
    }
    optimizers = {
        name: torch.optim.Adam(moved[name], player.lr, player.betas)
        for name, player in phase.players.items()
    }
    index = iter(range(10**6))

    def textbook() -> None:
        for _ in range(steps):
            for update in plain.losses(engine.batch(data.batch), engine.step(phase, next(index))):
                optimizers[update.player].zero_grad()
                torch.autograd.backward(update.loss, inputs=moved[update.player])
                optimizers[update.player].step()
        _wait(model.device)

    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(gan, (phase,), data, engine, Path(folder), rhythm=Rhythm(0, 0, 0))
        buffer = Buffer()

        def ours() -> None:
            for _ in range(steps):
                trainer.step(buffer)
            _wait(model.device)

        try:
            return _compared(
                f"training, {name}" if name else "training",
                textbook,
                ours,
                steps * phase.batch,
                rounds,
            )
        finally:
            trainer.ahead.stop()


def _phase(gan: GAN[Any], name: str | None) -> Phase:
    phases = {phase.name: phase for phase in gan.phases()}
    if name is not None and name not in phases:
        raise UsageError(
            f"--phase {name}: there is {', '.join(phases)}{did_you_mean(near(name, phases))}"
        )
    return phases[name] if name else list(phases.values())[-1]


def _kept(model: Model, made: Tensor) -> None:
    """Where a user's program takes over."""
    if isinstance(model.plugin.output(model.config), Picture):
        images.to_uint8(made)
    else:
        made.float().cpu().numpy()


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _compared(what: str, textbook: Work, ours: Work, rows: int, rounds: int) -> Result:
    textbook()
    ours()
    times = [(_seconds(textbook), _seconds(ours)) for _ in range(rounds)]
    ratios = [a / b for a, b in times]
    rates = [rows / median(column) for column in zip(*times, strict=True)]
    return Result(what, rates[0], rates[1], median(ratios), min(ratios), max(ratios))


def _seconds(work: Work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
