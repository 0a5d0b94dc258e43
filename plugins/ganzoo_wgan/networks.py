"""Generator and critic: the networks of Radford et al. 2016, as both papers on this game have them."""

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
            before = [
                nn.Linear(c.latent, c.hidden, bias=False),
                nn.BatchNorm1d(c.hidden),
                nn.ReLU(True),
            ]
            self.layers = nn.Sequential(
                *before, *upsampling(c.hidden, c.channels, c.size, c.width, start="linear")
            )
        else:
            self.layers = upsampling(c.latent, c.channels, c.size, c.width)

    def forward(self, latent: Tensor) -> Tensor:
        images: Tensor = self.layers(latent if self.linear else latent[:, :, None, None])
        return images


class Critic(nn.Module):
    """images -> (n,) values without bounds; no norm on the first layer, nor on the hidden one."""

    def __init__(self, config: WGANConfig) -> None:
        super().__init__()
        width = config.critic_width or config.width
        down = downsampling(config.channels, config.size, width, norm=config.critic_norm)
        if config.hidden:
            maps, side = smallest_maps(config.size, width)
            after = [
                nn.Linear(maps * side**2, config.hidden),
                nn.LeakyReLU(0.2, True),
                nn.Linear(config.hidden, 1),
            ]
            self.layers = nn.Sequential(*down, nn.Flatten(), *after)
        else:
            self.layers = nn.Sequential(*down, head(config.size, width))

    def forward(self, images: Tensor) -> Tensor:
        values: Tensor = self.layers(images)
        return values.flatten()
