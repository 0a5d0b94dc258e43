"""siamese: photographs in the style of a set of pictures, tile by tile and without seams, content kept by a siamese network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from ganzoo.config import Channels, Config, Count, Fraction, Positive, Rate, convert, plain
from ganzoo.data.spec import Data, Facts, Picture
from ganzoo.inputs import Choice, Image
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from ganzoo.gan import GAN

TILES = (16, 32, 64)
MULTIPLE = 8
"""Of a picture's sides: two halvings, and maps of two pixels at least, which can be reflected."""
TONE = 8
"""Pixels of a side of a square whose mean colour is looked at."""
FeatureMaps = Annotated[int, msgspec.Meta(ge=4, le=256)]


class SiameseConfig(Config, frozen=True, kw_only=True):
    """`direction`: the domain that is changed, and the one that it is to look like. `tile`: S, pixels of a side that the
    generator sees in training; the siamese network sees 2 x 2 of them joined, cut by chance from pictures fitted to `load`.

    `norm`: of the generator: over the channels of each place, or over each channel of the picture, in training of the four
    tiles together. `adversary`: who tells made pictures from those of the style: the siamese network itself, or a
    discriminator of patches, the siamese network then looking after the content alone. `pool`: past translations that such a
    discriminator is shown.

    `vector`: numbers that the siamese network makes of a picture; `margin`: distance that it keeps at least, from the origin
    to what the generator made or, beside a discriminator, between originals. `travel`: weight of the directions between
    vectors; `identity`: of what the generator changes of pictures that are of the style already; `tone`: of what it changes
    of the mean colours of squares of TONE pixels. `width`, `siamese_width`, `discriminator_width`: channels of the largest
    maps, which double as the maps halve; `blocks`: residual ones of the generator.
    """

    channels: Channels = 3
    direction: Literal["A2B", "B2A"] = "A2B"
    tile: Literal[16, 32, 64] = 64
    load: Annotated[int, msgspec.Meta(ge=32, le=1024, multiple_of=MULTIPLE)] = 256
    flip: bool = True
    norm: Literal["channel", "instance"] = "channel"
    blocks: Annotated[int, msgspec.Meta(ge=0, le=16)] = 6
    width: FeatureMaps = 64
    siamese_width: FeatureMaps = 64
    discriminator_width: FeatureMaps = 64
    discriminator_norm: Literal["layer", "instance", "spectral"] = "layer"
    adversary: Literal["siamese", "patch"] = "siamese"
    pool: Annotated[int, msgspec.Meta(ge=0, le=500)] = 0
    vector: Annotated[int, msgspec.Meta(ge=2, le=4096)] = 128
    margin: Positive = 2.0
    travel: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 1.0
    identity: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 0.0
    tone: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 0.0
    lr: Rate = 2e-4
    lr_discriminator: Rate = 2e-4
    beta1: Fraction = 0.5
    schedule: Literal["constant", "linear"] = "linear"
    batch: Annotated[int, msgspec.Meta(ge=2, le=4096)] = 16
    steps: Count = 40_000
    ema: Fraction = 0.999

    def __post_init__(self) -> None:
        if self.pool and self.adversary != "patch":
            raise ValueError(
                f"pool={self.pool} is shown to a discriminator of patches, and adversary={self.adversary} has none"
            )
        if self.load < 2 * self.tile:
            raise ValueError(
                f"load={self.load} leaves no square of 2 x 2 tiles of {self.tile} pixels to cut out"
            )

    @property
    def domains(self) -> tuple[str, str]:
        """What is changed, and what it is to look like."""
        before, after = self.direction.split("2")
        return before, after

    @property
    def halo(self) -> int:
        """Radius of the generator's receptive field in pixels, but for a norm that is over the whole picture."""
        return 15 + 8 * self.blocks


def adapt(config: SiameseConfig, facts: Facts) -> SiameseConfig:
    """Channels as the data have them; `load` no larger than the data's pictures, and `tile` no larger than half of that."""
    facts.require("images")
    known = {**plain(config), "channels": facts.channels or config.channels}
    if facts.size and facts.size < config.load:
        load = max(32, facts.size - facts.size % MULTIPLE)
        known |= {
            "load": load,
            "tile": max(side for side in TILES if side <= min(config.tile, load // 2)),
        }
    return convert(known, SiameseConfig, f"data set {facts.name}")


def data(config: SiameseConfig) -> Data:
    """Pictures of both domains; those to be changed first, for a run's sample sheets show what becomes of them."""
    return Data(
        dict.fromkeys(config.domains, Picture(config.channels, config.load, config.flip)),
        unpaired=True,
    )


def build(config: SiameseConfig) -> GAN[SiameseConfig]:
    """The networks."""
    from ganzoo_siamese.model import Siamese

    return Siamese(config)


plugin = Plugin(
    name="siamese",
    summary="Style of a set of pictures for photographs of any size, content kept by a siamese network",
    paper="https://arxiv.org/abs/1902.09631",
    config=SiameseConfig,
    tiny=SiameseConfig(tile=16, load=40, blocks=1, width=4, siamese_width=4, vector=4, batch=4, steps=4),
    presets={
        # tiles of 64 pixels, as the source has them: the defaults
        "s21": SiameseConfig(),
        # what two cores train in two hours, beside a discriminator
        "small": SiameseConfig(
            tile=32, load=128, norm="instance", blocks=2, width=32, siamese_width=32, discriminator_norm="instance",
            adversary="patch", pool=256, margin=10, identity=1, steps=7_000,
        ),
    },
    data=data,
    adapt=adapt,
    inputs=lambda config: {
        "image": Image(config.channels, multiple=MULTIPLE, halo=config.halo), "direction": Choice((config.direction,)),
    },
    output=lambda config: Picture(config.channels),
    build=build,
)  # fmt: skip
