"""cgan: class-conditional GAN for images of 28, 32 or 64 pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from ganzoo.config import (
    Batch,
    Beta1,
    Channels,
    Config,
    DiscriminatorRate,
    Ema,
    FeatureMaps,
    Flip,
    Fraction,
    GeneratorRate,
    LatentLaw,
    LatentSize,
    RealTarget,
    Schedule,
    Slope,
    Steps,
    Width,
    convert,
    plain,
)
from ganzoo.data.spec import Data, Facts, Labels, Picture
from ganzoo.inputs import Label, Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from ganzoo.gan import GAN

SIZES = (28, 32, 64)
Size = Literal[28, 32, 64]
ClassName = Annotated[str, Meta(max_length=200)]
Layers = Annotated[tuple[Width, ...], Meta(min_length=1, max_length=8)]


class CGANConfig(Config, frozen=True, kw_only=True):
    """The defaults are projection and an auxiliary classifier on DCGAN's networks.

    `discriminator_condition`: concatenation puts one-hot planes beside the image, and embedding a
    learned one (values beside its pixels if `network` is mlp); projection adds a linear function of
    the features for each class (Miyato and Koyama 2018).
    """

    channels: Channels = 1
    size: Annotated[Size, Meta(description="Side of an image in pixels.")] = 28
    flip: Flip = False
    classes: Annotated[
        tuple[ClassName, ...],
        Meta(
            min_length=1,
            max_length=1000,
            description="Class names in the order of the labels; taken from the data.",
        ),
    ] = tuple("0123456789")
    latent: LatentSize = 100
    latent_law: LatentLaw = "normal"
    network: Annotated[
        Literal["convolution", "mlp"],
        Meta(description="DCGAN's convolutions, or multilayer perceptrons."),
    ] = "convolution"
    width: Annotated[
        FeatureMaps, Meta(description="Channels of the largest maps if network is convolution.")
    ] = 64
    generator: Annotated[
        Layers, Meta(description="Units of the generator's hidden layers if network is mlp.")
    ] = (256, 512, 1024)
    discriminator: Annotated[
        Layers, Meta(description="Units of the discriminator's hidden layers if network is mlp.")
    ] = (512, 512, 512)
    dropout: Annotated[
        Fraction, Meta(description="Dropout rate of the discriminator if network is mlp.")
    ] = 0.4
    generator_condition: Annotated[
        Literal["concatenation", "embedding"],
        Meta(description="Class beside the latent: one-hot, or a learned embedding."),
    ] = "concatenation"
    discriminator_condition: Annotated[
        Literal["concatenation", "embedding", "projection", "none"],
        Meta(description="How the discriminator is conditioned on the class."),
    ] = "projection"
    embedding: Annotated[Width, Meta(description="Size of a learned class embedding.")] = 50
    classifier: Annotated[
        float,
        Meta(
            ge=0,
            le=1000,
            description="Weight of the auxiliary classifier (Odena et al. 2017); 0 is off.",
        ),
    ] = 1.0
    classifier_data: Annotated[
        Literal["all", "real"],
        Meta(description="Images that the classifier learns from; all as in the paper."),
    ] = "real"
    loss: Annotated[
        Literal["bce", "least-squares", "hinge"], Meta(description="Adversarial loss.")
    ] = "bce"
    real_target: RealTarget = 0.9
    discriminator_norm: Annotated[
        Literal["batch", "spectral", "none"],
        Meta(description="Norm of the discriminator's convolutions."),
    ] = "batch"
    slope: Slope = 0.2
    lr_generator: GeneratorRate = 2e-4
    lr_discriminator: DiscriminatorRate = 2e-4
    beta1: Beta1 = 0.5
    schedule: Schedule = "constant"
    batch: Batch = 64
    steps: Steps = 15_000
    ema: Ema = 0.999

    def __post_init__(self) -> None:
        if self.discriminator_condition == "none" and not self.classifier:
            raise ValueError(
                "discriminator_condition=none and classifier=0: nothing would tie an image to its "
                "class; set one of the two"
            )


def adapt(config: CGANConfig, facts: Facts) -> CGANConfig:
    """Take channels and class names from the data, and the largest size that they have."""
    facts.require("images")
    known = {
        "channels": facts.channels or config.channels,
        "size": max((s for s in SIZES if s <= (facts.size or config.size)), default=SIZES[0]),
        "classes": facts.classes or config.classes,
    }
    return convert({**plain(config), **known}, CGANConfig, f"data set {facts.name}")


def build(config: CGANConfig) -> GAN[CGANConfig]:
    """Build the networks."""
    from ganzoo_cgan.model import CGAN

    return CGAN(config)


plugin = Plugin(
    name="cgan",
    summary="Class-conditional GAN for images of 28 to 64 pixels: a class by name or number",
    paper="https://arxiv.org/abs/1411.1784",
    config=CGANConfig,
    tiny=CGANConfig(
        classes=("circle", "cross", "square"), latent=4, width=4, classifier=0.5, batch=4, steps=4
    ),
    presets={
        # perceptrons with a one-hot class, as in the paper
        "mlp": CGANConfig(
            network="mlp",
            discriminator_condition="concatenation",
            classifier=0.0,
            batch=128,
            steps=24_000,
        ),
        # one-hot planes beside the image
        "concatenation": CGANConfig(discriminator_condition="concatenation", classifier=0.0),
        # learned embeddings in both networks
        "embedding": CGANConfig(
            generator_condition="embedding", discriminator_condition="embedding", classifier=0.0
        ),
        # Miyato and Koyama 2018: projection, hinge loss, spectral normalization
        "projection": CGANConfig(
            classifier=0.0, loss="hinge", real_target=1.0, discriminator_norm="spectral"
        ),
        # Odena et al. 2017: the discriminator predicts the class
        "acgan": CGANConfig(discriminator_condition="none", classifier=1.0, classifier_data="all"),
    },
    data=lambda config: Data(
        {
            "image": Picture(config.channels, config.size, config.flip),
            "label": Labels(len(config.classes)),
        }
    ),
    adapt=adapt,
    inputs=lambda config: {
        "latent": Latent(config.latent, config.latent_law),
        "label": Label(config.classes),
    },
    output=lambda config: Picture(config.channels, config.size),
    build=build,
)
