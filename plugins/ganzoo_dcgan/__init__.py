"""dcgan: deep convolutional GAN for images of 28, 32, 64 or 128 pixels."""

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
    LatentLaw,
    LatentSize,
    RealTarget,
    Schedule,
    Slope,
    Steps,
    convert,
    plain,
)
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
    """The defaults are those of Radford et al. 2016.

    `hidden` adds a linear layer before the generator's smallest maps and one after the
    discriminator's (Chen et al. 2016, appendix C.1). `label_noise` moves targets inwards by `noise`
    times a uniform or Beta(1, 5) variable. `r1` adds r1 / 2 |gradient at real images|^2.
    """

    channels: Channels = 3
    size: Annotated[Size, Meta(description="Side of an image in pixels.")] = 64
    flip: Flip = False
    latent: LatentSize = 100
    latent_law: LatentLaw = "normal"
    width: FeatureMaps = 64
    discriminator_width: Annotated[
        FeatureMaps | None,
        Meta(description="Channels of the discriminator's largest maps; null: as width."),
    ] = None
    start: Annotated[
        Literal["convolution", "linear", "linear-half"],
        Meta(description="Generator's first layer; linear-half gives maps of half the side."),
    ] = "convolution"
    hidden: Annotated[
        int,
        Meta(
            ge=0,
            le=4096,
            description="Units of one more linear layer in either network; 0 for none.",
        ),
    ] = 0
    kernel: Annotated[
        Literal[4, 5], Meta(description="Kernel size of the strided convolutions.")
    ] = 4
    bias: Annotated[
        Literal["needed", "all", "linear"],
        Meta(description="Convolutions with a bias: those without a norm, all, or the last."),
    ] = "needed"
    loss: Annotated[
        Literal["bce", "least-squares", "hinge", "squared-score"],
        Meta(description="Adversarial loss; squared-score: least-squares after a sigmoid."),
    ] = "bce"
    real_target: RealTarget = 1.0
    label_noise: Annotated[
        Literal["none", "uniform", "beta"],
        Meta(description="Noise that moves targets inwards: uniform, or Beta(1, 5)."),
    ] = "none"
    noise: Annotated[float, Meta(ge=0, le=1, description="Amplitude of label_noise.")] = 0.1
    noisy_generator: Annotated[
        bool, Meta(description="Add label noise to the generator's targets too.")
    ] = False
    new_latent: Annotated[
        bool, Meta(description="Draw new latents for the generator's update.")
    ] = False
    discriminator_norm: Annotated[
        Literal["batch", "spectral", "none"],
        Meta(description="Discriminator's norm; spectral: Miyato et al. 2018."),
    ] = "batch"
    first_norm: Annotated[
        bool, Meta(description="Put BatchNorm on the discriminator's first layer too.")
    ] = False
    norm_scale: Annotated[
        Literal["normal", "one"], Meta(description="Initial scales of BatchNorm: N(1, 0.02), or 1.")
    ] = "normal"
    r1: Annotated[
        float,
        Meta(
            ge=0,
            le=10_000,
            description="Gamma of the R1 penalty (Mescheder et al. 2018, eq. 9); 0 is off.",
        ),
    ] = 0.0
    r1_every: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="Interval of the R1 penalty in steps; it is scaled up to match.",
        ),
    ] = 1
    slope: Slope = 0.2
    lr_generator: GeneratorRate = 2e-4
    lr_discriminator: DiscriminatorRate = 2e-4
    beta1: Beta1 = 0.5
    schedule: Schedule = "constant"
    batch: Batch = 128
    steps: Steps = 10_000
    ema: Ema = 0.999

    def __post_init__(self) -> None:
        if self.size == 28 and self.start == "linear-half":
            raise ValueError(
                "start=linear-half halves the smallest maps, which is not possible at size 28 "
                "(7 x 7)"
            )
        if self.r1 and self.discriminator_norm == "batch":
            raise ValueError(
                "r1 bounds the gradient of each image, and BatchNorm mixes images: "
                "set discriminator_norm to spectral or none"
            )


DIGITS = DCGANConfig(
    channels=1,
    size=28,
    width=32,
    start="linear",
    hidden=256,
    real_target=0.9,
    slope=0.1,
    lr_generator=1e-3,
    lr_discriminator=5e-4,
    batch=64,
)
"""Config for data of 28 pixels if no preset is named."""


def adapt(config: DCGANConfig, facts: Facts) -> DCGANConfig:
    """Take channels from the data, and the largest size that the data have.

    At 28 pixels the default config becomes `DIGITS`; presets stay as they are.
    """
    facts.require("images")
    sizes = SIZES[1:] if config.start == "linear-half" else SIZES
    size = max((s for s in sizes if s <= (facts.size or config.size)), default=sizes[0])
    base = DIGITS if size == DIGITS.size and config == DCGANConfig() else config
    known = {"channels": facts.channels or config.channels, "size": size}
    return convert({**plain(base), **known}, DCGANConfig, facts.name)


def build(config: DCGANConfig) -> GAN[DCGANConfig]:
    """Build the networks."""
    from ganzoo_dcgan.model import DCGAN

    return DCGAN(config)


def legacy(networks: Mapping[str, Shapes]) -> Layout | None:
    """Recognise the networks of an old checkpoint."""
    from ganzoo_dcgan.legacy import read_layout

    return read_layout(networks)


plugin = Plugin(
    name="dcgan",
    summary="Deep convolutional GAN for images of 28 to 128 pixels",
    paper="https://arxiv.org/abs/1511.06434",
    config=DCGANConfig,
    tiny=DCGANConfig(channels=1, size=28, latent=4, width=4, batch=4, steps=4),
    presets={
        # 28 pixels: a hidden layer in both networks and higher learning rates
        "digits": DIGITS,
        "least-squares": DCGANConfig(loss="least-squares"),
        "hinge": DCGANConfig(loss="hinge"),
        "smooth": DCGANConfig(real_target=0.9),
        # Mescheder et al. 2018: gamma 10, no norm in the discriminator, no momentum
        "r1": DCGANConfig(
            discriminator_norm="none", r1=10, lr_generator=1e-4, lr_discriminator=1e-4, beta1=0.0
        ),
        # anime faces: least squares after a sigmoid, Beta(1, 5) noise on all targets
        "anime": DCGANConfig(
            latent=128,
            bias="all",
            loss="squared-score",
            label_noise="beta",
            noise=1.0,
            noisy_generator=True,
            new_latent=True,
            first_norm=True,
            steps=11_482,
        ),
        # faces of 32 pixels: starts at 2 x 2 maps, convolutions without bias
        "celeba-32": DCGANConfig(
            size=32,
            latent_law="uniform",
            start="linear-half",
            bias="linear",
            new_latent=True,
            norm_scale="one",
            slope=0.01,
            batch=256,
            steps=31_657,
        ),
        # faces of 64 pixels, from TensorFlow: 5 x 5 kernels, half as wide a discriminator
        "celeba-tensorflow": DCGANConfig(
            latent_law="uniform",
            discriminator_width=32,
            start="linear",
            kernel=5,
            bias="all",
            real_target=0.9,
            steps=23_438,
        ),
    },
    data=lambda config: Data({"image": Picture(config.channels, config.size, config.flip)}),
    adapt=adapt,
    inputs=lambda config: {"latent": Latent(config.latent, config.latent_law)},
    output=lambda config: Picture(config.channels, config.size),
    build=build,
    legacy=legacy,
)
