"""Networks of Radford et al. 2016, figure 1: strided convolutions and BatchNorm, no pooling.

With `hidden`, each has one more linear layer (Chen et al. 2016, appendix C.1).
"""

from __future__ import annotations

from torch import Tensor, nn

from ganzoo.nn import downsampling, head, smallest_maps, upsampling
from ganzoo_dcgan import DCGANConfig


class Generator(nn.Module):
    """latent (n, latent) -> images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        c = config
        self.linear = bool(c.hidden) or c.start != "convolution"
        self.layers = upsampling(
            c.hidden or c.latent,
            c.channels,
            c.size,
            c.width,
            start=c.start,
            kernel=c.kernel,
            bias=c.bias,
        )
        if c.hidden:
            before = hidden_layer(c.latent, c.hidden, nn.ReLU(True))
            if c.start == "convolution":
                before.append(nn.Unflatten(1, (c.hidden, 1, 1)))
            self.layers = nn.Sequential(*before, *self.layers)

    def forward(self, latent: Tensor) -> Tensor:
        images: Tensor = self.layers(latent if self.linear else latent[:, :, None, None])
        return images


class Discriminator(nn.Module):
    """images (n, channels, size, size) -> logits (n,)."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        c, width = config, config.discriminator_width or config.width
        batch_norm = c.discriminator_norm == "batch"
        down = downsampling(
            c.channels,
            c.size,
            width,
            norm="batch" if batch_norm else "none",
            first_norm=c.first_norm,
            kernel=c.kernel,
            bias=c.bias,
            slope=c.slope,
        )
        if not c.hidden:
            self.layers = nn.Sequential(*down, head(c.size, width))
            return
        maps, side = smallest_maps(c.size, width)
        activation = nn.LeakyReLU(c.slope, True)
        after = hidden_layer(maps * side**2, c.hidden, activation, norm=batch_norm)
        self.layers = nn.Sequential(*down, nn.Flatten(), *after, nn.Linear(c.hidden, 1))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits.flatten()


def hidden_layer(
    before: int, after: int, activation: nn.Module, *, norm: bool = True
) -> list[nn.Module]:
    """(n, before) -> (n, after). Without BatchNorm the linear layer has a bias."""
    layers: list[nn.Module] = [nn.Linear(before, after, bias=not norm)]
    if norm:
        layers.append(nn.BatchNorm1d(after))
    return [*layers, activation]
