"""Checks of `losses`, run by the same engine and trainer that train models."""

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
from ganzoo.testing.finding import (
    Nonconforming,
    copy_tensors,
    equal_bits,
    list_first,
    read_generators,
    require_that,
)
from ganzoo.testing.synthetic import CHECKED_ROWS, Synthetic, build_tiny, draw_inputs, draw_samples
from ganzoo.training.engine import Engine
from ganzoo.training.loop import Trainer
from ganzoo.training.optim import Mover
from ganzoo.training.recipe import Recipe

TURN_LIMIT = 12
"""Steps in which every player of a phase must be updated at least once."""


def only_the_player_moves(plugin: Plugin[Any]) -> None:
    """`losses` changes no weights itself; every player has updates, which move all its networks."""
    for phase, turns in _play_phases(plugin, "fp32"):
        for turn in turns:
            changed = f"`losses` changed weights of {list_first(turn.touched)}"
            require_that(
                not turn.touched, f"{turn.where}: {changed}; yield a loss, the core moves them"
            )
        for name, player in phase.players.items():
            where = f"player {name!r} of phase {phase.name!r}"
            moved = [turn.moved for turn in turns if turn.player == name]
            require_that(bool(moved), f"{where} has no update in {TURN_LIMIT} steps")
            idle = list_first(sorted(set(player.networks) - set().union(*moved)))
            require_that(not idle, f"{where}: its loss does not depend on {idle}")


def losses_are_finite(plugin: Plugin[Any]) -> None:
    """Losses and logged values are finite scalars in float32."""
    for _, turns in _play_phases(plugin, "fp32"):
        _require_finite(turns)


def losses_draw_from_the_step(plugin: Plugin[Any]) -> None:
    """`losses` uses no global random generator (nn.Dropout excepted)."""
    dropout = any(
        isinstance(layer, nn.modules.dropout._DropoutNd) for layer in build_tiny(plugin).modules()
    )
    for _, turns in _play_phases(plugin, "fp32"):
        for turn in turns:
            hint = "uses a global random generator; use step.noise, step.uniform or step.rng"
            require_that(dropout or not turn.drew, f"{turn.where}: {hint}")


def bf16_is_finite(plugin: Plugin[Any]) -> None:
    """Under bf16 autocast losses are finite and computed in float32; samples are finite."""
    for _, turns in _play_phases(plugin, "bf16"):
        _require_finite(turns)
        for turn in turns:
            hint = f"a loss in {turn.loss.dtype}; call .float() on outputs first"
            require_that(turn.loss.dtype == torch.float32, f"{turn.where}: {hint}")
    made = draw_samples(build_tiny(plugin), draw_inputs(plugin, CHECKED_ROWS), "bf16")
    finite = all(bool(torch.isfinite(tensor.float()).all()) for tensor in made.values())
    require_that(finite, "samples under bf16 are not finite")


def a_restart_changes_nothing(plugin: Plugin[Any]) -> None:
    """Training that stops inside a phase and resumes in new objects gives the same bits."""
    with tempfile.TemporaryDirectory() as folder:
        straight = _build_trainer(plugin, Path(folder, "straight"), seed=0)
        straight.run()
        expected, done = _collect_state(straight), 0
        for phase in straight.phases:
            stopped = Path(folder, phase.name)
            _build_trainer(plugin, stopped, seed=0).run(until=done + phase.steps // 2)
            second = _build_trainer(plugin, stopped, seed=1)
            second.resume()
            second.run()
            actual = _collect_state(second)
            differ = []
            for name, tensor in expected.items():
                if name not in actual or not equal_bits(tensor, actual[name]):
                    differ.append(name)
            where = f"after a restart in phase {phase.name!r}"
            hint = "keep what later steps need in registered buffers"
            require_that(not differ, f"{where} {list_first(differ)} differ; {hint}")
            done += phase.steps


@dataclass(frozen=True)
class Turn:
    """One update. `touched`: networks that `losses` changed before it; `moved`: those that the
    optimizer changed; `drew`: whether `losses` used a global random generator."""

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


def _play_phases(plugin: Plugin[Any], precision: str) -> Iterator[tuple[Phase, list[Turn]]]:
    """Steps of each phase until every player has an update: at least 2, at most TURN_LIMIT."""
    engine = Engine("cpu", precision)
    gan, batches = engine.place(build_tiny(plugin)), Synthetic(plugin.data(plugin.tiny))
    for phase in gan.phases():
        moving = {name for player in phase.players.values() for name in player.networks}
        for name, child in gan.named_children():
            child.train(name in moving)
        movers = {name: Mover(gan, player, phase) for name, player in phase.players.items()}
        turns: list[Turn] = []
        for index in range(min(phase.steps, TURN_LIMIT)):
            if index >= 2 and {turn.player for turn in turns} == set(movers):
                break
            turns += play_step(gan, phase, index, movers, batches, engine)
        yield phase, turns


def play_step(
    gan: GAN[Any],
    phase: Phase,
    index: int,
    movers: Mapping[str, Mover],
    batches: Synthetic,
    engine: Engine,
) -> Iterator[Turn]:
    """One training step, with what each update changes."""
    step = engine.step(phase, index)
    size = min(phase.batch, 8)
    updates = engine.drive(gan.losses(engine.batch(batches.take(index * size, size, 0)), step))
    while True:
        before, unused = copy_tensors(gan.state_dict()), read_generators()
        update = next(updates, None)
        if update is None:
            return
        drew, between = read_generators() != unused, copy_tensors(gan.state_dict())
        _require_valid(update, movers, f"step {index} of phase {phase.name!r}")
        mover = movers[update.player]
        try:
            engine.move(mover, update.loss, index)
            for parameter in mover.parameters:
                if parameter.grad is not None:
                    # fused optimizers hide from autograd that the weights have moved
                    torch.autograd.graph.increment_version(parameter)
        except RuntimeError as error:
            reason = f"backward failed ({str(error).splitlines()[0]})"
            if "modified by an inplace operation" in reason:
                reason = (
                    "its loss was computed through weights that have moved since; "
                    "compute it after the `yield` that moves them"
                )
            where = f"player {update.player!r} of phase {phase.name!r}"
            raise Nonconforming(f"{where}: {reason}") from error
        touched = _list_changed(gan, before, between)
        moved = _list_changed(gan, between, gan.state_dict())
        loss = update.loss.detach()
        yield Turn(phase.name, index, update.player, loss, update.log, touched, moved, drew)


def _require_valid(update: Update, movers: Iterable[str], where: str) -> None:
    """An Update of a declared player, whose loss is a scalar that depends on weights."""
    kind = type(update).__name__
    require_that(isinstance(update, Update), f"{where}: losses yields a {kind}, not an Update")
    players = ", ".join(movers)
    known = update.player in movers
    require_that(known, f"{where}: an update of {update.player!r}; its players are {players}")
    loss, where = update.loss, f"{where}: the loss of {update.player!r}"
    require_that(loss.ndim == 0, f"{where} has shape {list(loss.shape)}; reduce it to a scalar")
    require_that(loss.requires_grad, f"{where} depends on no weights")


def _list_changed(
    gan: GAN[Any], before: Mapping[str, Tensor], after: Mapping[str, Tensor]
) -> tuple[str, ...]:
    """Networks with a parameter (not a buffer) that differs."""
    names = [
        name for name, _ in gan.named_parameters() if not equal_bits(before[name], after[name])
    ]
    return tuple(dict.fromkeys(name.partition(".")[0] for name in names))


def _require_finite(turns: Iterable[Turn]) -> None:
    """Losses and logged values are finite scalars."""
    for turn in turns:
        loss = float(turn.loss)
        require_that(math.isfinite(loss), f"{turn.where}: the loss is {loss} on synthetic data")
        for key, value in turn.log.items():
            finite = value.numel() == 1 and math.isfinite(float(value.detach()))
            require_that(finite, f"{turn.where}: logs {key!r}, which is not a finite scalar")


def _build_trainer(plugin: Plugin[Any], folder: Path, seed: int) -> Trainer:
    """A trainer over four steps of each phase."""
    folder.mkdir(exist_ok=True)
    gan = build_tiny(plugin, seed)
    phases = tuple(replace(phase, steps=4, batch=min(phase.batch, 8)) for phase in gan.phases())
    recipe = Recipe(log_every=0, sample_every=0, checkpoint_every=0)
    data, engine = Synthetic(plugin.data(plugin.tiny)), Engine("cpu", "fp32")
    return Trainer(gan, phases, data, engine, folder, recipe=recipe)


def _collect_state(trainer: Trainer) -> dict[str, Tensor]:
    """Weights, buffers, averages and moments of a trainer."""
    found = dict(trainer.gan.state_dict())
    found |= {f"average of {name}": tensor for name, tensor in trainer.average.state().items()}
    for player, mover in trainer.movers.items():
        found |= {f"moment {name} of {player}": tensor for name, tensor in mover.state().items()}
    return found
