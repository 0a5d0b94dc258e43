"""cyclegan: translation between two unpaired sets of images, for photographs of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from ganzoo.config import (
    Beta1,
    Channels,
    Config,
    Ema,
    FeatureMaps,
    Flip,
    Positive,
    Rate,
    Schedule,
    Slope,
    Steps,
    convert,
    plain,
)
from ganzoo.data.spec import Data, Facts, Picture
from ganzoo.inputs import Choice, Image
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from ganzoo.gan import GAN

DOMAINS = ("A", "B")
DIRECTIONS = ("A2B", "B2A")
SMALLEST = 32
"""Least side in pixels: a discriminator's maps then have more than one pixel to normalize."""


class CycleGANConfig(Config, frozen=True, kw_only=True):
    """The defaults are those of Zhu et al. 2017."""

    channels: Channels = 3
    size: Annotated[
        int,
        Meta(ge=SMALLEST, le=1024, description="Side of the random crops of training in pixels."),
    ] = 256
    load: Annotated[
        int,
        Meta(
            ge=SMALLEST,
            le=1024,
            description="Side to which images are resized before they are cropped.",
        ),
    ] = 288
    flip: Flip = True
    generator: Annotated[
        Literal["resnet", "resnet-4x4", "unet"],
        Meta(description="resnet: Johnson et al. 2016; resnet-4x4: no stem, three halvings."),
    ] = "resnet"
    upsampling: Annotated[
        Literal["transposed", "nearest"],
        Meta(description="How maps double; transposed convolutions may leave a grid."),
    ] = "transposed"
    blocks: Annotated[int, Meta(ge=0, le=16, description="Residual blocks of a resnet.")] = 9
    depth: Annotated[int, Meta(ge=2, le=8, description="Halvings of the unet.")] = 4
    width: FeatureMaps = 64
    discriminator_width: Annotated[
        FeatureMaps, Meta(description="Channels of the discriminators' largest maps.")
    ] = 64
    patch: Annotated[
        Literal[70, 94],
        Meta(description="Side of the patch behind one output of a discriminator, in pixels."),
    ] = 70
    norm: Annotated[
        Literal["instance", "batch"], Meta(description="Normalization of all networks.")
    ] = "instance"
    bias: Annotated[
        Literal["needed", "all", "none"],
        Meta(description="Convolutions with a bias: those without a norm, all, or none."),
    ] = "needed"
    slope: Slope = 0.2
    init: Annotated[
        Literal["normal", "pytorch"],
        Meta(description="Initial weights: N(0, 0.02), or PyTorch's own."),
    ] = "normal"
    last_padding: Annotated[
        Literal["one", "same"], Meta(description="Padding of the discriminators' last convolution.")
    ] = "one"
    cycle: Annotated[Positive, Meta(description="Weight of the cycle-consistency loss.")] = 10.0
    identity: Annotated[
        float,
        Meta(
            ge=0, le=100, description="Weight of the identity loss, relative to cycle; 0 skips it."
        ),
    ] = 0.5
    pool: Annotated[
        int,
        Meta(ge=0, le=500, description="Past translations kept for each discriminator; 0 is off."),
    ] = 50
    first: Annotated[
        Literal["generators", "discriminators"],
        Meta(description="Players that are updated first in a step."),
    ] = "generators"
    lr: Annotated[Rate, Meta(description="Learning rate of all players.")] = 2e-4
    beta1: Beta1 = 0.5
    schedule: Schedule = "linear"
    batch: Annotated[
        int, Meta(ge=1, le=4096, description="Images of either domain in a batch.")
    ] = 1
    steps: Steps = 240_000
    ema: Ema = 0.999

    def __post_init__(self) -> None:
        for name in ("size", "load"):
            if getattr(self, name) % self.multiple:
                raise ValueError(
                    f"{name}={getattr(self, name)} is not a multiple of {self.multiple}, as this "
                    "generator needs"
                )
        if self.load < self.size:
            raise ValueError(f"load={self.load} leaves no square of size={self.size} to crop")

    @property
    def halvings(self) -> int:
        """Halvings between the image and the smallest maps."""
        return {"resnet": 2, "resnet-4x4": 3, "unet": self.depth}[self.generator]

    @property
    def multiple(self) -> int:
        """Divisor of an image's sides.

        Maps of one pixel can be neither reflected nor normalized: residual blocks get 2 pixels or
        more, and the U-Net has no norm at its smallest maps.
        """
        return 1 << (self.halvings + (self.generator != "unet"))

    @property
    def halo(self) -> int:
        """Radius of the generator's receptive field in pixels, statistics of norms aside."""
        # a strided 3 x 3 convolution and a transposed one reach one pixel of the finer maps each; a
        # 4 x 4 pair reaches three together, and so do nearest neighbours with either
        finer = (1 << self.halvings) - 1  # 1 + 2 + 4 + ...: the steps of the finer maps, summed
        blocks = 2 * self.blocks << self.halvings
        both = 3 if self.upsampling == "nearest" else 2
        return {
            "resnet": 3 + both * finer + blocks + 3,
            "resnet-4x4": 3 * finer + blocks,
            "unet": both * finer,
        }[self.generator]


def adapt(config: CycleGANConfig, facts: Facts) -> CycleGANConfig:
    """Take channels from the data; bound `size` by theirs, and scale `load` with it."""
    facts.require("images")
    known = {**plain(config), "channels": facts.channels or config.channels}
    if facts.size and facts.size < config.size:
        size = max(facts.size - facts.size % config.multiple, SMALLEST)
        load = config.load * size // config.size
        known |= {"size": size, "load": max(size, load - load % config.multiple)}
    return convert(known, CycleGANConfig, f"data set {facts.name}")


def data(config: CycleGANConfig) -> Data:
    """Images of either domain, from which training crops squares."""
    image = Picture(config.channels, config.load, config.flip)
    return Data(dict.fromkeys(DOMAINS, image), unpaired=True)


def build(config: CycleGANConfig) -> GAN[CycleGANConfig]:
    """Build the networks."""
    from ganzoo_cyclegan.model import CycleGAN

    return CycleGAN(config)


plugin = Plugin(
    name="cyclegan",
    summary="Unpaired image-to-image translation both ways, for photographs of any size",
    paper="https://arxiv.org/abs/1703.10593",
    config=CycleGANConfig,
    tiny=CycleGANConfig(
        size=32, load=40, blocks=1, width=4, discriminator_width=4, pool=3, batch=2, steps=4
    ),
    presets={
        # section 7.1, for 256 pixels; the paper has 6 blocks for 128
        "paper": CycleGANConfig(),
        # one or two hours on two cores
        "small": CycleGANConfig(size=64, load=72, blocks=6, width=32, batch=2, steps=12_000),
        # Monet and photographs: U-Nets, and patches of 94 pixels (the source says 70)
        "s05": CycleGANConfig(
            generator="unet",
            patch=94,
            bias="all",
            last_padding="same",
            pool=0,
            load=256,
            flip=False,
            first="discriminators",
            schedule="constant",
            steps=20 * 300,
        ),
        # Yosemite in summer and winter: BatchNorm, ReLU, no biases, no identity loss
        "s22": CycleGANConfig(
            generator="resnet-4x4",
            blocks=6,
            patch=94,
            norm="batch",
            bias="none",
            slope=0.0,
            init="pytorch",
            identity=0.0,
            pool=0,
            size=128,
            load=128,
            flip=False,
            first="discriminators",
            schedule="constant",
            batch=16,
            steps=5_000,
            ema=0.0,
        ),
    },
    data=data,
    adapt=adapt,
    inputs=lambda config: {
        "image": Image(config.channels, multiple=config.multiple, halo=config.halo),
        "direction": Choice(DIRECTIONS),
    },
    output=lambda config: Picture(config.channels),
    build=build,
)
