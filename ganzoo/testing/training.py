"""Checks of `losses`, driven by the core's own engine and trainer."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.gan import GAN, Phase, Update
from ganzoo.plugin import Plugin
from ganzoo.testing.finding import Nonconforming, copies, few, generators, must, same
from ganzoo.testing.synthetic import ROWS, Synthetic, built, inputs_of, sampled
from ganzoo.training.engine import Engine
from ganzoo.training.loop import Rhythm, Trainer
from ganzoo.training.optim import Mover

MOST_STEPS = 12
"""In so many steps every player of a phase must have moved at least once."""


def only_the_player_moves(plugin: Plugin[Any]) -> None:
    """In float32: `losses` itself changes no weights, every declared player plays, each of its networks learns."""
    for phase, turns in _played(plugin, "fp32"):
        for turn in turns:
            must(
                not turn.touched,
                f"{turn.where}: `losses` changed weights of {few(turn.touched)}; yield a loss, the core moves them",
            )
        for name, player in phase.players.items():
            moved = [turn.moved for turn in turns if turn.player == name]
            must(
                bool(moved),
                f"player {name!r} of phase {phase.name!r} has not played in {MOST_STEPS} steps",
            )
            idle = set(player.networks) - set().union(*moved)
            must(
                not idle,
                f"player {name!r} of phase {phase.name!r}: its loss does not depend on {few(sorted(idle))}",
            )


def losses_are_finite(plugin: Plugin[Any]) -> None:
    """Each loss in float32 is a finite scalar of a declared player, and so is what it logs."""
    for _, turns in _played(plugin, "fp32"):
        _finite(turns)


def losses_draw_from_the_step(plugin: Plugin[Any]) -> None:
    """`losses` leaves torch's, numpy's and Python's own generators alone (nn.Dropout excepted)."""
    dropout = any(
        isinstance(layer, nn.modules.dropout._DropoutNd) for layer in built(plugin).modules()
    )
    for _, turns in _played(plugin, "fp32"):
        for turn in turns:
            must(
                dropout or not turn.drew,
                f"{turn.where}: randomness from outside; use step.noise, step.uniform or step.rng",
            )


def bf16_is_finite(plugin: Plugin[Any]) -> None:
    """Under bf16 autocast losses are finite and computed in float32, samples are finite."""
    for _, turns in _played(plugin, "bf16"):
        _finite(turns)
        for turn in turns:
            must(
                turn.loss.dtype == torch.float32,
                f"{turn.where}: a loss in {turn.loss.dtype}; call .float() on outputs first",
            )
    made = sampled(built(plugin), inputs_of(plugin, ROWS), "bf16")
    must(
        all(bool(torch.isfinite(t.float()).all()) for t in made.values()),
        "samples under bf16 are not finite",
    )


def a_restart_changes_nothing(plugin: Plugin[Any]) -> None:
    """Training stopped half-way through any phase and resumed in new objects gives the bits of training in one go."""
    with tempfile.TemporaryDirectory() as folder:
        straight = _trainer(plugin, Path(folder, "straight"), seed=0)
        straight.run()
        expected, begun = _state(straight), 0
        for phase in straight.phases:
            stopped = Path(folder, phase.name)
            _trainer(plugin, stopped, seed=0).run(until=begun + phase.steps // 2)
            second = _trainer(plugin, stopped, seed=1)
            second.resume()
            second.run()
            actual = _state(second)
            differ = [
                name
                for name in expected
                if name not in actual or not same(expected[name], actual[name])
            ]
            where = f"after a restart in phase {phase.name!r}"
            must(
                not differ,
                f"{where} {few(differ)} differ; keep what later steps need in registered buffers",
            )
            begun += phase.steps


@dataclass(frozen=True)
class Turn:
    """One update as the core made it. `touched`: networks that `losses` changed before it, `moved`: those the core moved
    after; `drew`: whether `losses` used a global random generator."""

    phase: str
    index: int
    player: str
    loss: Tensor
    log: Mapping[str, Tensor]
    touched: tuple[str, ...]
    moved: tuple[str, ...]
    drew: bool

    @property
    def where(self) -> str:
        return f"player {self.player!r} at step {self.index} of phase {self.phase!r}"


def _played(plugin: Plugin[Any], precision: str) -> Iterator[tuple[Phase, list[Turn]]]:
    """A few real steps of each phase: until every player has played, at least 2 and at most MOST_STEPS."""
    engine = Engine("cpu", precision)
    gan, batches = engine.place(built(plugin)), Synthetic(plugin.data(plugin.tiny))
    for phase in gan.phases():
        moving = {name for player in phase.players.values() for name in player.networks}
        for name, child in gan.named_children():
            child.train(name in moving)
        movers = {name: Mover(gan, player, phase) for name, player in phase.players.items()}
        turns: list[Turn] = []
        for index in range(min(phase.steps, MOST_STEPS)):
            if index >= 2 and {turn.player for turn in turns} == set(movers):
                break
            turns += _step(gan, phase, index, movers, batches, engine)
        yield phase, turns


def _step(
    gan: GAN[Any],
    phase: Phase,
    index: int,
    movers: Mapping[str, Mover],
    batches: Synthetic,
    engine: Engine,
) -> Iterator[Turn]:
    step = engine.step(phase, index)
    size = min(phase.batch, 8)
    updates = engine.drive(gan.losses(engine.batch(batches.take(index * size, size, 0)), step))
    while True:
        before, unused = copies(gan.state_dict()), generators()
        update = next(updates, None)
        if update is None:
            return
        drew, between = generators() != unused, copies(gan.state_dict())
        _yielded(update, movers, f"step {index} of phase {phase.name!r}")
        try:
            engine.move(movers[update.player], update.loss, index)
            _marked_moved(movers[update.player])
        except RuntimeError as error:
            raise Nonconforming(_explained(error, update.player, phase.name)) from error
        touched, moved = _changed(gan, before, between), _changed(gan, between, gan.state_dict())
        yield Turn(
            phase.name, index, update.player, update.loss.detach(), update.log, touched, moved, drew
        )


def _marked_moved(mover: Mover) -> None:
    """Fused optimizers move weights without telling autograd, so a loss through old weights would pass unnoticed."""
    for parameter in mover.parameters:
        if parameter.grad is not None:
            torch.autograd.graph.increment_version(parameter)


def _yielded(update: Update, movers: Iterable[str], where: str) -> None:
    must(
        isinstance(update, Update),
        f"{where}: losses yields a {type(update).__name__}, not an Update",
    )
    must(
        update.player in movers,
        f"{where}: an update of {update.player!r}; its players are {', '.join(movers)}",
    )
    must(
        update.loss.ndim == 0,
        f"{where}: the loss of {update.player!r} has shape {list(update.loss.shape)}; reduce it to a scalar",
    )
    must(update.loss.requires_grad, f"{where}: the loss of {update.player!r} depends on no weights")


def _explained(error: RuntimeError, player: str, phase: str) -> str:
    text = str(error).splitlines()[0]
    if "modified by an inplace operation" in text:
        return (
            f"player {player!r} of phase {phase!r}: its loss was computed through weights that have moved since; "
            "compute it after the `yield` that moves them"
        )
    return f"player {player!r} of phase {phase!r}: backward failed ({text})"


def _changed(
    gan: GAN[Any], before: Mapping[str, Tensor], after: Mapping[str, Tensor]
) -> tuple[str, ...]:
    """Networks of which a parameter (not a buffer) differs."""
    names = [name for name, _ in gan.named_parameters() if not same(before[name], after[name])]
    return tuple(dict.fromkeys(name.partition(".")[0] for name in names))


def _finite(turns: Iterable[Turn]) -> None:
    for turn in turns:
        must(
            math.isfinite(float(turn.loss)),
            f"{turn.where}: the loss is {float(turn.loss)} on made-up data",
        )
        for key, value in turn.log.items():
            must(
                value.numel() == 1 and math.isfinite(float(value.detach())),
                f"{turn.where}: logs {key!r}, which is no finite scalar",
            )


def _trainer(plugin: Plugin[Any], folder: Path, seed: int) -> Trainer:
    """The core's own trainer over four steps of each phase."""
    folder.mkdir(exist_ok=True)
    gan = built(plugin, seed)
    phases = tuple(replace(phase, steps=4, batch=min(phase.batch, 8)) for phase in gan.phases())
    rhythm = Rhythm(log=0, sample=0, checkpoint=0)
    return Trainer(
        gan,
        phases,
        Synthetic(plugin.data(plugin.tiny)),
        Engine("cpu", "fp32"),
        folder,
        rhythm=rhythm,
    )


def _state(trainer: Trainer) -> dict[str, Tensor]:
    """Everything a trainer holds: live weights and buffers, averages, moments."""
    found = dict(trainer.gan.state_dict())
    found |= {f"average of {name}": tensor for name, tensor in trainer.average.state().items()}
    for player, mover in trainer.movers.items():
        found |= {f"moment {name} of {player}": tensor for name, tensor in mover.state().items()}
    return found
