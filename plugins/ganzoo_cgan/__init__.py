"""cgan: class-conditional GAN for images of 28, 32 or 64 pixels; the class is asked for by name or number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from ganzoo.config import Channels, Config, Count, Fraction, Rate, Width, convert, plain
from ganzoo.data.spec import Data, Facts, Labels, Picture
from ganzoo.inputs import Label, Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from ganzoo.gan import GAN

SIZES = (28, 32, 64)
Size = Literal[28, 32, 64]
ClassName = Annotated[str, msgspec.Meta(max_length=200)]
Layers = Annotated[tuple[Width, ...], msgspec.Meta(min_length=1, max_length=8)]


class CGANConfig(Config, frozen=True, kw_only=True):
    """`classes`: their names in label order, taken from the data. `network`: convolution, the networks of DCGAN with `width`
    channels in the largest maps, or mlp, perceptrons with the hidden layers `generator` and `discriminator`, the latter with
    `dropout`.

    How the class comes in. `generator_condition`: beside the latent, as a one-hot vector (concatenation) or as `embedding`
    learned numbers. `discriminator_condition`: concatenation, one-hot, as planes beside the image's channels or values beside
    its pixels; embedding, the same with one learned plane or `embedding` learned values; projection, a linear function of the
    last features for each class (Miyato and Koyama 2018); none. `classifier`: weight of the auxiliary classifier's loss
    (Odena et al. 2017), 0: no such classifier; it learns from all images, as in that paper, or from real ones alone.

    `real_target` below 1 is one-sided label smoothing. `discriminator_norm`, of the convolutions: batch, spectral, none.
    """

    channels: Channels = 1
    size: Size = 28
    flip: bool = False
    classes: Annotated[tuple[ClassName, ...], msgspec.Meta(min_length=1, max_length=1000)] = tuple(
        "0123456789"
    )
    latent: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 100
    latent_law: Literal["normal", "uniform"] = "normal"
    network: Literal["convolution", "mlp"] = "convolution"
    width: Annotated[int, msgspec.Meta(ge=4, le=256)] = 64
    generator: Layers = (256, 512, 1024)
    discriminator: Layers = (512, 512, 512)
    dropout: Fraction = 0.4
    generator_condition: Literal["concatenation", "embedding"] = "concatenation"
    discriminator_condition: Literal["concatenation", "embedding", "projection", "none"] = (
        "projection"
    )
    embedding: Width = 50
    classifier: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 1.0
    classifier_data: Literal["all", "real"] = "real"
    loss: Literal["bce", "least-squares", "hinge"] = "bce"
    real_target: Annotated[float, msgspec.Meta(gt=0.5, le=1)] = 0.9
    discriminator_norm: Literal["batch", "spectral", "none"] = "batch"
    slope: Fraction = 0.2
    lr_generator: Rate = 2e-4
    lr_discriminator: Rate = 2e-4
    beta1: Fraction = 0.5
    schedule: Literal["constant", "linear"] = "constant"
    batch: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 64
    steps: Count = 15_000
    ema: Fraction = 0.999

    def __post_init__(self) -> None:
        if self.discriminator_condition == "none" and not self.classifier:
            raise ValueError(
                "discriminator_condition=none and classifier=0: nothing would tie an image to its class; set one of the two"
            )


def adapt(config: CGANConfig, facts: Facts) -> CGANConfig:
    """Channels and class names as the data have them; their size where it is one of ours, else the next smaller one."""
    facts.require("images")
    known = {
        "channels": facts.channels or config.channels,
        "size": max((s for s in SIZES if s <= (facts.size or config.size)), default=SIZES[0]),
        "classes": facts.classes or config.classes,
    }
    return convert({**plain(config), **known}, CGANConfig, f"data set {facts.name}")


def build(config: CGANConfig) -> GAN[CGANConfig]:
    """The networks."""
    from ganzoo_cgan.model import CGAN

    return CGAN(config)


plugin = Plugin(
    name="cgan",
    summary="Class-conditional GAN for images of 28 to 64 pixels: a class by name or number",
    paper="https://arxiv.org/abs/1411.1784",
    config=CGANConfig,
    tiny=CGANConfig(classes=("circle", "cross", "square"), latent=4, width=4, classifier=0.5, batch=4, steps=4),
    presets={
        # two perceptrons that see the class as a one-hot vector, as in the paper
        "mlp": CGANConfig(network="mlp", discriminator_condition="concatenation", classifier=0.0, batch=128, steps=24_000),
        # label planes beside the image
        "concatenation": CGANConfig(discriminator_condition="concatenation", classifier=0.0),
        # learned embeddings on both sides
        "embedding": CGANConfig(generator_condition="embedding", discriminator_condition="embedding", classifier=0.0),
        # Miyato and Koyama 2018: projection, hinge loss, spectral normalization
        "projection": CGANConfig(classifier=0.0, loss="hinge", real_target=1.0, discriminator_norm="spectral"),
        # Odena et al. 2017: the discriminator names the class instead of being told it
        "acgan": CGANConfig(discriminator_condition="none", classifier=1.0, classifier_data="all"),
    },
    data=lambda config: Data(
        {"image": Picture(config.channels, config.size, config.flip), "label": Labels(len(config.classes))}
    ),
    adapt=adapt,
    inputs=lambda config: {"latent": Latent(config.latent, config.latent_law), "label": Label(config.classes)},
    output=lambda config: Picture(config.channels, config.size),
    build=build,
)  # fmt: skip
