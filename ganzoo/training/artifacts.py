"""What a run folder shows: sample grids from fixed inputs, a GIF of them, a loss plot, and the model files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ganzoo import images, sampling, weights
from ganzoo.data.spec import Captions, Picture, Points
from ganzoo.errors import InputError
from ganzoo.gan import GAN
from ganzoo.inputs import Image as ImageInput
from ganzoo.inputs import Input, Label, Rows, Text
from ganzoo.model import model_config
from ganzoo.plugin import Plugin
from ganzoo.training import log
from ganzoo.training.ema import Average, reestimate
from ganzoo.training.engine import Engine
from ganzoo.training.loop import Batches

SAMPLES = "samples"
FIXED = 64
ESTIMATE_BATCHES, ESTIMATE_SIZE = 100, 64


class Artifacts:
    """Draws and exports from a run's averaged weights; `fixed` inputs are the same at every step."""

    def __init__(self, plugin: Plugin[Any], gan: GAN[Any], batches: Batches, engine: Engine, folder: Path) -> None:
        self.plugin, self.gan, self.engine, self.folder, self.batches = plugin, gan, engine, folder, batches
        self.output = plugin.output(gan.config)
        many = FIXED if isinstance(self.output, Picture) else 16 * FIXED if isinstance(self.output, Points) else 16
        self.fixed = fixed_inputs(plugin, gan.config, batches, engine.seed, many)

    def sample(self, average: Average, step: int) -> Tensor:
        """samples/step-0000500.png, and what it shows."""
        with average.applied() as gan:
            made = sampling.run(gan, iter(_split(self.fixed, FIXED)), self.engine.device, self.engine.precision)
        sheet = sampling.draw(made[sampling.SAMPLE], self.output)
        images.save_png(sheet, self.folder / SAMPLES / f"step-{step:07d}.png")
        return made[sampling.SAMPLE]

    def real(self) -> Tensor | None:
        """As many examples of the data as samples are drawn, to compare them with; None where the data have no such thing, and
        where one player learns alone: an autoencoder's few latents make neighbours of healthy samples."""
        if all(len(phase.players) < 2 for phase in self.gan.phases()):
            return None
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
            if self._drawable():
                self._reestimate(gan, seed)
            self._save(weights.MODEL, weights.networks(gan, gan.ema), gan)
        rest = [name for name, _ in self.gan.named_children() if name not in self.gan.ema]
        self._save(weights.TRAINING, weights.networks(self.gan, rest), self.gan)
        self._pictures()

    def _save(self, name: str, tensors: dict[str, Tensor], gan: GAN[Any]) -> None:
        if tensors:
            weights.save(self.folder / name, tensors, weights.metadata(model_config(self.plugin, gan)))

    def _drawable(self) -> bool:
        return not any(isinstance(spec, (Text, ImageInput)) for spec in self.plugin.inputs(self.gan.config).values())

    def _reestimate(self, gan: GAN[Any], seed: int) -> None:
        inputs = self.plugin.inputs(gan.config)
        rows = Rows(seed, ESTIMATE_BATCHES * ESTIMATE_SIZE)
        reestimate(
            gan,
            sampling.batches(inputs, {}, rows, ESTIMATE_SIZE),
            lambda feed: gan.sample(sampling.to_device(feed, self.engine.device)),
        )

    def _pictures(self) -> None:
        from ganzoo import plots

        paths = sorted((self.folder / SAMPLES).glob("step-*.png"))
        frames = [Image.open(path).convert("RGB") for path in paths]
        images.save_png(frames[-1], self.folder / "samples.png")
        images.save_gif(frames, self.folder / "samples.gif")
        rows = log.read_rows(self.folder)
        if rows:
            images.save_png(plots.losses(rows, self.folder.name), self.folder / "losses.png")


def fixed_inputs(plugin: Plugin[Any], config: Any, batches: Batches, seed: int, n: int) -> dict[str, Tensor]:
    """Inputs that stay the same through a run: drawn from the seed; pictures and sentences from the data's first rows;
    labels in equal runs, one class after the other."""
    rows = Rows(seed, n)
    found: dict[str, Tensor] = {}
    for name, spec in plugin.inputs(config).items():
        if isinstance(spec, Label):
            found[name] = spec.parse("all", name, rows)
        elif isinstance(spec, (Text, ImageInput)):
            found[name] = _from_data(plugin, config, batches, spec, n, name)
        else:
            found[name] = spec.draw(name, rows)
    return found


def _from_data(plugin: Plugin[Any], config: Any, batches: Batches, spec: Input, n: int, name: str) -> Tensor:
    wanted: type = Captions if isinstance(spec, Text) else Picture
    fields = plugin.data(config).fields
    key = next((key for key, field in fields.items() if isinstance(field, wanted)), None)
    if key is None:
        raise InputError(name, f"the data of {plugin.name!r} hold nothing to show it with")
    taken = batches.take(0, n, 0)[key]
    taken = images.to_float(taken) if taken.dtype == torch.uint8 else taken
    if isinstance(spec, ImageInput) and taken.shape[1] != spec.channels:
        taken = taken.mean(dim=1, keepdim=True).expand(-1, spec.channels, -1, -1)
    return taken


def _split(inputs: dict[str, Tensor], size: int) -> Iterator[dict[str, Tensor]]:
    n = len(next(iter(inputs.values())))
    for start in range(0, n, size):
        yield {name: tensor[start : start + size] for name, tensor in inputs.items()}
