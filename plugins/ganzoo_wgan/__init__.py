"""wgan: Wasserstein GAN for images of 28, 32 or 64 pixels.

The critic is bounded by a gradient penalty, weight clipping or spectral normalization.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from ganzoo.config import (
    Batch,
    Beta1,
    Channels,
    Config,
    Ema,
    FeatureMaps,
    Flip,
    Fraction,
    GeneratorRate,
    LatentSize,
    Rate,
    Schedule,
    Steps,
    convert,
    plain,
)
from ganzoo.data.spec import Data, Facts, Picture
from ganzoo.inputs import Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from ganzoo.gan import GAN

SIZES = (28, 32, 64)
Size = Literal[28, 32, 64]


class WGANConfig(Config, frozen=True, kw_only=True):
    """The defaults are those of Gulrajani et al. 2017.

    `constraint`: penalty adds `penalty` (|gradient| - 1)^2 between real and generated images
    (Gulrajani et al. 2017); clip clamps weights to [-`clip`, `clip`] (Arjovsky et al. 2017);
    spectral divides each layer by its largest singular value (Miyato et al. 2018). The `hidden`
    layer has BatchNorm in the generator and no norm in the critic.
    """

    channels: Channels = 3
    size: Annotated[Size, Meta(description="Side of an image in pixels.")] = 64
    flip: Flip = False
    latent: LatentSize = 128
    width: FeatureMaps = 64
    critic_width: Annotated[
        FeatureMaps | None,
        Meta(description="Channels of the critic's largest maps; null: as width."),
    ] = None
    hidden: Annotated[
        int,
        Meta(
            ge=0,
            le=4096,
            description="Units of one more linear layer in either network; 0 for none.",
        ),
    ] = 0
    constraint: Annotated[
        Literal["penalty", "clip", "spectral"],
        Meta(description="How the critic's slope is bounded."),
    ] = "penalty"
    penalty: Annotated[
        float, Meta(ge=0, le=10_000, description="Weight of the gradient penalty.")
    ] = 10.0
    clip: Annotated[
        float, Meta(gt=0, le=10, description="Bound of the critic's weights if constraint is clip.")
    ] = 0.01
    critic_norm: Annotated[
        Literal["layer", "instance", "batch", "none"],
        Meta(description="Norm of all but the critic's first layer."),
    ] = "layer"
    critic_steps: Annotated[
        int, Meta(ge=1, le=100, description="Critic steps for each step of the generator.")
    ] = 5
    optimizer: Annotated[
        Literal["adam", "rmsprop"], Meta(description="Optimizer of both players.")
    ] = "adam"
    lr_generator: GeneratorRate = 1e-4
    lr_critic: Annotated[Rate, Meta(description="Learning rate of the critic.")] = 1e-4
    beta1: Beta1 = 0.0
    beta2: Annotated[Fraction, Meta(description="Second-moment decay of Adam.")] = 0.9
    schedule: Schedule = "constant"
    batch: Batch = 64
    steps: Annotated[
        Steps, Meta(description="Training steps, each of one batch for the critic.")
    ] = 100_000
    ema: Ema = 0.999

    def __post_init__(self) -> None:
        if self.constraint == "penalty" and self.critic_norm == "batch":
            raise ValueError(
                "constraint=penalty bounds the gradient of each image, and BatchNorm mixes images: "
                "set critic_norm to layer, instance or none"
            )
        if self.constraint == "spectral" and self.critic_norm != "none":
            raise ValueError(
                "constraint=spectral bounds nothing if maps are normalized too: "
                "set critic_norm=none"
            )


def adapt(config: WGANConfig, facts: Facts) -> WGANConfig:
    """Take channels from the data, and the largest size that the data have."""
    facts.require("images")
    size = max((s for s in SIZES if s <= (facts.size or config.size)), default=SIZES[0])
    known = {"channels": facts.channels or config.channels, "size": size}
    return convert({**plain(config), **known}, WGANConfig, facts.name)


def build(config: WGANConfig) -> GAN[WGANConfig]:
    """Build the networks."""
    from ganzoo_wgan.model import WGAN

    return WGAN(config)


plugin = Plugin(
    name="wgan",
    summary="Wasserstein GAN for images of 28 to 64 pixels: gradient penalty, clipping or "
    "spectral normalization",
    paper="https://arxiv.org/abs/1701.07875",
    config=WGANConfig,
    tiny=WGANConfig(channels=1, size=28, latent=4, width=4, critic_steps=2, batch=4, steps=4),
    presets={
        # Arjovsky et al. 2017: clipped weights, RMSProp, BatchNorm in the critic too
        "clip": WGANConfig(
            constraint="clip",
            critic_norm="batch",
            latent=100,
            optimizer="rmsprop",
            lr_generator=5e-5,
            lr_critic=5e-5,
        ),
        # Gulrajani et al. 2017: the defaults
        "penalty": WGANConfig(),
        # each layer at most 1-Lipschitz; learning rates of Miyato et al. 2018
        "spectral": WGANConfig(
            constraint="spectral", critic_norm="none", lr_generator=2e-4, lr_critic=2e-4
        ),
    },
    data=lambda config: Data({"image": Picture(config.channels, config.size, config.flip)}),
    adapt=adapt,
    inputs=lambda config: {"latent": Latent(config.latent)},
    output=lambda config: Picture(config.channels, config.size),
    build=build,
)
