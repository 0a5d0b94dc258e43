"""siamese: photographs in the style of a set of images, tile by tile and without seams.

A siamese network keeps the content (TraVeL: Amodio and Krishnaswamy 2019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from ganzoo.config import (
    Beta1,
    Channels,
    Config,
    DiscriminatorRate,
    Ema,
    FeatureMaps,
    Flip,
    Positive,
    Rate,
    Schedule,
    Steps,
    convert,
    plain,
)
from ganzoo.data.spec import Data, Facts, Picture
from ganzoo.inputs import Choice, Image
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from ganzoo.gan import GAN

TILES = (16, 32, 64)
MULTIPLE = 8
"""Divisor of an image's sides: two halvings leave maps of 2 pixels or more to reflect."""
TONE = 8
"""Side in pixels of the squares whose mean colour `tone` keeps."""


class SiameseConfig(Config, frozen=True, kw_only=True):
    """The generator sees tiles, the siamese network squares of 2 x 2 tiles.

    `norm`: channel normalizes over the channels of each place, instance over each map (in training,
    of the four tiles of a square together). `adversary` tells translations from the style: the
    siamese network itself, or a discriminator of patches. `margin` is the least distance of
    translations from the origin or, if there is a discriminator, between originals.
    """

    channels: Channels = 3
    direction: Annotated[
        Literal["A2B", "B2A"],
        Meta(description="Domain that is translated, and domain that gives the style."),
    ] = "A2B"
    tile: Annotated[
        Literal[16, 32, 64],
        Meta(description="Side of a tile in pixels; training joins 2 x 2 of them."),
    ] = 64
    load: Annotated[
        int,
        Meta(
            ge=32,
            le=1024,
            multiple_of=MULTIPLE,
            description="Side to which images are resized before they are cropped.",
        ),
    ] = 256
    flip: Flip = True
    norm: Annotated[
        Literal["channel", "instance"],
        Meta(description="Generator's norm, over the channels of a place or over each map."),
    ] = "channel"
    blocks: Annotated[int, Meta(ge=0, le=16, description="Residual blocks of the generator.")] = 6
    width: FeatureMaps = 64
    siamese_width: Annotated[
        FeatureMaps, Meta(description="Channels of the siamese network's largest maps.")
    ] = 64
    discriminator_width: Annotated[
        FeatureMaps, Meta(description="Channels of the discriminator's largest maps.")
    ] = 64
    discriminator_norm: Annotated[
        Literal["layer", "instance", "spectral"], Meta(description="Norm of the discriminator.")
    ] = "layer"
    adversary: Annotated[
        Literal["siamese", "patch"],
        Meta(description="Network that tells translations from the style."),
    ] = "siamese"
    pool: Annotated[
        int,
        Meta(
            ge=0, le=500, description="Past translations shown to a patch discriminator; 0 is off."
        ),
    ] = 0
    vector: Annotated[
        int, Meta(ge=2, le=4096, description="Size of the siamese network's vectors.")
    ] = 128
    margin: Annotated[
        Positive, Meta(description="Least distance from the origin, or between originals.")
    ] = 2.0
    travel: Annotated[
        float, Meta(ge=0, le=1000, description="Weight of the loss on directions between vectors.")
    ] = 1.0
    identity: Annotated[
        float,
        Meta(ge=0, le=1000, description="Weight of the loss on changes of images of the style."),
    ] = 0.0
    tone: Annotated[
        float,
        Meta(
            ge=0,
            le=1000,
            description="Weight of the loss on changes of mean colour, by 8 x 8 pixels.",
        ),
    ] = 0.0
    lr: Annotated[
        Rate, Meta(description="Learning rate of the generator and the siamese network.")
    ] = 2e-4
    lr_discriminator: DiscriminatorRate = 2e-4
    beta1: Beta1 = 0.5
    schedule: Schedule = "linear"
    batch: Annotated[
        int, Meta(ge=2, le=4096, description="Images of either domain in a batch.")
    ] = 16
    steps: Steps = 40_000
    ema: Ema = 0.999

    def __post_init__(self) -> None:
        if self.pool and self.adversary != "patch":
            raise ValueError(
                f"pool={self.pool} is shown to a discriminator of patches, and "
                f"adversary={self.adversary} has none"
            )
        if self.load < 2 * self.tile:
            raise ValueError(
                f"load={self.load} leaves no square of 2 x 2 tiles of {self.tile} pixels to crop"
            )

    @property
    def domains(self) -> tuple[str, str]:
        """The domain that is translated, and the domain of the style."""
        before, after = self.direction.split("2")
        return before, after

    @property
    def halo(self) -> int:
        """Radius of the generator's receptive field in pixels, statistics of norms aside."""
        return 15 + 8 * self.blocks


def adapt(config: SiameseConfig, facts: Facts) -> SiameseConfig:
    """Take channels from the data; bound `load` by their size and `tile` by half of that."""
    facts.require("images")
    known = {**plain(config), "channels": facts.channels or config.channels}
    if facts.size and facts.size < config.load:
        load = max(32, facts.size - facts.size % MULTIPLE)
        tile = max(side for side in TILES if side <= min(config.tile, load // 2))
        known |= {"load": load, "tile": tile}
    return convert(known, SiameseConfig, f"data set {facts.name}")


def data(config: SiameseConfig) -> Data:
    """Images of both domains. Sample sheets translate the first domain."""
    image = Picture(config.channels, config.load, config.flip)
    return Data(dict.fromkeys(config.domains, image), unpaired=True)


def build(config: SiameseConfig) -> GAN[SiameseConfig]:
    """Build the networks."""
    from ganzoo_siamese.model import Siamese

    return Siamese(config)


plugin = Plugin(
    name="siamese",
    summary="Photographs of any size in the style of a set of images, content kept by a siamese "
    "network",
    paper="https://arxiv.org/abs/1902.09631",
    config=SiameseConfig,
    tiny=SiameseConfig(
        tile=16, load=40, blocks=1, width=4, siamese_width=4, vector=4, batch=4, steps=4
    ),
    presets={
        # tiles of 64 pixels, as in the source: the defaults
        "s21": SiameseConfig(),
        # two hours on two cores, with a discriminator
        "small": SiameseConfig(
            tile=32,
            load=128,
            norm="instance",
            blocks=2,
            width=32,
            siamese_width=32,
            discriminator_norm="instance",
            adversary="patch",
            pool=256,
            margin=10,
            identity=1,
            steps=7_000,
        ),
    },
    data=data,
    adapt=adapt,
    inputs=lambda config: {
        "image": Image(config.channels, multiple=MULTIPLE, halo=config.halo),
        "direction": Choice((config.direction,)),
    },
    output=lambda config: Picture(config.channels),
    build=build,
)
