"""Generator and critic: the networks of Radford et al. 2016, as both papers on this game have them."""

from __future__ import annotations

from torch import Tensor, nn

from ganzoo.nn import downsampling, head, upsampling
from ganzoo_wgan import WGANConfig


class Generator(nn.Module):
    """latent (n, latent) -> images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, config: WGANConfig) -> None:
        super().__init__()
        self.layers = upsampling(config.latent, config.channels, config.size, config.width)

    def forward(self, latent: Tensor) -> Tensor:
        images: Tensor = self.layers(latent[:, :, None, None])
        return images


class Critic(nn.Module):
    """images -> (n,) values without bounds; no norm on the first layer."""

    def __init__(self, config: WGANConfig) -> None:
        super().__init__()
        width = config.critic_width or config.width
        down = downsampling(config.channels, config.size, width, norm=config.critic_norm)
        self.layers = nn.Sequential(*down, head(config.size, width))

    def forward(self, images: Tensor) -> Tensor:
        values: Tensor = self.layers(images)
        return values.flatten()
