"""The training loop: phases, steps, events. What it moves is the plugin's; how, the engine's."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from ganzoo.errors import Collapsed, GanzooError, RunError, UsageError
from ganzoo.gan import GAN, Phase
from ganzoo.inputs.streams import derive_seed
from ganzoo.training import checkpoint, compiled, log
from ganzoo.training.ahead import Ahead, Batches
from ganzoo.training.augment import Augment
from ganzoo.training.ema import Average
from ganzoo.training.engine import Engine
from ganzoo.training.freeze import Frozen, critics
from ganzoo.training.health import Health
from ganzoo.training.optim import Mover


class Events(Protocol):
    """What happens beside the steps, with the averaged weights at hand."""

    def sample(self, average: Average, step: int, phase: Phase) -> Tensor | None:
        """Samples of fixed inputs, which are drawn on the way; None where there are none to judge."""

    def settled(self, names: Sequence[str]) -> None:
        """These networks have their final weights, and later phases build on them."""

    def export(self, average: Average, step: int) -> None: ...


@dataclass(frozen=True)
class Rhythm:
    """Every how many steps (of the whole run) to log, to draw samples, to write a checkpoint. 0: only at the end."""

    log: int = 50
    sample: int = 500
    checkpoint: int = 500


class Trainer:
    """Trains a GAN on `batches` through all `phases`, restartable from `folder`'s checkpoint at any step.

    `compile`: torch.compile of the networks, where it can; `freeze`: layers of each critic that do not move; `augment`:
    what is done to the pictures that critics see."""

    def __init__(
        self,
        gan: GAN[Any],
        phases: tuple[Phase, ...],
        batches: Batches,
        engine: Engine,
        folder: Path,
        *,
        rhythm: Rhythm = Rhythm(),
        reporter: log.Reporter | None = None,
        events: Events | None = None,
        health: Health | None = None,
        stop_on_collapse: bool = False,
        compile: bool = False,
        freeze: int = 0,
        augment: tuple[str, ...] = (),
    ) -> None:
        self.gan, self.phases, self.batches, self.engine = (
            engine.place(gan),
            phases,
            batches,
            engine,
        )
        self.folder, self.rhythm, self.events = folder, rhythm, events
        self.health, self.stop_on_collapse, self.compile = (
            health or Health(),
            stop_on_collapse,
            compile,
        )
        self.frozen, self.augment = Frozen(gan, freeze), Augment(critics(gan).values(), augment)
        folder.mkdir(parents=True, exist_ok=True)
        self.reporter: log.Reporter = reporter or log.Silent()
        self.ahead = Ahead(batches, pin=engine.device.type == "cuda")
        self.phase, self.index = 0, 0
        self.total = sum(phase.steps for phase in phases)
        self.movers: dict[str, Mover] = {}
        self.average: Average
        self._begin(0)

    @property
    def done(self) -> int:
        """Steps of the whole run that are done."""
        return sum(phase.steps for phase in self.phases[: self.phase]) + self.index

    def run(self, until: int | None = None) -> None:
        """Train to the end, or until `until` steps of the whole run are done; a checkpoint is written there."""
        bound = self.total if until is None else min(until, self.total)
        try:
            if not (self.compile and self._run_compiled(bound)):
                self._run(bound)
        finally:
            self.ahead.stop()
            self.ahead = Ahead(self.batches, pin=self.ahead.pin)

    def _run_compiled(self, until: int) -> bool:
        """Whether it went well. Double backward fails at its first use, which may be late and in the middle of a step: then
        everything is as the last checkpoint has it, and the networks are eager."""
        if self.done == 0:
            self.save()
        try:
            compiled.start(self.gan)
            self._run(until)
        except (GanzooError, OSError):
            raise
        except Exception as error:  # what is no fault of the compiler comes again without it
            compiled.stop(self.gan)
            self.reporter.note(compiled.note(error))
            self.resume()
            return False
        return True

    def _run(self, until: int) -> None:
        self._announce()
        if self.done == 0:
            self._sample()
        buffer, started, since = log.Buffer(), time.perf_counter(), self.done
        while self.done < until:
            if self.index == self.phases[self.phase].steps:
                self._next_phase()
            self.step(buffer)
            done, last = self.done, self.done == until
            saves = last or _due(done, self.rhythm.checkpoint)
            if saves or self.index == self.phases[self.phase].steps or _due(done, self.rhythm.log):
                self._log(buffer, time.perf_counter() - started, done - since)
                started, since = time.perf_counter(), done
            if last or _due(done, self.rhythm.sample):
                self._sample()
            if saves:
                self.save()

    def save(self) -> None:
        """Write the checkpoint and the model as it stands (the main process alone)."""
        if self.engine.main:
            groups: dict[str, Mapping[str, Tensor]] = {
                "gan": self.gan.state_dict(),
                "ema": self.average.state(),
            }
            groups |= {f"optim/{name}": mover.state() for name, mover in self.movers.items()}
            if self.events:
                self.events.export(self.average, self.done)
            checkpoint.write(
                self.folder, checkpoint.here(self.phase, self.index, self.engine.machine), groups
            )
        self.engine.wait()

    def resume(self) -> None:
        """Back to the checkpoint in the run folder. RunError when there is none, WeightsError when it does not fit."""
        position, groups = checkpoint.read(self.folder)
        if position.phase >= len(self.phases):
            raise RunError(
                f"{self.folder}: its checkpoint stands in phase {position.phase + 1} of {len(self.phases)}"
            )
        self._begin(position.phase)
        self.index = position.index
        _restore(self.gan.state_dict(), groups.get("gan", {}), self.folder)
        _restore(self.average.state(), groups.get("ema", {}), self.folder)
        for name, mover in self.movers.items():
            mover.restore(groups.get(f"optim/{name}", {}))
        warning = checkpoint.changed(position, self.engine.machine)
        if warning:
            self.reporter.note(warning)
        if self.engine.main:
            log.cut_rows(self.folder, self.done)

    def _begin(self, number: int) -> None:
        """Optimizers, modes and averages of phase `number`, from the live weights."""
        self.phase, self.index = number, 0
        phase = self.phases[number]
        moved = {network for player in phase.players.values() for network in player.networks}
        for name, child in self.gan.named_children():
            child.train(name in moved)
        self.frozen.hold()
        self.movers = {
            name: Mover(self.gan, player, phase, self.frozen.parameters)
            for name, player in phase.players.items()
        }
        self.average = Average(
            self.gan, [name for name in self.gan.ema if name in moved], phase.ema
        )

    def _next_phase(self) -> None:
        """At a phase's end, averaged networks that no later phase moves take their averaged weights."""
        later = {
            n
            for phase in self.phases[self.phase + 1 :]
            for player in phase.players.values()
            for n in player.networks
        }
        final = [name for name in self.average.shadows if name not in later]
        self.average.settle(final)
        if self.events:
            self.events.settled(final)
        self.health.begin()
        self._begin(self.phase + 1)
        self._announce()

    def _announce(self) -> None:
        phase = self.phases[self.phase]
        self.reporter.phase(phase.name, phase.steps, self.index)

    def step(self, buffer: log.Buffer) -> None:
        """One step; its losses go into `buffer`."""
        phase, engine = self.phases[self.phase], self.engine
        step = engine.step(phase, self.index)
        position = (self.index * engine.world + engine.rank) * phase.batch
        taken = self.ahead.take(
            position,
            phase.batch,
            derive_seed(engine.seed, phase.name, "data"),
            engine.world * phase.batch,
        )
        batch = engine.batch(taken)
        for update in engine.drive(self.gan.losses(batch, step)):
            engine.move(self.movers[update.player], update.loss, self.index)
            buffer.add(self.index, f"loss/{update.player}", update.loss)
            for key, value in update.log.items():
                buffer.add(self.index, key, value)
        if self.augment.missed:
            raise UsageError(
                "--augment: no network that judges is called with pictures (n, channels, height, width)"
            )
        self.average.update(self.index)
        self.index += 1

    def _log(self, buffer: log.Buffer, seconds: float, steps: int) -> None:
        phase = self.phases[self.phase]
        means = buffer.means(phase.name)
        rate = steps * phase.batch * self.engine.world / max(seconds, 1e-9)
        row = {
            "step": self.done,
            "phase": phase.name,
            "index": self.index,
            **means,
            "images_per_second": round(rate, 1),
        }
        if self.engine.main:
            log.append_row(self.folder, row)
            self.reporter.row(row)
            self._warn(self.health.row(row))

    def _sample(self) -> None:
        """Collapsed when asked to stop there: the checkpoint is written first. All processes stop together."""
        if self.events and self.engine.main:
            made = self.events.sample(self.average, self.done, self.phases[self.phase])
            self._warn(self.health.samples(made) if made is not None else [])
        if self.stop_on_collapse and self.engine.any(self.health.collapsed):
            self.save()
            raise Collapsed(self.done)

    def _warn(self, texts: list[str]) -> None:
        for text in texts:
            self.reporter.note(f"warning: step {self.done:,}: {text}")


def _due(done: int, every: int) -> bool:
    return every > 0 and done % every == 0


def _restore(live: Mapping[str, Tensor], saved: Mapping[str, Tensor], folder: Path) -> None:
    if set(live) != set(saved) or any(live[name].shape != saved[name].shape for name in saved):
        raise RunError(f"{folder}: its checkpoint belongs to another configuration")
    for name, tensor in saved.items():
        live[name].detach().copy_(tensor)
