"""infogan: codes that an image can be asked for, found without labels, for images of 28, 32 or 64 pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from ganzoo.config import Channels, Config, Count, Fraction, Rate, Width, convert, plain
from ganzoo.data.spec import Data, Facts, Picture
from ganzoo.inputs import Codes, Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from ganzoo.gan import GAN

SIZES = (28, 32, 64)
Size = Literal[28, 32, 64]
Categories = Annotated[int, msgspec.Meta(ge=2, le=1000)]
Weight = Annotated[float, msgspec.Meta(ge=0, le=1000)]


class InfoGANConfig(Config, frozen=True, kw_only=True):
    """The defaults are the paper's for MNIST (Chen et al. 2016, appendix C.1).

    `latent`: incompressible noise. `categories`: how many values each categorical code has (k1, k2, ...); `continuous`: how
    many codes are uniform in [-1, 1] (c1, c2, ...). `information`, `information_continuous`: lambda of the two kinds, the
    weights of the mutual-information bound. `variance`: of the Gaussian in which a continuous code is read back: fixed at 1, or
    learned, one for each image.

    `width`: channels of the largest feature maps; they double as the maps halve. `hidden`: the linear layer between the codes
    and the smallest maps, on both sides; `recogniser`: one more, before the codes are read back. `real_target` below 1 is
    one-sided label smoothing.
    """

    channels: Channels = 1
    size: Size = 28
    flip: bool = False
    latent: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 62
    categories: Annotated[tuple[Categories, ...], msgspec.Meta(max_length=32)] = (10,)
    continuous: Annotated[int, msgspec.Meta(ge=0, le=64)] = 2
    information: Weight = 1.0
    information_continuous: Weight = 0.1
    variance: Literal["fixed", "learned"] = "fixed"
    width: Annotated[int, msgspec.Meta(ge=4, le=256)] = 64
    hidden: Width = 1024
    recogniser: Width = 128
    slope: Fraction = 0.1
    loss: Literal["bce", "least-squares", "hinge"] = "bce"
    real_target: Annotated[float, msgspec.Meta(gt=0.5, le=1)] = 1.0
    lr_generator: Rate = 1e-3
    lr_discriminator: Rate = 2e-4
    beta1: Fraction = 0.5
    schedule: Literal["constant", "linear"] = "constant"
    batch: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 128
    steps: Count = 10_000
    ema: Fraction = 0.999

    def __post_init__(self) -> None:
        if not self.categories and not self.continuous:
            raise ValueError(
                "categories is empty and continuous is 0: there is no code to find; give one or more"
            )


def adapt(config: InfoGANConfig, facts: Facts) -> InfoGANConfig:
    """Channels as the data have them; the data's size where it is one of ours, else the next smaller one."""
    facts.require("images")
    size = max((s for s in SIZES if s <= (facts.size or config.size)), default=SIZES[0])
    known = {"channels": facts.channels or config.channels, "size": size}
    return convert({**plain(config), **known}, InfoGANConfig, f"data set {facts.name}")


def build(config: InfoGANConfig) -> GAN[InfoGANConfig]:
    """The networks."""
    from ganzoo_infogan.model import InfoGAN

    return InfoGAN(config)


plugin = Plugin(
    name="infogan",
    summary="InfoGAN: categories and continuous codes found without labels, for images of 28 to 64 pixels",
    paper="https://arxiv.org/abs/1606.03657",
    config=InfoGANConfig,
    tiny=InfoGANConfig(
        latent=4, categories=(3, 2), width=4, hidden=16, recogniser=8, variance="learned", batch=4, steps=4
    ),
    presets={
        # for minutes on a CPU: fewer units, a faster discriminator, continuous codes read back with a learned variance
        "small": InfoGANConfig(
            width=32, hidden=256, variance="learned", real_target=0.9, lr_discriminator=5e-4, batch=64, steps=14_000
        ),
    },
    data=lambda config: Data({"image": Picture(config.channels, config.size, config.flip)}),
    adapt=adapt,
    inputs=lambda config: {"latent": Latent(config.latent), "code": Codes(config.categories, config.continuous)},
    output=lambda config: Picture(config.channels, config.size),
    build=build,
)  # fmt: skip
