"""Generator and discriminator of Radford et al. 2016, figure 1: strided convolutions, BatchNorm, no pooling.

With `hidden`, one linear layer more on either side, as Chen et al. 2016 have for digits (appendix C.1)."""

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
            places = [nn.Unflatten(1, (c.hidden, 1, 1))] if c.start == "convolution" else []
            self.layers = nn.Sequential(
                *_hidden(c.latent, c.hidden, nn.ReLU(True)), *places, *self.layers
            )

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
        if not c.hidden:
            self.layers = nn.Sequential(*down, head(c.size, width))
            return
        maps, side = smallest_maps(c.size, width)
        after = _hidden(
            maps * side**2,
            c.hidden,
            nn.LeakyReLU(c.slope, True),
            norm=c.discriminator_norm == "batch",
        )
        self.layers = nn.Sequential(*down, nn.Flatten(), *after, nn.Linear(c.hidden, 1))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits.flatten()


def _hidden(
    before: int, after: int, activation: nn.Module, *, norm: bool = True
) -> list[nn.Module]:
    """(n, before) -> (n, after). Without BatchNorm no two pictures are mixed, and the linear layer has a bias."""
    return [
        nn.Linear(before, after, bias=not norm),
        *([nn.BatchNorm1d(after)] if norm else []),
        activation,
    ]
