"""A small variational autoencoder: one player trains two networks, images have latents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.config import Channels, Config, Count, Pixels, Rate, Width
from ganzoo.data.spec import Data, Picture
from ganzoo.inputs import Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from tiny_vae.model import TinyVAE


class TinyVAEConfig(Config, frozen=True, kw_only=True):
    channels: Channels = 1
    size: Pixels = 28
    latent: Width = 8
    width: Width = 32
    lr: Rate = 2e-3
    steps: Count = 20
    batch: Count = 8


def build(config: TinyVAEConfig) -> TinyVAE:
    from tiny_vae.model import TinyVAE

    return TinyVAE(config)


plugin = Plugin(
    name="tiny_vae",
    summary="Variational autoencoder of two small perceptrons",
    paper="https://arxiv.org/abs/1312.6114",
    config=TinyVAEConfig,
    tiny=TinyVAEConfig(size=8, latent=2, width=8),
    data=lambda c: Data({"image": Picture(c.channels, c.size)}),
    inputs=lambda c: {"latent": Latent(c.latent)},
    output=lambda c: Picture(c.channels, c.size),
    build=build,
)
