"""What a run folder shows: sample grids from fixed inputs, a GIF of them, a loss plot, and the model files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from ganzoo.errors import InputError
from ganzoo.gan import GAN, Phase
from ganzoo.inputs import Image as ImageInput
from ganzoo.inputs import Input, Label, Rows, Text, Vector
from ganzoo.pictures import images
from ganzoo.plugin import Plugin
from ganzoo.sampling import samples
from ganzoo.sampling.assembly import model_config
from ganzoo.spec import Captions, Embeddings, Picture, Points
from ganzoo.training import log
from ganzoo.training.ahead import Batches
from ganzoo.training.ema import Average, reestimate
from ganzoo.training.engine import Engine
from ganzoo.zoo import weights

SAMPLES = "samples"
FIXED = 64
ESTIMATE_BATCHES, ESTIMATE_SIZE = 100, 64
GIVEN: dict[type[Input], type] = {Text: Captions, Vector: Embeddings, ImageInput: Picture}
"""Inputs that nobody can draw, and which field of the data stands for them."""


class Artifacts:
    """Draws and exports from a run's averaged weights; `fixed` inputs are the same at every step."""

    def __init__(
        self, plugin: Plugin[Any], gan: GAN[Any], batches: Batches, engine: Engine, folder: Path
    ) -> None:
        self.plugin, self.gan, self.engine, self.folder, self.batches = (
            plugin,
            gan,
            engine,
            folder,
            batches,
        )
        self.output = plugin.output(gan.config)
        many = (
            FIXED
            if isinstance(self.output, Picture)
            else 16 * FIXED
            if isinstance(self.output, Points)
            else 16
        )
        self.fixed = fixed_inputs(plugin, gan.config, batches, engine.seed, many)

    def sample(self, average: Average, step: int, phase: Phase) -> Tensor | None:
        """samples/step-0000500.png, and what it shows: of a phase with a view of its name, that view.

        None where a player learns alone, for its samples tell nothing: an autoencoder's few latents make neighbours of healthy
        ones, and while sentences are learnt nothing can draw yet."""
        feed, looked_at = _split(self.fixed, FIXED), (samples.SAMPLE, phase.name)
        with average.applied() as gan:
            made = samples.run(gan, feed, self.engine.device, self.engine.precision, looked_at)
        shown = made.get(phase.name, made[samples.SAMPLE])
        images.save_png(
            samples.draw(shown, self.output), self.folder / SAMPLES / f"step-{step:07d}.png"
        )
        return shown if len(phase.players) > 1 else None

    def real(self) -> Tensor | None:
        """As many examples of the data as samples are drawn, to compare them with; None where the data have no such thing."""
        fields = self.plugin.data(self.gan.config).fields
        key = next((key for key, field in fields.items() if type(field) is type(self.output)), None)
        if key is None:
            return None
        taken = self.batches.take(0, len(next(iter(self.fixed.values()))), 0)[key]
        return images.to_float(taken) if taken.dtype == torch.uint8 else taken

    def export(self, average: Average, step: int) -> None:
        """model.safetensors as it stands, so that an unfinished run can be sampled."""
        with average.applied() as gan:
            self._save(weights.MODEL, weights.networks(gan, gan.ema), gan)

    def finish(self, average: Average, seed: int) -> None:
        """The final files: BatchNorm re-estimated, the networks fine-tuning needs, sheet, plot and GIF."""
        with average.applied() as gan:
            self._reestimate(gan, gan, seed)
            self._save(weights.MODEL, weights.networks(gan, gan.ema), gan)
        rest = [name for name, _ in self.gan.named_children() if name not in self.gan.ema]
        self._save(weights.TRAINING, weights.networks(self.gan, rest), self.gan)
        self._pictures()

    def settle(self, names: Sequence[str]) -> None:
        """BatchNorm of networks that have just taken their averaged weights re-estimated, for later phases build on them."""
        self._reestimate(
            self.gan,
            nn.ModuleList(self.gan.get_submodule(name) for name in names),
            self.engine.seed,
        )

    def _save(self, name: str, tensors: dict[str, Tensor], gan: GAN[Any]) -> None:
        if tensors:
            weights.save(
                self.folder / name, tensors, weights.metadata(model_config(self.plugin, gan))
            )

    def _reestimate(self, gan: GAN[Any], networks: nn.Module, seed: int) -> None:
        """Not for translators both ways: a norm would see pictures of the wrong domain."""
        if not self.plugin.data(gan.config).unpaired:
            reestimate(
                networks,
                self._feed(seed),
                lambda feed: gan.sample(samples.to_device(feed, self.engine.device)),
            )

    def _feed(self, seed: int) -> Iterator[dict[str, Tensor]]:
        """Batches of inputs: pictures and sentences from the data, all else drawn."""
        inputs = self.plugin.inputs(self.gan.config)
        given = {name: spec for name, spec in inputs.items() if isinstance(spec, tuple(GIVEN))}
        drawn = {name: spec for name, spec in inputs.items() if name not in given}
        rows = Rows(seed, ESTIMATE_BATCHES * ESTIMATE_SIZE)
        for number, feed in enumerate(samples.batches(drawn, {}, rows, ESTIMATE_SIZE)):
            place = number * ESTIMATE_SIZE
            yield feed | {
                name: _from_data(
                    self.plugin, self.gan.config, self.batches, spec, ESTIMATE_SIZE, name, place
                )
                for name, spec in given.items()
            }

    def _pictures(self) -> None:
        from ganzoo.pictures import plots

        paths = sorted((self.folder / SAMPLES).glob("step-*.png"))
        frames = [Image.open(path).convert("RGB") for path in paths]
        images.save_png(frames[-1], self.folder / "samples.png")
        images.save_gif(frames, self.folder / "samples.gif")
        rows = log.read_rows(self.folder)
        if rows:
            images.save_png(plots.losses(rows, self.folder.name), self.folder / "losses.png")


def fixed_inputs(
    plugin: Plugin[Any], config: Any, batches: Batches, seed: int, n: int
) -> dict[str, Tensor]:
    """Inputs that stay the same through a run: drawn from the seed; pictures and sentences from the data's first rows;
    labels in equal runs, one class after the other."""
    rows = Rows(seed, n)
    found: dict[str, Tensor] = {}
    for name, spec in plugin.inputs(config).items():
        if isinstance(spec, Label):
            found[name] = spec.parse("all", name, rows)
        elif isinstance(spec, tuple(GIVEN)):
            found[name] = _from_data(plugin, config, batches, spec, n, name)
        else:
            found[name] = spec.draw(name, rows)
    return found


def _from_data(
    plugin: Plugin[Any],
    config: Any,
    batches: Batches,
    spec: Input,
    n: int,
    name: str,
    place: int = 0,
) -> Tensor:
    wanted = next(field for kind, field in GIVEN.items() if isinstance(spec, kind))
    fields = plugin.data(config).fields
    key = next((key for key, field in fields.items() if isinstance(field, wanted)), None)
    if key is None:
        raise InputError(name, f"the data of {plugin.name!r} hold nothing to show it with")
    taken = batches.take(place, n, 0)[key]
    taken = images.to_float(taken) if taken.dtype == torch.uint8 else taken
    if isinstance(spec, ImageInput) and taken.shape[1] != spec.channels:
        taken = taken.mean(dim=1, keepdim=True).expand(-1, spec.channels, -1, -1)
    return taken


def _split(inputs: dict[str, Tensor], size: int) -> Iterator[dict[str, Tensor]]:
    n = len(next(iter(inputs.values())))
    for start in range(0, n, size):
        yield {name: tensor[start : start + size] for name, tensor in inputs.items()}
