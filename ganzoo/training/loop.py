"""The training loop: phases, steps, events. The plugin says what moves, the engine how."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from ganzoo.errors import Collapsed, GanzooError, RunError, UsageError
from ganzoo.gan import GAN, Phase
from ganzoo.inputs.streams import derive_seed
from ganzoo.training import checkpoint, compiled, log
from ganzoo.training.accumulate import split_step
from ganzoo.training.ahead import Ahead, BatchSource
from ganzoo.training.augment import Augment
from ganzoo.training.ema import Average
from ganzoo.training.engine import Engine
from ganzoo.training.freeze import Frozen, find_discriminators
from ganzoo.training.health import Health
from ganzoo.training.optim import Mover
from ganzoo.training.recipe import Recipe


class Events(Protocol):
    """What happens beside the steps, given the averaged weights."""

    def sample(self, average: Average, step: int, phase: Phase) -> Tensor | None:
        """Draw samples of fixed inputs; return them, or None where they are not to be judged."""

    def settle(self, names: Sequence[str]) -> None:
        """Called when these networks have their final weights, which later phases build on."""

    def export(self, average: Average, step: int) -> None:
        """Write the model as it stands."""


class Trainer:
    """Trains a GAN on `batches` through all `phases`; restarts from the checkpoint in `folder`.

    `recipe`: the options that act on steps, such as augment, freeze or log_every.
    """

    def __init__(
        self,
        gan: GAN[Any],
        phases: tuple[Phase, ...],
        batches: BatchSource,
        engine: Engine,
        folder: Path,
        recipe: Recipe | None = None,
        *,
        reporter: log.Reporter | None = None,
        events: Events | None = None,
        health: Health | None = None,
        stop_on_collapse: bool = False,
    ) -> None:
        self.gan, self.phases, self.batches = engine.place(gan), phases, batches
        self.engine, self.folder, self.events = engine, folder, events
        self.recipe = recipe = recipe or Recipe()
        self.health, self.stop_on_collapse = health or Health(), stop_on_collapse
        self.frozen = Frozen(gan, recipe.freeze)
        self.augment = Augment(find_discriminators(gan).values(), recipe.augment)
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
        """Finished steps of the whole run."""
        return sum(phase.steps for phase in self.phases[: self.phase]) + self.index

    def run(self, until: int | None = None) -> None:
        """Train to the end, or until `until` steps of the whole run are done, then checkpoint."""
        bound = self.total if until is None else min(until, self.total)
        try:
            if not (self.recipe.compile and self._run_compiled(bound)):
                self._run(bound)
        finally:
            self.ahead.stop()
            self.ahead = Ahead(self.batches, pin=self.ahead.pin)

    def _run_compiled(self, until: int) -> bool:
        """Run with compiled networks; return False where the compiler failed.

        Double backward fails at its first use, which may be late and in the middle of a step. Then
        everything goes back to the last checkpoint, with eager networks.
        """
        if self.done == 0:
            self.save()
        try:
            compiled.start(self.gan)
            self._run(until)
        except (GanzooError, OSError):
            raise
        except Exception as error:  # an error that is not the compiler's comes again without it
            compiled.stop(self.gan)
            self.reporter.note(compiled.explain(error))
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
            done, last, phase = self.done, self.done == until, self.phases[self.phase]
            ends = self.index == phase.steps
            saves = last or _is_due(done, self.recipe.checkpoint_every)
            if saves or ends or _is_due(done, self.recipe.log_every):
                seconds = time.perf_counter() - started
                images = (done - since) * phase.batch * self.engine.world
                row = {
                    "step": done,
                    "phase": phase.name,
                    "index": self.index,
                    **buffer.means(phase.name),
                    "images_per_second": round(images / max(seconds, 1e-9), 1),
                }
                if self.engine.main:
                    log.append_row(self.folder, row)
                    self.reporter.row(row)
                    self._warn(self.health.row(row))
                started, since = time.perf_counter(), done
            if last or _is_due(done, self.recipe.sample_every):
                self._sample()
            if saves:
                self.save()

    def save(self) -> None:
        """Write the checkpoint and the model as it stands, from the main process."""
        if self.engine.main:
            groups: dict[str, Mapping[str, Tensor]] = {
                "gan": self.gan.state_dict(),
                "ema": self.average.state(),
            }
            for name, mover in self.movers.items():
                groups[f"optim/{name}"] = mover.state()
            if self.events:
                self.events.export(self.average, self.done)
            here = checkpoint.describe_position(self.phase, self.index, self.engine.machine)
            checkpoint.write_checkpoint(self.folder, here, groups)
        self.engine.wait()

    def resume(self) -> None:
        """Return to the folder's checkpoint. RunError when there is none or it does not fit."""
        position, groups = checkpoint.read_checkpoint(self.folder)
        if position.phase >= len(self.phases):
            raise RunError(
                f"{self.folder}: its checkpoint is in phase {position.phase + 1} "
                f"of {len(self.phases)}"
            )
        self._begin(position.phase)
        self.index = position.index
        _restore(self.gan.state_dict(), groups.get("gan", {}), self.folder)
        _restore(self.average.state(), groups.get("ema", {}), self.folder)
        for name, mover in self.movers.items():
            mover.restore(groups.get(f"optim/{name}", {}))
        warning = checkpoint.compare_machines(position, self.engine.machine)
        if warning:
            self.reporter.note(warning)
        if self.engine.main:
            log.cut_rows(self.folder, self.done)

    def _begin(self, number: int) -> None:
        """Set up optimizers, modes and averages of phase `number` from the live weights."""
        self.phase, self.index = number, 0
        phase = self.phases[number]
        moved = _list_networks([phase])
        for name, child in self.gan.named_children():
            child.train(name in moved)
        self.frozen.hold()
        self.movers = {
            name: Mover(self.gan, player, phase, self.frozen.parameters)
            for name, player in phase.players.items()
        }
        averaged = [name for name in self.gan.ema if name in moved]
        self.average = Average(self.gan, averaged, phase.ema)

    def _next_phase(self) -> None:
        """Begin the next phase. Averaged networks that no later phase moves take their averages."""
        later = _list_networks(self.phases[self.phase + 1 :])
        final = [name for name in self.average.shadows if name not in later]
        self.average.settle(final)
        if self.events:
            self.events.settle(final)
        self.health.begin()
        self._begin(self.phase + 1)
        self._announce()

    def _announce(self) -> None:
        phase = self.phases[self.phase]
        self.reporter.phase(phase.name, phase.steps, self.index)

    def step(self, buffer: log.Buffer) -> None:
        """Train one step; its losses go into `buffer`."""
        phase, engine = self.phases[self.phase], self.engine
        step = engine.step(phase, self.index)
        size = phase.batch
        position = (self.index * engine.world + engine.rank) * size
        seed = derive_seed(engine.seed, phase.name, "data")
        batch = engine.batch(self.ahead.take(position, size, seed, engine.world * size))
        parts = [
            engine.drive(self.gan.losses(*part))
            for part in split_step(batch, step, self.recipe.accumulate)
        ]
        ended = False
        while not ended:
            for number, part in enumerate(parts):
                update = next(part, None)
                if update is None:
                    ended = True
                    continue
                mover = self.movers[update.player]
                engine.move(mover, update.loss, self.index, number, len(parts))
                buffer.add(self.index, f"loss/{update.player}", update.loss)
                for key, value in update.log.items():
                    buffer.add(self.index, key, value)
                del update  # and its graph, before the next part builds one
        if self.augment.missed:
            raise UsageError(
                "--augment: no discriminator is called with images (n, channels, height, width)"
            )
        self.average.update(self.index)
        self.index += 1

    def _sample(self) -> None:
        """Draw samples. When asked to stop on collapse: checkpoint, then raise Collapsed.

        All processes stop together.
        """
        if self.events and self.engine.main:
            samples = self.events.sample(self.average, self.done, self.phases[self.phase])
            if samples is not None:
                self._warn(self.health.samples(samples))
        if self.stop_on_collapse and self.engine.any(self.health.collapsed):
            self.save()
            raise Collapsed(self.done)

    def _warn(self, texts: list[str]) -> None:
        for text in texts:
            self.reporter.note(f"warning: step {self.done:,}: {text}")


def _list_networks(phases: Sequence[Phase]) -> set[str]:
    """Names of the networks that these phases move."""
    players = [player for phase in phases for player in phase.players.values()]
    return {network for player in players for network in player.networks}


def _is_due(done: int, every: int) -> bool:
    return every > 0 and done % every == 0


def _restore(live: Mapping[str, Tensor], saved: Mapping[str, Tensor], folder: Path) -> None:
    if set(live) != set(saved) or any(live[name].shape != saved[name].shape for name in saved):
        raise RunError(f"{folder}: its checkpoint belongs to another configuration")
    for name, tensor in saved.items():
        live[name].detach().copy_(tensor)
