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
"""Least side in pixels, and most numbers in the smallest maps."""
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
            raise ValueError(
                f"width {self.width} at size {self.size} gives {self.flat:,} numbers in the "
                f"smallest maps, more than {LARGEST:,}"
            )

    @property
    def flat(self) -> int:
        """Numbers in the smallest maps: 4 `width` channels of a quarter of the side."""
        return 4 * self.width * (self.size // 4) ** 2


def adapt(config: VAEConfig, facts: Facts) -> VAEConfig:
    """Take channels and class names from the data, and their size as far as `width` allows it."""
    facts.require("images")
    known: dict[str, Any] = {"channels": facts.channels or config.channels}
    if facts.size:
        largest = 4 * math.isqrt(LARGEST // (4 * config.width))
        known["size"] = min(max(SMALLEST, facts.size - facts.size % 4), largest, 128)
    if config.conditional and facts.classes:
        known["classes"] = facts.classes
    return convert({**plain(config), **known}, VAEConfig, f"data set {facts.name}")


def data(config: VAEConfig) -> Data:
    """Images, and their labels if the model is conditional."""
    fields: dict[str, Field] = {"image": Picture(config.channels, config.size)}
    if config.conditional:
        fields["label"] = Labels(len(config.classes))
    return Data(fields)


def inputs(config: VAEConfig) -> dict[str, Input]:
    """A latent, and a class if the model is conditional."""
    specs: dict[str, Input] = {"latent": Latent(config.latent)}
    if config.conditional:
        specs["label"] = Label(config.classes)
    return specs


def build(config: VAEConfig) -> GAN[VAEConfig]:
    """Build the networks."""
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
        # conditional on the digit, without the decoder's first linear layer
        "cvae": VAEConfig(conditional=True, decoder_hidden=0),
    },
    data=data,
    adapt=adapt,
    inputs=inputs,
    output=lambda config: Picture(config.channels, config.size),
    build=build,
)
