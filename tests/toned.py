"""A plugin for photographs: a translator whose tone depends on instance norm.

Tests install it by `announce`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ganzoo.config import Config
from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.inputs import Choice, Image
from ganzoo.plugin import Plugin
from ganzoo.spec import Data, Picture

MULTIPLE, HALO = 4, 24


class TonedConfig(Config, frozen=True, kw_only=True):
    width: int = 6


def network(width: int, affine: bool = False) -> nn.Sequential:
    """Two strides down, a block, and two strides up."""

    def step(*layers: nn.Module, channels: int) -> list[nn.Module]:
        return [*layers, nn.InstanceNorm2d(channels, affine=affine), nn.LeakyReLU(0.2)]

    return nn.Sequential(
        *step(nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), channels=width),
        *step(nn.Conv2d(width, 2 * width, 3, 2, 1), channels=2 * width),
        *step(nn.Conv2d(2 * width, 2 * width, 3, 2, 1), channels=2 * width),
        *step(nn.Conv2d(2 * width, 2 * width, 3, 1, 1), channels=2 * width),
        *step(nn.ConvTranspose2d(2 * width, width, 4, 2, 1), channels=width),
        *step(nn.ConvTranspose2d(width, width, 4, 2, 1), channels=width),
        nn.Conv2d(width, 3, 3, 1, 1),
        nn.Tanh(),
    )


class Toned(GAN[TonedConfig]):
    ema = ("forth", "back")

    def __init__(self, config: TonedConfig) -> None:
        super().__init__(config)
        self.forth, self.back = network(config.width), network(config.width)

    def phases(self) -> tuple[Phase, ...]:
        return (Phase(steps=1, batch=1, players={"both": Player(networks=("forth", "back"))}),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        yield Update("both", self.back(self.forth(batch["image"])).square().mean())

    def sample(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        image, forth = inputs["image"], (inputs["direction"] == 0).view(-1, 1, 1, 1)
        there = torch.where(forth, self.forth(image), self.back(image))
        returned = torch.where(forth, self.back(there), self.forth(there))
        return {
            "sample": there,
            "original": image,
            "returned": returned,
            "grey": image.mean(1, keepdim=True),
        }


plugin = Plugin(
    name="toned",
    summary="Tone by instance norm",
    paper="https://arxiv.org/abs/1607.08022",
    config=TonedConfig,
    tiny=TonedConfig(),
    data=lambda c: Data({"image": Picture(3, 32)}),
    inputs=lambda c: {
        "image": Image(3, multiple=MULTIPLE, halo=HALO),
        "direction": Choice(("A2B", "B2A")),
    },
    output=lambda c: Picture(3),
    build=Toned,
)


def announce(folder: Path) -> None:
    """Write the metadata of a distribution that provides the plugin."""
    info = folder / "ganzoo_toned-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ganzoo-toned\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ganzoo.plugins]\ntoned = tests.toned:plugin\n")


def photograph(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Sky, ridge, fractal ground, sun and a red house: no two places are alike."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    spectrum = np.fft.rfft2(np.random.default_rng(seed).standard_normal((height, width)))
    rate = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    rate[0, 0] = 1
    grain = np.fft.irfft2(spectrum / rate**1.1, (height, width))
    grain = (grain / max(float(grain.std()), 1e-9))[..., None]
    sky = np.stack([0.45 + 0.3 * y, 0.6 + 0.2 * y, 0.9 - 0.1 * y], -1) + 0.02 * grain
    ground = np.array([0.35, 0.4, 0.22]) + grain * [0.12, 0.14, 0.08]
    ridge = 0.25 + 0.08 * np.sin(9 * x) + 0.03 * np.sin(31 * x)
    levels = np.where((y > ridge)[..., None], ground, sky)
    levels[np.hypot(x - 0.8, y - 0.1) < 0.05] = [1, 0.97, 0.8]
    levels[(abs(x - 0.3) < 0.06) & (abs(y - 0.45) < 0.08)] = [0.7, 0.15, 0.1]
    return (levels.clip(0, 1) * 255).round().astype(np.uint8)
