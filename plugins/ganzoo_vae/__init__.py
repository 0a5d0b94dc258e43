"""vae: variational autoencoder, plain or conditional on a class, for small images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from ganzoo.config import Channels, Config, Count, Fraction, Rate, convert, plain
from ganzoo.data.spec import Data, Facts, Field, Labels, Picture
from ganzoo.inputs import Input, Label, Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from ganzoo.gan import GAN

SMALLEST, LARGEST = 8, 65_536
"""Pixels of a side, at least, and numbers in the smallest maps, at most."""
Units = Annotated[int, msgspec.Meta(ge=1, le=1024)]


class VAEConfig(Config, frozen=True, kw_only=True):
    """`width`: channels of the largest maps; they double twice as the maps halve twice, so `size` is a multiple of 4.

    `conditional`: encoder and decoder are told the class. `hidden`, `bottleneck`: units of the encoder's linear layers;
    `decoder_hidden`: of the decoder's first, 0 for none. `dropout`: after the encoder's first two convolutions.
    `kl_weight`: 1 is the lower bound itself, more or less is Higgins et al. 2017's beta.
    """

    channels: Channels = 1
    size: Annotated[int, msgspec.Meta(ge=SMALLEST, le=128, multiple_of=4)] = 28
    conditional: bool = False
    classes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=1000)] = tuple(
        "0123456789"
    )
    latent: Annotated[int, msgspec.Meta(ge=1, le=512)] = 2
    width: Annotated[int, msgspec.Meta(ge=1, le=128)] = 32
    hidden: Units = 64
    bottleneck: Units = 16
    decoder_hidden: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 64
    dropout: Fraction = 0.1
    kl_weight: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 1.0
    lr: Rate = 1e-3
    beta1: Fraction = 0.9
    schedule: Literal["constant", "linear"] = "linear"
    batch: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 128
    steps: Count = 14_063
    ema: Fraction = 0.999

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
