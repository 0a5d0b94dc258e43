"""cyclegan: translation between two sets of pictures that are not paired, both ways, of photographs of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from ganzoo.config import Channels, Config, Count, Fraction, Positive, Rate, convert, plain
from ganzoo.data.spec import Data, Facts, Picture
from ganzoo.inputs import Choice, Image
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from ganzoo.gan import GAN

DOMAINS = ("A", "B")
DIRECTIONS = ("A2B", "B2A")
SMALLEST = 32
"""Pixels of a side that leave the discriminators maps of more than one pixel, which can be normalized."""
FeatureMaps = Annotated[int, msgspec.Meta(ge=4, le=256)]


class CycleGANConfig(Config, frozen=True, kw_only=True):
    """`generator`: resnet (Johnson et al. 2016: a 7 x 7 stem, two halvings), resnet-4x4 (three halvings by 4 x 4
    convolutions, no stem) or unet. `blocks`: residual ones; `depth`: halvings of the U-Net. `upsampling`: how maps double:
    transposed, the paper's, by transposed convolutions, which leave a grid of a few pixels in plain places; nearest, by
    nearest neighbours and a 3 x 3 convolution, which leave none. `width`, `discriminator_width`: channels of the largest maps;
    they double as the maps halve, up to 8 times. `init`: weights start at N(0, 0.02), the paper's, or as PyTorch has them.

    `size`: pixels of a side that networks see in training, cut out by chance of pictures that are fitted to `load` pixels.
    `patch`: pixels of a side that one judgement depends on. `bias`: needed, where no norm follows. `slope`: of the
    discriminators' leaky ReLU. `last_padding`: of their last convolution; same keeps the side of the map.
    `cycle`: weight of the way there and back; `identity`: of pictures that are in the domain already, as a share of `cycle`;
    0 leaves those passes out. `pool`: past translations that each discriminator is shown. The defaults are the paper's.
    """

    channels: Channels = 3
    size: Annotated[int, msgspec.Meta(ge=SMALLEST, le=1024)] = 256
    load: Annotated[int, msgspec.Meta(ge=SMALLEST, le=1024)] = 288
    flip: bool = True
    generator: Literal["resnet", "resnet-4x4", "unet"] = "resnet"
    upsampling: Literal["transposed", "nearest"] = "transposed"
    blocks: Annotated[int, msgspec.Meta(ge=0, le=16)] = 9
    depth: Annotated[int, msgspec.Meta(ge=2, le=8)] = 4
    width: FeatureMaps = 64
    discriminator_width: FeatureMaps = 64
    patch: Literal[70, 94] = 70
    norm: Literal["instance", "batch"] = "instance"
    bias: Literal["needed", "all", "none"] = "needed"
    slope: Fraction = 0.2
    init: Literal["normal", "pytorch"] = "normal"
    last_padding: Literal["one", "same"] = "one"
    cycle: Positive = 10.0
    identity: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.5
    pool: Annotated[int, msgspec.Meta(ge=0, le=500)] = 50
    first: Literal["generators", "discriminators"] = "generators"
    lr: Rate = 2e-4
    beta1: Fraction = 0.5
    schedule: Literal["constant", "linear"] = "linear"
    batch: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 1
    steps: Count = 240_000
    ema: Fraction = 0.999

    def __post_init__(self) -> None:
        for name in ("size", "load"):
            if getattr(self, name) % self.multiple:
                raise ValueError(
                    f"{name}={getattr(self, name)} is not a multiple of {self.multiple}, as this generator needs"
                )
        if self.load < self.size:
            raise ValueError(f"load={self.load} leaves no square of size={self.size} to cut out")

    @property
    def halvings(self) -> int:
        """Of the maps' sides, from the picture to the smallest maps."""
        return {"resnet": 2, "resnet-4x4": 3, "unet": self.depth}[self.generator]

    @property
    def multiple(self) -> int:
        """What sides have to be multiples of. Maps of one pixel can neither be reflected nor normalized: so no residual block
        is ever reached by one, and the U-Net has no norm at its smallest."""
        return 1 << (self.halvings + (self.generator != "unet"))

    @property
    def halo(self) -> int:
        """Radius of the generator's receptive field in pixels, but for the norms, whose statistics are of the whole map."""
        # a 3 x 3 convolution that halves reaches one place of its finer maps, and so does one that doubles; 4 x 4: three
        # together. Nearest neighbours and a 3 x 3 convolution reach two, and three together with either
        finer = (
            1 << self.halvings
        ) - 1  # 1 + 2 + 4 ...: pixels between neighbours of the finer maps, summed
        blocks = 2 * self.blocks << self.halvings
        both = 3 if self.upsampling == "nearest" else 2
        return {
            "resnet": 3 + both * finer + blocks + 3,
            "resnet-4x4": 3 * finer + blocks,
            "unet": both * finer,
        }[self.generator]


def adapt(config: CycleGANConfig, facts: Facts) -> CycleGANConfig:
    """Channels as the data have them; `size` no larger than the data's pictures, and `load` in proportion."""
    facts.require("images")
    known = {**plain(config), "channels": facts.channels or config.channels}
    if facts.size and facts.size < config.size:
        size = max(facts.size - facts.size % config.multiple, SMALLEST)
        load = config.load * size // config.size
        known |= {"size": size, "load": max(size, load - load % config.multiple)}
    return convert(known, CycleGANConfig, f"data set {facts.name}")


def data(config: CycleGANConfig) -> Data:
    """Pictures of either domain, of which training cuts a square."""
    picture = Picture(config.channels, config.load, config.flip)
    return Data(dict.fromkeys(DOMAINS, picture), unpaired=True)


def build(config: CycleGANConfig) -> GAN[CycleGANConfig]:
    """The networks."""
    from ganzoo_cyclegan.model import CycleGAN

    return CycleGAN(config)


plugin = Plugin(
    name="cyclegan",
    summary="Unpaired picture-to-picture translation both ways, for photographs of any size",
    paper="https://arxiv.org/abs/1703.10593",
    config=CycleGANConfig,
    tiny=CycleGANConfig(size=32, load=40, blocks=1, width=4, discriminator_width=4, pool=3, batch=2, steps=4),
    presets={
        # section 7.1, for 256 pixels; 6 blocks are the paper's for 128
        "paper": CycleGANConfig(),
        # what two cores train in an hour or two
        "small": CycleGANConfig(size=64, load=72, blocks=6, width=32, batch=2, steps=12_000),
        # Monet and photographs: U-Nets, and patches of 94 pixels that the source calls 70
        "s05": CycleGANConfig(
            generator="unet", patch=94, bias="all", last_padding="same", pool=0, load=256, flip=False, first="discriminators",
            schedule="constant", steps=20 * 300,
        ),
        # Yosemite in summer and winter: BatchNorm, ReLU, no bias anywhere, no identity term
        "s22": CycleGANConfig(
            generator="resnet-4x4", blocks=6, patch=94, norm="batch", bias="none", slope=0.0, init="pytorch", identity=0.0,
            pool=0, size=128, load=128, flip=False, first="discriminators", schedule="constant", batch=16, steps=5_000, ema=0.0,
        ),
    },
    data=data,
    adapt=adapt,
    inputs=lambda config: {
        "image": Image(config.channels, multiple=config.multiple, halo=config.halo), "direction": Choice(DIRECTIONS),
    },
    output=lambda config: Picture(config.channels),
    build=build,
)  # fmt: skip
