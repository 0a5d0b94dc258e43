"""vae: variational autoencoder, plain or conditional on a class, for small images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from ganzoo.config import (
    Batch,
    Beta1,
    Channels,
    Config,
    Ema,
    Fraction,
    Rate,
    Schedule,
    Steps,
    convert,
    plain,
)
from ganzoo.data.spec import Data, Facts, Field, Labels, Picture
from ganzoo.inputs import Input, Label, Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from ganzoo.gan import GAN

SMALLEST, LARGEST = 8, 65_536
"""Pixels of a side, at least, and numbers in the smallest maps, at most."""
Units = Annotated[int, Meta(ge=1, le=1024)]


class VAEConfig(Config, frozen=True, kw_only=True):
    """The defaults give a latent of two numbers."""

    channels: Channels = 1
    size: Annotated[
        int, Meta(ge=SMALLEST, le=128, multiple_of=4, description="Side of an image in pixels.")
    ] = 28
    conditional: Annotated[
        bool, Meta(description="Condition encoder and decoder on the class.")
    ] = False
    classes: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            max_length=1000,
            description="Class names in the order of the labels; taken from the data.",
        ),
    ] = tuple("0123456789")
    latent: Annotated[int, Meta(ge=1, le=512, description="Size of the latent vector.")] = 2
    width: Annotated[
        int, Meta(ge=1, le=128, description="Channels of the largest maps; they double twice.")
    ] = 32
    hidden: Annotated[Units, Meta(description="Units of the encoder's first linear layer.")] = 64
    bottleneck: Annotated[
        Units, Meta(description="Units of the encoder's second linear layer.")
    ] = 16
    decoder_hidden: Annotated[
        int,
        Meta(ge=0, le=1024, description="Units of the decoder's first linear layer; 0 for none."),
    ] = 64
    dropout: Annotated[
        Fraction, Meta(description="Dropout rate after the encoder's first two convolutions.")
    ] = 0.1
    kl_weight: Annotated[
        float,
        Meta(
            ge=0, le=1000, description="Weight of the KL divergence (beta of Higgins et al. 2017)."
        ),
    ] = 1.0
    lr: Annotated[Rate, Meta(description="Learning rate.")] = 1e-3
    beta1: Beta1 = 0.9
    schedule: Schedule = "linear"
    batch: Batch = 128
    steps: Steps = 14_063
    ema: Ema = 0.999

    def __post_init__(self) -> None:
        if self.flat > LARGEST:
            where = f"width {self.width} at size {self.size}"
            raise ValueError(
                f"{where} gives {self.flat:,} numbers in the smallest maps, more than {LARGEST:,}"
            )

    @property
    def flat(self) -> int:
        """Numbers in the smallest maps: 4 width channels of a quarter of the size."""
        return 4 * self.width * (self.size // 4) ** 2


def adapt(config: VAEConfig, facts: Facts) -> VAEConfig:
    """Channels and class names as the data have them; their size, or the next smaller one that networks so wide can have."""
    facts.require("images")
    known: dict[str, Any] = {"channels": facts.channels or config.channels}
    if facts.size:
        most = 4 * math.isqrt(LARGEST // (4 * config.width))
        known["size"] = min(max(SMALLEST, facts.size - facts.size % 4), most, 128)
    if config.conditional and facts.classes:
        known["classes"] = facts.classes
    return convert({**plain(config), **known}, VAEConfig, f"data set {facts.name}")


def data(config: VAEConfig) -> Data:
    """Pictures, with their classes where the model is told them."""
    fields: dict[str, Field] = {"image": Picture(config.channels, config.size)}
    return Data(fields | ({"label": Labels(len(config.classes))} if config.conditional else {}))


def inputs(config: VAEConfig) -> dict[str, Input]:
    """A latent, and a class where the model is told one."""
    found: dict[str, Input] = {"latent": Latent(config.latent)}
    return found | ({"label": Label(config.classes)} if config.conditional else {})


def build(config: VAEConfig) -> GAN[VAEConfig]:
    """The networks."""
    from ganzoo_vae.model import VAE

    return VAE(config)


plugin = Plugin(
    name="vae",
    summary="Variational autoencoder, plain or class-conditional, for small images",
    paper="https://arxiv.org/abs/1312.6114",
    config=VAEConfig,
    tiny=VAEConfig(
        size=8,
        conditional=True,
        classes=("circle", "cross", "square"),
        width=4,
        hidden=8,
        batch=4,
        steps=4,
    ),
    presets={
        # two numbers for a digit: the defaults
        "vae": VAEConfig(),
        # the same told the digit; its decoder goes straight to the maps
        "cvae": VAEConfig(conditional=True, decoder_hidden=0),
    },
    data=data,
    adapt=adapt,
    inputs=inputs,
    output=lambda config: Picture(config.channels, config.size),
    build=build,
)
