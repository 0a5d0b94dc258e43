"""wgan: Wasserstein GAN for images of 28, 32 or 64 pixels, its critic held by a gradient penalty, clipping or its spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from ganzoo.config import Channels, Config, Count, Fraction, Rate, convert, plain
from ganzoo.data.spec import Data, Facts, Picture
from ganzoo.inputs import Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from ganzoo.gan import GAN

SIZES = (28, 32, 64)
Size = Literal[28, 32, 64]
FeatureMaps = Annotated[int, msgspec.Meta(ge=4, le=256)]


class WGANConfig(Config, frozen=True, kw_only=True):
    """`width`: channels of the largest feature maps; they double as the maps halve. `critic_width`: its own, if any.

    `hidden`: units of a linear layer between the latent and the generator's smallest maps, with BatchNorm, and of one between the
    critic's smallest maps and its value, without any norm; 0 for none.

    `constraint`: what keeps the critic's slope in bounds. penalty: `penalty` times (|gradient| - 1)^2 between real and
    generated examples (Gulrajani et al. 2017); clip: every weight clamped to [-`clip`, `clip`] (Arjovsky et al. 2017);
    spectral: each layer divided by its largest singular value (Miyato et al. 2018). `critic_norm`: layer is that of the
    second paper, batch of the first. `critic_steps`: batches that the critic learns from for each step of the generator.
    The defaults are those of the second paper; presets have the others together. `steps` counts batches of the critic.
    """

    channels: Channels = 3
    size: Size = 64
    flip: bool = False
    latent: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 128
    width: FeatureMaps = 64
    critic_width: FeatureMaps | None = None
    hidden: Annotated[int, msgspec.Meta(ge=0, le=4096)] = 0
    constraint: Literal["penalty", "clip", "spectral"] = "penalty"
    penalty: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 10.0
    clip: Annotated[float, msgspec.Meta(gt=0, le=10)] = 0.01
    critic_norm: Literal["layer", "instance", "batch", "none"] = "layer"
    critic_steps: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5
    optimizer: Literal["adam", "rmsprop"] = "adam"
    lr_generator: Rate = 1e-4
    lr_critic: Rate = 1e-4
    beta1: Fraction = 0.0
    beta2: Fraction = 0.9
    schedule: Literal["constant", "linear"] = "constant"
    batch: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 64
    steps: Count = 100_000
    ema: Fraction = 0.999

    def __post_init__(self) -> None:
        if self.constraint == "penalty" and self.critic_norm == "batch":
            raise ValueError(
                "constraint=penalty bounds the gradient of each picture, and BatchNorm mixes pictures: "
                "set critic_norm to layer, instance or none"
            )
        if self.constraint == "spectral" and self.critic_norm != "none":
            raise ValueError(
                "constraint=spectral bounds nothing where maps are normalized too: set critic_norm=none"
            )


def adapt(config: WGANConfig, facts: Facts) -> WGANConfig:
    """Channels as the data have them; the data's size where it is one of ours, else the next smaller one."""
    facts.require("images")
    size = max((s for s in SIZES if s <= (facts.size or config.size)), default=SIZES[0])
    return convert(
        {**plain(config), "channels": facts.channels or config.channels, "size": size},
        WGANConfig,
        facts.name,
    )


def build(config: WGANConfig) -> GAN[WGANConfig]:
    """The networks."""
    from ganzoo_wgan.model import WGAN

    return WGAN(config)


plugin = Plugin(
    name="wgan",
    summary="Wasserstein GAN for images of 28 to 64 pixels: gradient penalty, clipping or spectral normalization",
    paper="https://arxiv.org/abs/1701.07875",
    config=WGANConfig,
    tiny=WGANConfig(channels=1, size=28, latent=4, width=4, critic_steps=2, batch=4, steps=4),
    presets={
        # the first paper: clipped weights, RMSProp, BatchNorm in the critic too
        "clip": WGANConfig(
            constraint="clip", critic_norm="batch", latent=100, optimizer="rmsprop", lr_generator=5e-5, lr_critic=5e-5
        ),
        # the second paper, which is the default
        "penalty": WGANConfig(),
        # each layer at most 1-Lipschitz; rates as Miyato et al. 2018 have them for five steps of the critic
        "spectral": WGANConfig(constraint="spectral", critic_norm="none", lr_generator=2e-4, lr_critic=2e-4),
    },
    data=lambda config: Data({"image": Picture(config.channels, config.size, config.flip)}),
    adapt=adapt,
    inputs=lambda config: {"latent": Latent(config.latent)},
    output=lambda config: Picture(config.channels, config.size),
    build=build,
)  # fmt: skip
