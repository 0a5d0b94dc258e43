"""Generator and discriminator of Radford et al. 2016, figure 1: strided convolutions, BatchNorm, no pooling."""

from __future__ import annotations

from torch import Tensor, nn

from ganzoo.nn import downsampling, head, upsampling
from ganzoo_dcgan import DCGANConfig


class Generator(nn.Module):
    """latent (n, latent) -> images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        c = config
        self.linear = c.start != "convolution"
        self.layers = upsampling(c.latent, c.channels, c.size, c.width, start=c.start, kernel=c.kernel, bias=c.bias)

    def forward(self, latent: Tensor) -> Tensor:
        images: Tensor = self.layers(latent if self.linear else latent[:, :, None, None])
        return images


class Discriminator(nn.Module):
    """images -> (n,) logits; no BatchNorm on the first layer, unless `first_norm`."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        c, width = config, config.discriminator_width or config.width
        down = downsampling(
            c.channels, c.size, width, norm="batch" if c.discriminator_norm == "batch" else "none", first_norm=c.first_norm,
            kernel=c.kernel, bias=c.bias, slope=c.slope,
        )  # fmt: skip
        self.layers = nn.Sequential(*down, head(c.size, width))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits.flatten()
