"""infogan: codes that control an image, learned without labels, at 28, 32 or 64 pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from ganzoo.config import (
    Batch,
    Beta1,
    Channels,
    Config,
    DiscriminatorRate,
    Ema,
    FeatureMaps,
    Flip,
    GeneratorRate,
    LatentSize,
    RealTarget,
    Schedule,
    Slope,
    Steps,
    Width,
    convert,
    plain,
)
from ganzoo.data.spec import Data, Facts, Picture
from ganzoo.inputs import Codes, Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from ganzoo.gan import GAN

SIZES = (28, 32, 64)
Size = Literal[28, 32, 64]
Categories = Annotated[int, Meta(ge=2, le=1000)]
Weight = Annotated[float, Meta(ge=0, le=1000)]


class InfoGANConfig(Config, frozen=True, kw_only=True):
    """The defaults are the paper's for MNIST (Chen et al. 2016, appendix C.1)."""

    channels: Channels = 1
    size: Annotated[Size, Meta(description="Side of an image in pixels.")] = 28
    flip: Flip = False
    latent: Annotated[LatentSize, Meta(description="Size of the incompressible noise.")] = 62
    categories: Annotated[
        tuple[Categories, ...],
        Meta(max_length=32, description="Number of values of each categorical code (k1, k2, ...)."),
    ] = (10,)
    continuous: Annotated[
        int,
        Meta(
            ge=0, le=64, description="Number of continuous codes, uniform in [-1, 1] (c1, c2, ...)."
        ),
    ] = 2
    information: Annotated[
        Weight, Meta(description="Weight lambda of the bound for categorical codes.")
    ] = 1.0
    information_continuous: Annotated[
        Weight, Meta(description="Weight lambda of the bound for continuous codes.")
    ] = 0.1
    variance: Annotated[
        Literal["fixed", "learned"],
        Meta(description="Variance of Q(c | x): 1, or predicted for each image."),
    ] = "fixed"
    width: FeatureMaps = 64
    hidden: Annotated[
        Width,
        Meta(description="Units of the linear layer between codes and maps, in both networks."),
    ] = 1024
    recogniser: Annotated[
        Width, Meta(description="Units of the linear layer before the codes are predicted.")
    ] = 128
    slope: Slope = 0.1
    loss: Annotated[
        Literal["bce", "least-squares", "hinge"], Meta(description="Adversarial loss.")
    ] = "bce"
    real_target: RealTarget = 1.0
    lr_generator: GeneratorRate = 1e-3
    lr_discriminator: DiscriminatorRate = 2e-4
    beta1: Beta1 = 0.5
    schedule: Schedule = "constant"
    batch: Batch = 128
    steps: Steps = 10_000
    ema: Ema = 0.999

    def __post_init__(self) -> None:
        if not self.categories and not self.continuous:
            raise ValueError(
                "categories is empty and continuous is 0: there is no code to find; "
                "give one or more"
            )


def adapt(config: InfoGANConfig, facts: Facts) -> InfoGANConfig:
    """Take channels from the data, and the largest size that the data have."""
    facts.require("images")
    size = max((s for s in SIZES if s <= (facts.size or config.size)), default=SIZES[0])
    known = {"channels": facts.channels or config.channels, "size": size}
    return convert({**plain(config), **known}, InfoGANConfig, f"data set {facts.name}")


def build(config: InfoGANConfig) -> GAN[InfoGANConfig]:
    """Build the networks."""
    from ganzoo_infogan.model import InfoGAN

    return InfoGAN(config)


plugin = Plugin(
    name="infogan",
    summary="InfoGAN: categorical and continuous codes learned without labels, 28 to 64 pixels",
    paper="https://arxiv.org/abs/1606.03657",
    config=InfoGANConfig,
    tiny=InfoGANConfig(
        latent=4,
        categories=(3, 2),
        width=4,
        hidden=16,
        recogniser=8,
        variance="learned",
        batch=4,
        steps=4,
    ),
    presets={
        # minutes on a CPU: fewer units, a faster discriminator, learned variance
        "small": InfoGANConfig(
            width=32,
            hidden=256,
            variance="learned",
            real_target=0.9,
            lr_discriminator=5e-4,
            batch=64,
            steps=14_000,
        ),
    },
    data=lambda config: Data({"image": Picture(config.channels, config.size, config.flip)}),
    adapt=adapt,
    inputs=lambda config: {
        "latent": Latent(config.latent),
        "code": Codes(config.categories, config.continuous),
    },
    output=lambda config: Picture(config.channels, config.size),
    build=build,
)
