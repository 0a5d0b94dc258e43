"""vanilla: the first GAN, for small images, points and curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

from ganzoo.config import (
    Batch,
    Beta1,
    Channels,
    Config,
    DiscriminatorRate,
    Ema,
    Fraction,
    GeneratorRate,
    LatentLaw,
    Pixels,
    RealTarget,
    Slope,
    Steps,
    Width,
    convert,
    plain,
)
from ganzoo.data.spec import Curve, Data, Facts, Output, Picture, Points
from ganzoo.inputs import Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.gan import GAN
    from ganzoo.legacy import Layout, Shapes

Layers = Annotated[tuple[Width, ...], Meta(min_length=1, max_length=8)]


class VanillaConfig(Config, frozen=True, kw_only=True):
    """Two multilayer perceptrons. `adapt` takes `kind` and shape from the data."""

    kind: Annotated[
        Literal["images", "points", "curves"], Meta(description="Kind of examples.")
    ] = "images"
    channels: Channels = 1
    size: Annotated[Pixels, Meta(description="Side of an image in pixels.")] = 28
    dims: Annotated[Width, Meta(description="Coordinates of a point, or values of a curve.")] = 2
    low: Annotated[
        float, Meta(ge=-1e6, le=1e6, description="Lower end of the domain of a curve.")
    ] = -1.0
    high: Annotated[
        float, Meta(ge=-1e6, le=1e6, description="Upper end of the domain of a curve.")
    ] = 1.0
    latent: Annotated[Width, Meta(description="Size of the latent vector.")] = 100
    latent_law: LatentLaw = "normal"
    latent_scale: Annotated[
        float,
        Meta(gt=0, le=100, description="Factor by which the generator multiplies its latent."),
    ] = 1.0
    latent_bank: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description="Number of fixed latents to draw from in training; 0 draws new ones.",
        ),
    ] = 0
    generator: Annotated[
        Layers, Meta(description="Units of the generator's hidden layers, from input to output.")
    ] = (256, 512, 1024)
    discriminator: Annotated[
        Layers,
        Meta(description="Units of the discriminator's hidden layers, from input to output."),
    ] = (1024, 512, 256)
    activation: Annotated[
        Literal["relu", "leaky"], Meta(description="Activation of the hidden layers.")
    ] = "leaky"
    discriminator_activation: Annotated[
        Literal["same", "relu", "leaky"],
        Meta(description="Activation of the discriminator; same: as in the generator."),
    ] = "same"
    slope: Slope = 0.2
    batch_norm: Annotated[
        bool, Meta(description="Put BatchNorm after the generator's activations.")
    ] = False
    batch_norm_momentum: Annotated[
        float,
        Meta(
            gt=0,
            le=1,
            description="Weight of the newest batch in running statistics (1 - Keras' momentum).",
        ),
    ] = 0.2
    batch_norm_epsilon: Annotated[
        float, Meta(gt=0, le=1, description="Epsilon of BatchNorm, added to the variance.")
    ] = 1e-5
    generator_dropout: Annotated[
        Fraction, Meta(description="Dropout rate after the generator's hidden layers.")
    ] = 0.0
    dropout: Annotated[
        Fraction, Meta(description="Dropout rate after the discriminator's hidden layers.")
    ] = 0.3
    real_target: Annotated[
        RealTarget,
        Meta(description="Target for real examples; below 1 is one-sided label smoothing."),
    ] = 1.0
    split_updates: Annotated[
        bool, Meta(description="Update the discriminator on real and on fake examples in turn.")
    ] = False
    generator_steps: Annotated[
        int, Meta(ge=1, le=100, description="Generator updates for each step of the discriminator.")
    ] = 1
    new_latent: Annotated[
        bool, Meta(description="Draw new latents for the generator's update.")
    ] = False
    inference_fakes: Annotated[
        bool, Meta(description="Make the discriminator's fakes with running BatchNorm statistics.")
    ] = False
    optimizer: Annotated[
        Literal["adam", "sgd"], Meta(description="Optimizer of generator and discriminator.")
    ] = "adam"
    lr_generator: GeneratorRate = 2e-4
    lr_discriminator: DiscriminatorRate = 2e-4
    beta1: Beta1 = 0.5
    batch: Batch = 64
    steps: Steps = 60_000
    ema: Ema = 0.999

    def __post_init__(self) -> None:
        if self.inference_fakes and not (self.batch_norm and self.new_latent):
            raise ValueError(
                "inference_fakes uses BatchNorm's running statistics, without gradients: "
                "set batch_norm and new_latent too"
            )


def adapt(config: VanillaConfig, facts: Facts) -> VanillaConfig:
    """Take kind and shape from the data."""
    shape: dict[str, Any] = {"kind": facts.kind}
    if facts.kind == "images":
        shape |= {"channels": facts.channels or config.channels, "size": facts.size or config.size}
    else:
        shape |= {"dims": facts.dims or config.dims, "low": facts.low, "high": facts.high}
    return convert({**plain(config), **shape}, VanillaConfig, f"data set {facts.name}")


def output(config: VanillaConfig) -> Output:
    """Field of a batch and output of `sample`: both have the same type."""
    if config.kind == "images":
        return Picture(config.channels, config.size)
    if config.kind == "points":
        return Points(config.dims)
    return Curve(config.dims, config.low, config.high)


def build(config: VanillaConfig) -> GAN[VanillaConfig]:
    """Build the networks."""
    from ganzoo_vanilla.model import Vanilla

    return Vanilla(config)


def legacy(networks: Mapping[str, Shapes]) -> Layout | None:
    """Recognise the networks of an old checkpoint."""
    from ganzoo_vanilla.legacy import read_layout

    return read_layout(networks)


plugin = Plugin(
    name="vanilla",
    summary="The first GAN: two multilayer perceptrons, for small images, points and curves",
    paper="https://arxiv.org/abs/1406.2661",
    config=VanillaConfig,
    tiny=VanillaConfig(size=8, latent=4, generator=(16,), discriminator=(16,), batch=4, steps=4),
    presets={
        # points of a sine curve: 2-16-32-2 against 2-256-128-64-1
        "sine": VanillaConfig(
            kind="points",
            latent=2,
            generator=(16, 32),
            discriminator=(256, 128, 64),
            activation="relu",
            new_latent=True,
            lr_generator=1e-3,
            lr_discriminator=1e-3,
            beta1=0.9,
            batch=32,
            steps=9_600,
        ),
        # curves of 64 values
        "sinusoids": VanillaConfig(
            kind="curves",
            dims=64,
            low=-5,
            high=5,
            latent=64,
            latent_law="uniform",
            latent_scale=5,
            latent_bank=32_768,
            generator=(64, 512),
            discriminator=(64, 64),
            dropout=0.4,
            discriminator_activation="relu",
            lr_generator=1e-3,
            lr_discriminator=1e-3,
            beta1=0.9,
            batch=128,
            steps=16_384,
        ),
        # MNIST with ReLU and low learning rates
        "mnist": VanillaConfig(
            activation="relu",
            new_latent=True,
            lr_generator=1e-4,
            lr_discriminator=1e-4,
            beta1=0.9,
            batch=32,
            steps=93_750,
        ),
        # MNIST in Keras: BatchNorm after the activation, two discriminator updates a step
        "mnist-keras": VanillaConfig(
            discriminator=(512, 256),
            dropout=0.0,
            batch_norm=True,
            batch_norm_epsilon=1e-3,
            split_updates=True,
            new_latent=True,
            inference_fakes=True,
            steps=10_000,
        ),
        # the same with two generator steps for each discriminator step
        "mnist-two-steps": VanillaConfig(
            discriminator=(512, 256),
            dropout=0.0,
            batch_norm=True,
            batch_norm_momentum=0.3,
            batch_norm_epsilon=1e-3,
            split_updates=True,
            generator_steps=2,
            new_latent=True,
            inference_fakes=True,
            batch=32,
            steps=12_000,
        ),
        # small networks, dropout in both, one-sided label smoothing
        "mnist-dropout": VanillaConfig(
            latent_law="uniform",
            generator=(32, 64, 128),
            discriminator=(128, 64, 32),
            generator_dropout=0.3,
            real_target=0.9,
            new_latent=True,
            lr_generator=2e-3,
            lr_discriminator=2e-3,
            beta1=0.9,
            steps=93_750,
        ),
        # one hidden layer each, ten times the learning rate for the discriminator
        "mnist-minimal": VanillaConfig(
            generator=(128,),
            discriminator=(128,),
            slope=0.01,
            dropout=0.0,
            real_target=0.9,
            split_updates=True,
            lr_generator=1e-4,
            lr_discriminator=1e-3,
            beta1=0.9,
            steps=93_750,
        ),
        # SGD at the default learning rate of Keras
        "mnist-sgd": VanillaConfig(
            discriminator=(512, 256),
            dropout=0.0,
            batch_norm=True,
            batch_norm_epsilon=1e-3,
            split_updates=True,
            new_latent=True,
            inference_fakes=True,
            optimizer="sgd",
            lr_generator=0.01,
            lr_discriminator=0.01,
            batch=32,
            steps=10_000,
        ),
    },
    data=lambda config: Data({"real": output(config)}),
    adapt=adapt,
    inputs=lambda config: {"latent": Latent(config.latent, config.latent_law)},
    output=output,
    build=build,
    legacy=legacy,
)
