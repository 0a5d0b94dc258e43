"""vanilla: the first GAN, two multilayer perceptrons, for small images, points and curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from ganzoo.config import Channels, Config, Count, Fraction, Pixels, Rate, Width, convert, plain
from ganzoo.data.spec import Curve, Data, Facts, Output, Picture, Points
from ganzoo.inputs import Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.gan import GAN
    from ganzoo.legacy import Layout, Shapes

Layers = Annotated[tuple[Width, ...], msgspec.Meta(min_length=1, max_length=8)]


class VanillaConfig(Config, frozen=True, kw_only=True):
    """Widths of the hidden layers, from input to output, and how they learn. What is made: `kind`, then `channels` and
    `size` of images, `dims` of points, or `dims` values of a curve from `low` to `high`.

    `batch_norm`: in the generator, after the activation; `batch_norm_momentum` is the share of the newest batch, 1 less what
    Keras calls so. `split_updates`: the discriminator moves twice a step, on real and then on generated examples.
    `new_latent`: the generator is judged by examples that the discriminator has not just seen. `inference_fakes`: those that the
    discriminator learns from are made with the generator's running statistics, as by Keras' `predict`.
    `latent_scale`: the generator multiplies its latent by this; a uniform one is then in [-scale, scale]. `latent_bank`:
    training draws its latents from so many fixed ones; 0: each is new.
    """

    kind: Literal["images", "points", "curves"] = "images"
    channels: Channels = 1
    size: Pixels = 28
    dims: Width = 2
    low: Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)] = -1.0
    high: Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)] = 1.0
    latent: Width = 100
    latent_law: Literal["normal", "uniform"] = "normal"
    latent_scale: Annotated[float, msgspec.Meta(gt=0, le=100)] = 1.0
    latent_bank: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    generator: Layers = (256, 512, 1024)
    discriminator: Layers = (1024, 512, 256)
    activation: Literal["relu", "leaky"] = "leaky"
    discriminator_activation: Literal["same", "relu", "leaky"] = "same"
    slope: Fraction = 0.2
    batch_norm: bool = False
    batch_norm_momentum: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.2
    batch_norm_epsilon: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1e-5
    generator_dropout: Fraction = 0.0
    dropout: Fraction = 0.3
    real_target: Annotated[float, msgspec.Meta(gt=0.5, le=1)] = 1.0
    split_updates: bool = False
    generator_steps: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    new_latent: bool = False
    inference_fakes: bool = False
    optimizer: Literal["adam", "sgd"] = "adam"
    lr_generator: Rate = 2e-4
    lr_discriminator: Rate = 2e-4
    beta1: Fraction = 0.5
    batch: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 64
    steps: Count = 60_000
    ema: Fraction = 0.999

    def __post_init__(self) -> None:
        if self.inference_fakes and not (self.batch_norm and self.new_latent):
            raise ValueError(
                "inference_fakes is about BatchNorm's statistics, and no gradient flows through such fakes: "
                "set batch_norm and new_latent too"
            )

    @property
    def values(self) -> int:
        """Numbers in one example."""
        return self.channels * self.size**2 if self.kind == "images" else self.dims


def adapt(config: VanillaConfig, facts: Facts) -> VanillaConfig:
    """Kind and shape as the data have them."""
    shape: dict[str, Any] = {"kind": facts.kind}
    if facts.kind == "images":
        shape |= {"channels": facts.channels or config.channels, "size": facts.size or config.size}
    else:
        shape |= {"dims": facts.dims or config.dims, "low": facts.low, "high": facts.high}
    return convert({**plain(config), **shape}, VanillaConfig, f"data set {facts.name}")


def output(config: VanillaConfig) -> Output:
    """What a batch holds, and what `sample` gives: the same kind of thing."""
    if config.kind == "images":
        return Picture(config.channels, config.size)
    return (
        Points(config.dims)
        if config.kind == "points"
        else Curve(config.dims, config.low, config.high)
    )


def build(config: VanillaConfig) -> GAN[VanillaConfig]:
    """The networks."""
    from ganzoo_vanilla.model import Vanilla

    return Vanilla(config)


def legacy(networks: Mapping[str, Shapes]) -> Layout | None:
    """Networks of an old checkpoint as these."""
    from ganzoo_vanilla.legacy import read

    return read(networks)


plugin = Plugin(
    name="vanilla",
    summary="The first GAN: two multilayer perceptrons, for small images, points and curves",
    paper="https://arxiv.org/abs/1406.2661",
    config=VanillaConfig,
    tiny=VanillaConfig(size=8, latent=4, generator=(16,), discriminator=(16,), batch=4, steps=4),
    presets={
        # a sine curve in the plane: 2-16-32-2 against 2-256-128-64-1, as in common tutorials
        "sine": VanillaConfig(
            kind="points", latent=2, generator=(16, 32), discriminator=(256, 128, 64), activation="relu",
            new_latent=True, lr_generator=1e-3, lr_discriminator=1e-3, beta1=0.9, batch=32, steps=9_600,
        ),
        # sinusoids of 64 values: a small generator of curves
        "sinusoids": VanillaConfig(
            kind="curves", dims=64, low=-5, high=5, latent=64, latent_law="uniform", latent_scale=5, latent_bank=32_768,
            generator=(64, 512), discriminator=(64, 64), dropout=0.4,
            discriminator_activation="relu", lr_generator=1e-3, lr_discriminator=1e-3, beta1=0.9, batch=128, steps=16_384,
        ),
        # MNIST as the tutorials have it: ReLU, slow and steady
        "mnist": VanillaConfig(
            activation="relu", new_latent=True, lr_generator=1e-4, lr_discriminator=1e-4, beta1=0.9, batch=32, steps=93_750
        ),
        # MNIST in Keras: BatchNorm after the activation, two updates of the discriminator a step
        "mnist-keras": VanillaConfig(
            discriminator=(512, 256), dropout=0.0, batch_norm=True, batch_norm_epsilon=1e-3, split_updates=True,
            new_latent=True, inference_fakes=True, steps=10_000,
        ),
        # the same with two steps of the generator for each of the discriminator
        "mnist-two-steps": VanillaConfig(
            discriminator=(512, 256), dropout=0.0, batch_norm=True, batch_norm_momentum=0.3, batch_norm_epsilon=1e-3,
            split_updates=True, generator_steps=2, new_latent=True, inference_fakes=True, batch=32, steps=12_000,
        ),
        # small networks with dropout on both sides, one-sided label smoothing
        "mnist-dropout": VanillaConfig(
            latent_law="uniform", generator=(32, 64, 128), discriminator=(128, 64, 32), generator_dropout=0.3,
            real_target=0.9, new_latent=True, lr_generator=2e-3, lr_discriminator=2e-3, beta1=0.9, steps=93_750,
        ),
        # one hidden layer each; the discriminator learns ten times as fast
        "mnist-minimal": VanillaConfig(
            generator=(128,), discriminator=(128,), slope=0.01, dropout=0.0, real_target=0.9, split_updates=True,
            lr_generator=1e-4, lr_discriminator=1e-3, beta1=0.9, steps=93_750,
        ),
        # plain stochastic gradient descent at Keras' default rate
        "mnist-sgd": VanillaConfig(
            discriminator=(512, 256), dropout=0.0, batch_norm=True, batch_norm_epsilon=1e-3, split_updates=True,
            new_latent=True, inference_fakes=True, optimizer="sgd", lr_generator=0.01, lr_discriminator=0.01, batch=32,
            steps=10_000,
        ),
    },
    data=lambda config: Data({"real": output(config)}),
    adapt=adapt,
    inputs=lambda config: {"latent": Latent(config.latent, config.latent_law)},
    output=output,
    build=build,
    legacy=legacy,
)  # fmt: skip
