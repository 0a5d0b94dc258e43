"""The files a run folder shows: sample grids, a GIF of them, a loss plot, and the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
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
from ganzoo.sampling import generation, samples
from ganzoo.sampling.assembly import model_config
from ganzoo.sampling.feed import batch_inputs, move_to_device
from ganzoo.spec import Captions, Embeddings, Picture
from ganzoo.training import log
from ganzoo.training.ahead import BatchSource
from ganzoo.training.ema import Average, reestimate
from ganzoo.training.engine import Engine
from ganzoo.zoo import weights

SAMPLES = "samples"
FIXED = 64
"""Images in a sample grid; points are more and curves fewer."""
ESTIMATE_BATCHES, ESTIMATE_SIZE = 100, 64
"""Number of batches, and examples in each, for re-estimating BatchNorm statistics."""
FIELDS: dict[type[Input], type] = {Text: Captions, Vector: Embeddings, ImageInput: Picture}
"""Inputs that cannot be drawn, and the data field that provides them."""


class Artifacts:
    """Draws and exports from a run's averaged weights, with inputs that stay the same: `fixed`."""

    def __init__(
        self, plugin: Plugin[Any], gan: GAN[Any], batches: BatchSource, engine: Engine, folder: Path
    ) -> None:
        self.plugin, self.gan, self.batches = plugin, gan, batches
        self.engine, self.folder = engine, folder
        self.output, self.data = plugin.output(gan.config), plugin.data(gan.config)
        self.fixed = self._fix_inputs(self.output.default_count)

    @cached_property
    def metadata(self) -> dict[str, str]:
        return weights.build_metadata(model_config(self.plugin, self.gan))

    def sample(self, average: Average, step: int, phase: Phase) -> Tensor | None:
        """Write samples/step-0000500.png; in a phase with a view of its name, that view.

        Returns None where one player learns alone and samples tell nothing: the few latents of an
        autoencoder look collapsed, and a text encoder cannot draw yet.
        """
        count = len(next(iter(self.fixed.values())))
        feed = (
            {name: tensor[start : start + FIXED] for name, tensor in self.fixed.items()}
            for start in range(0, count, FIXED)
        )
        views = (generation.SAMPLE, phase.name)
        with average.applied() as gan:
            found = generation.generate(gan, feed, self.engine.device, self.engine.precision, views)
        shown = found.get(phase.name, found[generation.SAMPLE])
        path = self.folder / SAMPLES / f"step-{step:07d}.png"
        images.save_png(samples.draw_grid(shown, self.output), path)
        return shown if len(phase.players) > 1 else None

    def real(self) -> Tensor | None:
        """As many examples as samples are drawn, or None where the data hold nothing comparable."""
        for key, field in self.data.fields.items():
            if type(field) is type(self.output):
                return self._take(key, 0, len(next(iter(self.fixed.values()))))
        return None

    def export(self, average: Average, step: int) -> None:
        """Write model.safetensors, so that an unfinished run can be sampled."""
        with average.applied() as gan:
            self._save(weights.MODEL, weights.collect_tensors(gan, gan.ema))

    def finish(self, average: Average, seed: int) -> None:
        """Write the final files: model and training networks, sample grid, plot and GIF."""
        from ganzoo.pictures import plots

        with average.applied() as gan:
            self._reestimate(gan, seed)
            self._save(weights.MODEL, weights.collect_tensors(gan, gan.ema))
        rest = [name for name, _ in self.gan.named_children() if name not in self.gan.ema]
        self._save(weights.TRAINING, weights.collect_tensors(self.gan, rest))
        paths = sorted((self.folder / SAMPLES).glob("step-*.png"))
        frames = [Image.open(path).convert("RGB") for path in paths]
        images.save_png(frames[-1], self.folder / "samples.png")
        images.save_gif(frames, self.folder / "samples.gif")
        rows = log.read_rows(self.folder)
        if rows:
            images.save_png(plots.plot_losses(rows, self.folder.name), self.folder / "losses.png")

    def settle(self, names: Sequence[str]) -> None:
        """Re-estimate BatchNorm of networks that later phases build on."""
        networks = nn.ModuleList(self.gan.get_submodule(name) for name in names)
        self._reestimate(networks, self.engine.seed)

    def _save(self, name: str, tensors: dict[str, Tensor]) -> None:
        if tensors:
            weights.save_tensors(self.folder / name, tensors, self.metadata)

    def _reestimate(self, networks: nn.Module, seed: int) -> None:
        """Not for unpaired translators: a norm would see images of the wrong domain."""
        if self.data.unpaired:
            return
        device = self.engine.device
        reestimate(
            networks,
            self._feed(seed),
            lambda feed: self.gan.sample(move_to_device(feed, device)),
        )

    def _feed(self, seed: int) -> Iterator[dict[str, Tensor]]:
        """Batches of inputs: images and captions from the data, everything else drawn."""
        inputs = self.plugin.inputs(self.gan.config)
        given = {name: spec for name, spec in inputs.items() if isinstance(spec, tuple(FIELDS))}
        drawn = {name: spec for name, spec in inputs.items() if name not in given}
        rows = Rows(seed, ESTIMATE_BATCHES * ESTIMATE_SIZE)
        for number, feed in enumerate(batch_inputs(drawn, {}, rows, ESTIMATE_SIZE)):
            for name, spec in given.items():
                place = number * ESTIMATE_SIZE
                feed[name] = self._take_input(name, spec, place, ESTIMATE_SIZE)
            yield feed

    def _fix_inputs(self, count: int) -> dict[str, Tensor]:
        """Drawn from the seed; images and captions from the data; labels in equal runs."""
        rows = Rows(self.engine.seed, count)
        found: dict[str, Tensor] = {}
        for name, spec in self.plugin.inputs(self.gan.config).items():
            if isinstance(spec, Label):
                found[name] = spec.parse("all", name, rows)
            elif isinstance(spec, tuple(FIELDS)):
                found[name] = self._take_input(name, spec, 0, count)
            else:
                found[name] = spec.draw(name, rows)
        return found

    def _take_input(self, name: str, spec: Input, place: int, count: int) -> Tensor:
        """Values of an input from `count` examples. InputError where the data hold none."""
        wanted = next(field for kind, field in FIELDS.items() if isinstance(spec, kind))
        for key, field in self.data.fields.items():
            if isinstance(field, wanted):
                values = self._take(key, place, count)
                if isinstance(spec, ImageInput) and values.shape[1] != spec.channels:
                    values = values.mean(dim=1, keepdim=True).expand(-1, spec.channels, -1, -1)
                return values
        raise InputError(name, f"the data of {self.plugin.name!r} have no field for it")

    def _take(self, key: str, place: int, count: int) -> Tensor:
        """Examples [place, place + count) of one field, images as floats."""
        values = self.batches.take(place, count, 0)[key]
        return images.to_float(values) if values.dtype == torch.uint8 else values
