"""Generator and critic: the networks of Radford et al. 2016."""

from __future__ import annotations

from torch import Tensor, nn

from ganzoo.nn import downsampling, head, smallest_maps, upsampling
from ganzoo_wgan import WGANConfig


class Generator(nn.Module):
    """latent (n, latent) -> images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, config: WGANConfig) -> None:
        super().__init__()
        c = config
        self.linear = bool(c.hidden)
        if c.hidden:
            self.layers = nn.Sequential(
                nn.Linear(c.latent, c.hidden, bias=False),
                nn.BatchNorm1d(c.hidden),
                nn.ReLU(True),
                *upsampling(c.hidden, c.channels, c.size, c.width, start="linear"),
            )
        else:
            self.layers = upsampling(c.latent, c.channels, c.size, c.width)

    def forward(self, latent: Tensor) -> Tensor:
        images: Tensor = self.layers(latent if self.linear else latent[:, :, None, None])
        return images


class Critic(nn.Module):
    """images (n, channels, size, size) -> unbounded values (n,)."""

    def __init__(self, config: WGANConfig) -> None:
        super().__init__()
        c, width = config, config.critic_width or config.width
        down = downsampling(c.channels, c.size, width, norm=c.critic_norm)
        if c.hidden:
            maps, side = smallest_maps(c.size, width)
            self.layers = nn.Sequential(
                *down,
                nn.Flatten(),
                nn.Linear(maps * side**2, c.hidden),
                nn.LeakyReLU(0.2, True),
                nn.Linear(c.hidden, 1),
            )
        else:
            self.layers = nn.Sequential(*down, head(c.size, width))

    def forward(self, images: Tensor) -> Tensor:
        values: Tensor = self.layers(images)
        return values.flatten()
