"""colorizer: colours for grey photographs of any size, which keep their lightness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from ganzoo.config import (
    Batch,
    Beta1,
    Config,
    Ema,
    FeatureMaps,
    Flip,
    Fraction,
    Rate,
    Schedule,
    Steps,
    convert,
    plain,
)
from ganzoo.data.spec import Data, Facts, Picture
from ganzoo.errors import DataError
from ganzoo.inputs import Image
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from ganzoo.gan import GAN

VALID = {"size": 120, "multiple": 40, "halo": 39}
"""Of network=valid: side of the discriminator's images, divisor of an image's sides, and radius of
the generator's receptive field."""
UNET_SETTINGS = ("size", "depth", "width", "discriminator_width", "dropout", "strides", "overview")


class ColorizerConfig(Config, frozen=True, kw_only=True):
    """The defaults are those of Isola et al. 2017 for a U-Net in Lab.

    An image below `least_chroma` is replaced in the batch by one above it.
    """

    size: Annotated[
        int, Meta(ge=16, le=1024, description="Side of an image in training, in pixels.")
    ] = 256
    flip: Flip = True
    network: Annotated[
        Literal["unet", "valid"],
        Meta(description="unet predicts a and b from L; valid predicts RGB (preset s23)."),
    ] = "unet"
    depth: Annotated[int, Meta(ge=1, le=8, description="Halvings of the U-Net.")] = 5
    width: FeatureMaps = 64
    discriminator_width: Annotated[
        FeatureMaps, Meta(description="Channels of the discriminator's largest maps.")
    ] = 64
    dropout: Annotated[
        Fraction, Meta(description="Dropout rate of the decoder's first three layers.")
    ] = 0.5
    strides: Annotated[
        int,
        Meta(
            ge=1, le=5, description="Layers of stride 2; patches of 16, 34, 70 pixels for 1, 2, 3."
        ),
    ] = 3
    discriminator: Annotated[
        Literal["adversary", "bystander", "none"],
        Meta(description="adversary trains the generator; bystander only learns itself."),
    ] = "adversary"
    adversarial: Annotated[
        Literal["bce", "least-squares", "hinge"], Meta(description="Adversarial loss.")
    ] = "bce"
    label_noise: Annotated[
        Fraction, Meta(description="Targets are uniform in [1 - noise, 1] and [0, noise].")
    ] = 0.0
    distance: Annotated[
        Literal["l1", "l2"], Meta(description="Loss between predicted and true colours.")
    ] = "l1"
    distance_weight: Annotated[
        float, Meta(ge=0, le=10_000, description="Weight of distance; the adversarial loss has 1.")
    ] = 100.0
    least_chroma: Annotated[
        float,
        Meta(ge=0, le=100, description="Least mean chroma of a training image, in units of Lab."),
    ] = 2.0
    overview: Annotated[
        bool, Meta(description="Predict colours of large images from a copy reduced to size.")
    ] = False
    lr: Annotated[Rate, Meta(description="Learning rate of both players.")] = 2e-4
    beta1: Beta1 = 0.5
    schedule: Schedule = "linear"
    batch: Batch = 16
    steps: Steps = 100_000
    ema: Ema = 0.999

    def __post_init__(self) -> None:
        if self.network == "valid":
            defaults = {field.name: field.default for field in msgspec.structs.fields(type(self))}
            for name, value in {**defaults, "size": VALID["size"]}.items():
                if name in UNET_SETTINGS and getattr(self, name) != value:
                    raise ValueError(
                        f"network=valid has fixed layers, which ignore {name}: set {name}={value}"
                    )
        elif self.size % self.multiple:
            raise ValueError(
                f"size={self.size} cannot be halved depth={self.depth} times: take a multiple of "
                f"{self.multiple}"
            )
        elif self.discriminator != "none" and self.size >> self.strides < 3:
            raise ValueError(
                f"size={self.size} is too small for a discriminator of strides={self.strides}: "
                "lower strides"
            )

    @property
    def multiple(self) -> int:
        """Divisor of an image's sides; the core pads them."""
        return VALID["multiple"] if self.network == "valid" else 1 << self.depth


def halo(config: ColorizerConfig) -> int:
    """Radius of the generator's receptive field in pixels."""
    if config.network == "valid":
        return VALID["halo"]
    radius = 0
    for place in range(config.multiple):
        low = high = place
        for _ in range(
            config.depth
        ):  # up: transposed convolutions of kernel 4, stride 2, padding 1
            low, high = -((2 - low) // 2), (high + 1) // 2
        for _ in range(config.depth):  # down: convolutions of the same
            low, high = 2 * low - 1, 2 * high + 2
        radius = max(radius, place - low, high - place)
    return radius


def adapt(config: ColorizerConfig, facts: Facts) -> ColorizerConfig:
    """Bound `size` by the data's, so that no image is enlarged. DataError for grey images."""
    facts.require("images")
    if facts.channels == 1:
        raise DataError(
            f"data set {facts.name!r} holds grey images; a colorizer learns from coloured ones"
        )
    fitting = (facts.size or config.size) // config.multiple * config.multiple
    if config.network == "valid" or not 16 <= fitting < config.size:
        return config
    return convert({**plain(config), "size": fitting}, ColorizerConfig, f"data set {facts.name}")


def build(config: ColorizerConfig) -> GAN[ColorizerConfig]:
    """Build the networks."""
    from ganzoo_colorizer.model import Colorizer, Valid

    return Valid(config) if config.network == "valid" else Colorizer(config)


plugin = Plugin(
    name="colorizer",
    summary="Colours for grey photographs of any size, which keep their lightness",
    paper="https://arxiv.org/abs/1611.07004",
    config=ColorizerConfig,
    tiny=ColorizerConfig(
        size=16, depth=2, width=4, discriminator_width=4, strides=1, batch=4, steps=4
    ),
    presets={
        # 64 pixels and a file of 8 MB, for two cores
        "small": ColorizerConfig(
            size=64, width=32, discriminator_width=32, overview=True, batch=32, steps=15_000
        ),
        # the same with squared error and no adversary: what s23 learns, in Lab
        "regression": ColorizerConfig(
            size=64,
            width=32,
            overview=True,
            discriminator="none",
            distance="l2",
            batch=32,
            steps=15_000,
        ),
        # from TensorFlow: the generator learns by squared error and ignores the discriminator
        "s23": ColorizerConfig(
            size=120,
            network="valid",
            discriminator="bystander",
            label_noise=0.1,
            distance="l2",
            distance_weight=1.0,
            least_chroma=0.0,
            flip=False,
            lr=1e-3,
            beta1=0.9,
            schedule="constant",
            batch=16,
            steps=11_250,
            ema=0.0,
        ),
    },
    data=lambda config: Data({"image": Picture(3, config.size, config.flip)}),
    adapt=adapt,
    inputs=lambda config: {
        "image": Image(3, multiple=config.multiple, halo=halo(config), whole=config.overview)
    },
    output=lambda config: Picture(3),
    build=build,
)
