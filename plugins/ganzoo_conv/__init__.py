"""conv: convolutional GANs listed layer by layer, as in tutorials, for small images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

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
    Slope,
    Steps,
    convert,
    plain,
)
from ganzoo.data.spec import Data, Facts, Picture
from ganzoo.errors import ConfigError
from ganzoo.inputs import Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from ganzoo.gan import GAN

WIDEST, LARGEST = 512, 65_536
"""Most channels of a convolution, and most outputs of the generator's linear layer."""
Kernel = Annotated[int, Meta(ge=1, le=7)]
Layers = Annotated[
    tuple[Annotated[str, Meta(pattern="^[1-9][0-9]{0,2}k[1-7](s2)?$")], ...],
    Meta(min_length=1, max_length=8),
]
"""Convolutions from input to output: 128k5s2 has 128 channels and a 5 x 5 kernel.

s2 doubles the side of the maps in a generator and halves it in a discriminator.
"""


class Layer(NamedTuple):
    """One convolution; `scale` is 1 or 2."""

    channels: int
    kernel: int
    scale: int


def parse_layers(texts: Layers) -> list[Layer]:
    """Parse a setting such as ("128k5s2", "64k3")."""
    parts = [text.removesuffix("s2").split("k") for text in texts]
    return [
        Layer(int(c), int(k), 2 if text.endswith("s2") else 1)
        for text, (c, k) in zip(texts, parts, strict=True)
    ]


class ConvConfig(Config, frozen=True, kw_only=True):
    """Networks listed layer by layer, without BatchNorm.

    The generator has a linear layer to `start` maps, the layers of `generator` and a convolution to
    the image; the discriminator has its convolutions and a linear layer.
    """

    channels: Channels = 1
    size: Annotated[int, Meta(ge=4, le=128, description="Side of an image in pixels.")] = 28
    latent: Annotated[int, Meta(ge=1, le=1024, description="Size of the latent vector.")] = 128
    start: Annotated[
        int, Meta(ge=1, le=512, description="Channels of the generator's first maps.")
    ] = 128
    upsampling: Annotated[
        Literal["nearest", "transposed"],
        Meta(description="How the generator doubles maps before or in a convolution."),
    ] = "nearest"
    generator: Annotated[
        Layers,
        Meta(description="Convolutions: 128k5s2 has 128 channels, 5 x 5, and doubles the side."),
    ] = ("128k5s2", "128k5s2", "128k4", "128k4")
    last_kernel: Annotated[
        Kernel, Meta(description="Kernel size of the generator's last convolution.")
    ] = 4
    discriminator: Annotated[
        Layers, Meta(description="Convolutions in the same notation; s2 halves the side.")
    ] = ("32k5", "64k5", "128k5", "256k5")
    padding: Annotated[
        Literal["same", "valid"], Meta(description="Padding of the discriminator's convolutions.")
    ] = "valid"
    slope: Slope = 0.2
    layer_dropout: Annotated[
        Fraction, Meta(description="Dropout rate after each convolution of the discriminator.")
    ] = 0.4
    dropout: Annotated[
        Fraction, Meta(description="Dropout rate before the discriminator's linear layer.")
    ] = 0.4
    label_noise: Annotated[
        float,
        Meta(ge=0, le=0.5, description="Largest random amount by which targets move inwards."),
    ] = 0.15
    split_updates: Annotated[
        bool, Meta(description="Update the discriminator on real and on fake examples in turn.")
    ] = False
    new_latent: Annotated[
        bool, Meta(description="Draw new latents for the generator's update.")
    ] = False
    steady_judge: Annotated[
        bool, Meta(description="Switch the discriminator's dropout off in generator updates.")
    ] = False
    pretraining: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Steps of the discriminator alone, real images against noise.",
        ),
    ] = 0
    lr_generator: GeneratorRate = 1e-4
    lr_discriminator: DiscriminatorRate = 1e-5
    beta1: Beta1 = 0.9
    batch: Batch = 128
    steps: Steps = 9_375
    ema: Ema = 0.999

    def __post_init__(self) -> None:
        parsed = parse_layers((*self.generator, *self.discriminator))
        if max(layer.channels for layer in parsed) > WIDEST:
            raise ValueError(f"a layer has more than {WIDEST} channels")
        if self.size % self.growth:
            raise ValueError(
                f"size {self.size} is not a multiple of {self.growth}, the factor by which the "
                "generator's layers enlarge"
            )
        if self.start * self.smallest**2 > LARGEST:
            raise ValueError(
                f"{self.start} maps of {self.smallest} x {self.smallest} to start from: "
                f"more than {LARGEST:,} numbers"
            )
        if self.sides[-1] < 1:
            sides = ", ".join(map(str, self.sides))
            raise ValueError(
                f"the discriminator's maps vanish at size {self.size}: their sides are {sides}"
            )

    @property
    def growth(self) -> int:
        """Side of the image over side of the generator's first maps."""
        return 1 << sum(layer.scale == 2 for layer in parse_layers(self.generator))

    @property
    def smallest(self) -> int:
        """Side of the generator's first maps."""
        return self.size // self.growth

    @property
    def sides(self) -> list[int]:
        """Side of the maps after each layer of the discriminator."""
        sides, side = [], self.size
        for _, kernel, scale in parse_layers(self.discriminator):
            if self.padding == "valid":
                side -= kernel - 1
            side = -(-side // scale)  # rounded up
            sides.append(side)
        return sides


def adapt(config: ConvConfig, facts: Facts) -> ConvConfig:
    """Take channels from the data, and their size if the layers allow it."""
    facts.require("images")
    values = {**plain(config), "channels": facts.channels or config.channels}
    try:
        return convert({**values, "size": facts.size or config.size}, ConvConfig, facts.name)
    except ConfigError:
        return convert(values, ConvConfig, facts.name)


def build(config: ConvConfig) -> GAN[ConvConfig]:
    """Build the networks."""
    from ganzoo_conv.model import Conv

    return Conv(config)


plugin = Plugin(
    name="conv",
    summary="Convolutional GANs listed layer by layer, without BatchNorm",
    paper="https://arxiv.org/abs/1406.2661",
    config=ConvConfig,
    tiny=ConvConfig(
        size=8,
        latent=4,
        start=4,
        generator=("4k3s2", "4k4"),
        discriminator=("4k3s2", "4k2"),
        pretraining=2,
        batch=4,
        steps=4,
    ),
    presets={
        # Fashion-MNIST from TensorFlow: no dropout in the generator's updates
        "fashion": ConvConfig(new_latent=True, steady_judge=True),
        # aeroplanes of CIFAR-10 from Keras: the discriminator is trained first
        "cifar-airplanes": ConvConfig(
            channels=3,
            size=32,
            latent=100,
            start=256,
            upsampling="transposed",
            generator=("128k3s2", "128k3s2", "128k3s2"),
            last_kernel=3,
            discriminator=("64k3", "128k3s2", "128k3s2", "256k3s2"),
            padding="same",
            layer_dropout=0.0,
            label_noise=0.0,
            split_updates=True,
            new_latent=True,
            pretraining=20,
            lr_generator=2e-4,
            lr_discriminator=2e-4,
            beta1=0.5,
            batch=64,
            steps=38_400,
        ),
    },
    data=lambda config: Data({"image": Picture(config.channels, config.size)}),
    adapt=adapt,
    inputs=lambda config: {"latent": Latent(config.latent)},
    output=lambda config: Picture(config.channels, config.size),
    build=build,
)
