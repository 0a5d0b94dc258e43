"""The generator, which knows no place and no picture as a whole, and the siamese network."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.layers import NearestConvolution
from ganzoo.nn import Norm, downsampling, head, smallest_maps
from ganzoo_siamese import SiameseConfig

INSIDE = 0.99
"""Of a level: black and white come from numbers that are finite."""


class Generator(nn.Module):
    """pictures (n, channels, h, w) in [-1, 1] -> the same; sides are multiples of MULTIPLE.

    Two halvings, residual blocks, two doublings, to which the maps before each halving are added. There is no norm behind the
    first layer, for one over the channels of a place leaves little of how bright the place is. Where all norms are such, a tile
    comes out as it does in the whole picture, but for its border. What is made is a change of the picture, added before the tanh:
    so a picture stays what it is until there is a reason to change it."""

    def __init__(self, config: SiameseConfig) -> None:
        super().__init__()
        c, w = config, config.width
        self.stem = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(c.channels, w, 7), nn.ReLU(True))
        norm = NORMS[c.norm]
        self.to_half, self.to_quarter = _halving(w, 2 * w, norm), _halving(2 * w, 4 * w, norm)
        self.blocks = nn.Sequential(*(Residual(4 * w, norm) for _ in range(c.blocks)))
        self.from_quarter, self.from_half = _doubling(4 * w, 2 * w, norm), _doubling(2 * w, w, norm)
        self.last = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(w, c.channels, 7))

    def forward(self, images: Tensor) -> Tensor:
        whole = self.stem(images)
        half = self.to_half(whole)
        half = half + self.from_quarter(self.blocks(self.to_quarter(half)))
        return torch.tanh(torch.atanh(INSIDE * images) + self.last(whole + self.from_half(half)))


class Encoder(nn.Module):
    """The siamese network: k times pictures (n, channels, 2S, 2S) -> vectors (k, n, vector).

    Pictures of one call at the same place belong together: where training moves or covers them, it does the same to all."""

    def __init__(self, config: SiameseConfig) -> None:
        super().__init__()
        c, side = config, 2 * config.tile
        down = downsampling(c.channels, side, c.siamese_width, norm="layer")
        self.layers = nn.Sequential(*down, head(side, c.siamese_width, c.vector))

    def forward(self, *pictures: Tensor) -> Tensor:
        vectors: Tensor = self.layers(torch.cat(pictures))
        return vectors.view(len(pictures), len(pictures[0]), -1)


def discriminator(config: SiameseConfig) -> nn.Module:
    """pictures (n, channels, h, w) -> a map (n, 1, h', w') of raw judgements, each on 46 pixels square."""
    side, width = 32, config.discriminator_width
    norm: Norm = "none" if config.discriminator_norm == "spectral" else config.discriminator_norm
    down = downsampling(config.channels, side, width, norm=norm)
    return nn.Sequential(*down, nn.Conv2d(smallest_maps(side, width)[0], 1, 4, padding=1))


class Residual(nn.Module):
    """maps -> maps + what two 3 x 3 convolutions make of them."""

    def __init__(self, channels: int, norm: MapsNorm) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_same(channels, channels, norm), *_same(channels, channels, norm)[:-1]
        )

    def forward(self, maps: Tensor) -> Tensor:
        added: Tensor = maps + self.layers(maps)
        return added


class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of each place of maps (n, channels, h, w), with a scale and a shift a channel."""

    def forward(self, maps: Tensor) -> Tensor:
        places = maps.permute(0, 2, 3, 1)  # no copy where maps are channels-last
        normed = F.layer_norm(places, self.normalized_shape, self.weight, self.bias, self.eps)
        return normed.to(maps.dtype).permute(0, 3, 1, 2)


class QuartersNorm(nn.InstanceNorm2d):
    """Instance normalization with a scale and a shift a channel. In training, the quarters of a picture, which follow each
    other, are normalized together: the picture that they are put together to is what the whole one is in sampling."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=True)

    def forward(self, maps: Tensor) -> Tensor:
        if not self.training:
            return super().forward(maps)
        n, channels, height, width = maps.shape
        if n % 4:
            raise ValueError(
                f"{n} maps in training, where four and four are of one picture; call eval() for whole pictures"
            )
        together = maps.permute(0, 2, 3, 1).reshape(
            n // 4, 4 * height, width, channels
        )  # no copy of channels-last maps
        normed = super().forward(together.permute(0, 3, 1, 2))
        return normed.permute(0, 2, 3, 1).reshape(n, height, width, channels).permute(0, 3, 1, 2)


MapsNorm = type[ChannelNorm] | type[QuartersNorm]
NORMS: dict[str, MapsNorm] = {"channel": ChannelNorm, "instance": QuartersNorm}


def _normed(convolution: nn.Module, channels: int, norm: MapsNorm) -> list[nn.Module]:
    return [convolution, norm(channels), nn.ReLU(True)]


def _same(before: int, after: int, norm: MapsNorm) -> list[nn.Module]:
    """3 x 3, the side kept."""
    return [nn.ReflectionPad2d(1), *_normed(nn.Conv2d(before, after, 3), after, norm)]


def _halving(before: int, after: int, norm: MapsNorm) -> nn.Sequential:
    return nn.Sequential(
        nn.ReflectionPad2d(1), *_normed(nn.Conv2d(before, after, 3, 2), after, norm)
    )


def _doubling(before: int, after: int, norm: MapsNorm) -> nn.Sequential:
    """Nearest neighbours, then a convolution: transposed ones would weave a pattern that nothing here forbids."""
    return nn.Sequential(*_normed(NearestConvolution(before, after, mirrored=True), after, norm))
