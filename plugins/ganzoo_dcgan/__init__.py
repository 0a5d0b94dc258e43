"""dcgan: deep convolutional GAN for images of 28, 32, 64 or 128 pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from ganzoo.config import Channels, Config, Count, Fraction, Rate, convert, plain
from ganzoo.data.spec import Data, Facts, Picture
from ganzoo.inputs import Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.gan import GAN
    from ganzoo.legacy import Layout, Shapes

SIZES = (28, 32, 64, 128)
Size = Literal[28, 32, 64, 128]


class DCGANConfig(Config, frozen=True, kw_only=True):
    """`width`: channels of the largest feature maps; they double as the maps halve. `discriminator_width`: its own, if any.

    `start`: how the latent becomes maps; "linear": by a linear layer, "linear-half": by one to maps of half the usual side,
    with nothing between it and the first up-sampling. `hidden`: units of a linear layer between the latent and the generator's
    smallest maps, and of one between the discriminator's smallest maps and its logit (as in Chen et al. 2016, appendix C.1);
    0 for none. Both have BatchNorm, the discriminator's where its `discriminator_norm` is batch. `bias`: "needed" where no
    BatchNorm follows, "all", or "linear": in no convolution but the discriminator's last, which is a linear layer by another
    name.

    `loss`: bce is the paper's; least-squares and hinge share its networks; squared-score is least-squares on the
    discriminator's sigmoid. `real_target` below 1 is one-sided label smoothing; `label_noise` moves the targets of both sides
    inwards by a random amount: uniform in [0, noise), or Beta(1, 5) times noise; `noisy_generator`: the generator's too.
    `new_latent`: the generator is judged by examples that the discriminator has not just seen. `discriminator_norm`: batch is
    the paper's; spectral is Miyato et al. 2018's; `first_norm`: BatchNorm on its first layer as well; `norm_scale`:
    BatchNorm's scales start at N(1, 0.02), as the paper's, or at 1. `r1`: gamma of the penalty r1 / 2 times |gradient at real
    pictures|^2 (Mescheder et al. 2018, eq. 9), which needs a discriminator that mixes no pictures; taken at every
    `r1_every`-th step, and so many times as heavily there.
    `flip`: mirrors half of the pictures, for sets where left and right do not matter.
    """

    channels: Channels = 3
    size: Size = 64
    flip: bool = False
    latent: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 100
    latent_law: Literal["normal", "uniform"] = "normal"
    width: Annotated[int, msgspec.Meta(ge=4, le=256)] = 64
    discriminator_width: Annotated[int, msgspec.Meta(ge=4, le=256)] | None = None
    start: Literal["convolution", "linear", "linear-half"] = "convolution"
    hidden: Annotated[int, msgspec.Meta(ge=0, le=4096)] = 0
    kernel: Literal[4, 5] = 4
    bias: Literal["needed", "all", "linear"] = "needed"
    loss: Literal["bce", "least-squares", "hinge", "squared-score"] = "bce"
    real_target: Annotated[float, msgspec.Meta(gt=0.5, le=1)] = 1.0
    label_noise: Literal["none", "uniform", "beta"] = "none"
    noise: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    noisy_generator: bool = False
    new_latent: bool = False
    discriminator_norm: Literal["batch", "spectral", "none"] = "batch"
    first_norm: bool = False
    norm_scale: Literal["normal", "one"] = "normal"
    r1: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 0.0
    r1_every: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    slope: Fraction = 0.2
    lr_generator: Rate = 2e-4
    lr_discriminator: Rate = 2e-4
    beta1: Fraction = 0.5
    schedule: Literal["constant", "linear"] = "constant"
    batch: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 128
    steps: Count = 10_000
    ema: Fraction = 0.999

    def __post_init__(self) -> None:
        if self.size == 28 and self.start == "linear-half":
            raise ValueError(
                "start=linear-half halves the smallest maps, which is not possible at size 28 (7 x 7)"
            )
        if self.r1 and self.discriminator_norm == "batch":
            raise ValueError(
                "r1 bounds the gradient of each picture, and BatchNorm mixes pictures: set discriminator_norm to spectral or none"
            )


DIGITS = DCGANConfig(
    channels=1, size=28, width=32, start="linear", hidden=256, real_target=0.9, slope=0.1, lr_generator=1e-3,
    lr_discriminator=5e-4, batch=64,
)  # fmt: skip
"""What data of 28 pixels are learnt with, where no preset is named."""


def adapt(config: DCGANConfig, facts: Facts) -> DCGANConfig:
    """Channels as the data have them; the data's size where it is one of ours, else the next smaller one. The defaults become
    `DIGITS` at 28 pixels; presets stay what they are."""
    facts.require("images")
    sizes = SIZES[1:] if config.start == "linear-half" else SIZES
    size = max((s for s in sizes if s <= (facts.size or config.size)), default=sizes[0])
    taken = DIGITS if size == DIGITS.size and config == DCGANConfig() else config
    return convert(
        {**plain(taken), "channels": facts.channels or config.channels, "size": size},
        DCGANConfig,
        facts.name,
    )


def build(config: DCGANConfig) -> GAN[DCGANConfig]:
    """The networks."""
    from ganzoo_dcgan.model import DCGAN

    return DCGAN(config)


def legacy(networks: Mapping[str, Shapes]) -> Layout | None:
    """Networks of an old checkpoint as these."""
    from ganzoo_dcgan.legacy import read

    return read(networks)


plugin = Plugin(
    name="dcgan",
    summary="Deep convolutional GAN for images of 28 to 128 pixels",
    paper="https://arxiv.org/abs/1511.06434",
    config=DCGANConfig,
    tiny=DCGANConfig(channels=1, size=28, latent=4, width=4, batch=4, steps=4),
    presets={
        # 28 pixels: one hidden layer on both sides, and faster; what `adapt` takes for such data where no preset is named
        "digits": DIGITS,
        "least-squares": DCGANConfig(loss="least-squares"),
        "hinge": DCGANConfig(loss="hinge"),
        "smooth": DCGANConfig(real_target=0.9),
        # Mescheder et al. 2018: gamma 10, no norm in the discriminator, no momentum
        "r1": DCGANConfig(
            discriminator_norm="none", r1=10, lr_generator=1e-4, lr_discriminator=1e-4, beta1=0.0
        ),
        # anime faces: least squares on a sigmoid, Beta(1, 5) noise on every target
        "anime": DCGANConfig(
            latent=128, bias="all", loss="squared-score", label_noise="beta", noise=1.0, noisy_generator=True, new_latent=True,
            first_norm=True,
            steps=11_482,
        ),
        # faces at 32 pixels: from 2 x 2 maps, no bias in the convolutions
        "celeba-32": DCGANConfig(
            size=32, latent_law="uniform", start="linear-half", bias="linear", new_latent=True,
            norm_scale="one", slope=0.01, batch=256, steps=31_657,
        ),
        # faces at 64 pixels, from TensorFlow: kernels of 5, a linear start, half as wide a discriminator
        "celeba-tensorflow": DCGANConfig(
            latent_law="uniform", discriminator_width=32, start="linear", kernel=5, bias="all", real_target=0.9, steps=23_438
        ),
    },
    data=lambda config: Data({"image": Picture(config.channels, config.size, config.flip)}),
    adapt=adapt,
    inputs=lambda config: {"latent": Latent(config.latent, config.latent_law)},
    output=lambda config: Picture(config.channels, config.size),
    build=build,
    legacy=legacy,
)  # fmt: skip
