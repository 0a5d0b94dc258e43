"""Generator, siamese network and patch discriminator."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.layers import NearestConvolution
from ganzoo.nn import Norm, downsampling, head, smallest_maps
from ganzoo_siamese import SiameseConfig

INSIDE = 0.99
"""Scale of images before atanh, so that black and white are finite."""


class Generator(nn.Module):
    """images (n, channels, h, w) in [-1, 1] -> the same; sides are multiples of MULTIPLE.

    Two halvings, residual blocks and two doublings, with skip connections by addition. The output
    is a change of the input, added before tanh, so that the initial generator is close to the
    identity. The first layer has no norm: one over channels would remove the brightness of a place.
    With channel norms, a tile is translated as in the whole image, its border aside.
    """

    def __init__(self, config: SiameseConfig) -> None:
        super().__init__()
        c, w = config, config.width
        norm = NORMS[c.norm]
        self.stem = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(c.channels, w, 7), nn.ReLU(True))
        self.to_half = build_halving(w, 2 * w, norm)
        self.to_quarter = build_halving(2 * w, 4 * w, norm)
        self.blocks = nn.Sequential(*(Residual(4 * w, norm) for _ in range(c.blocks)))
        self.from_quarter = build_doubling(4 * w, 2 * w, norm)
        self.from_half = build_doubling(2 * w, w, norm)
        self.last = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(w, c.channels, 7))

    def forward(self, images: Tensor) -> Tensor:
        whole = self.stem(images)
        half = self.to_half(whole)
        half = half + self.from_quarter(self.blocks(self.to_quarter(half)))
        return torch.tanh(torch.atanh(INSIDE * images) + self.last(whole + self.from_half(half)))


class Encoder(nn.Module):
    """The siamese network: k batches of images (n, channels, 2S, 2S) -> vectors (k, n, vector).

    Image i of each batch belongs together: augmentation treats them alike.
    """

    def __init__(self, config: SiameseConfig) -> None:
        super().__init__()
        c, side = config, 2 * config.tile
        down = downsampling(c.channels, side, c.siamese_width, norm="layer")
        self.layers = nn.Sequential(*down, head(side, c.siamese_width, c.vector))

    def forward(self, *batches: Tensor) -> Tensor:
        vectors: Tensor = self.layers(torch.cat(batches))
        return vectors.view(len(batches), len(batches[0]), -1)


def build_discriminator(config: SiameseConfig) -> nn.Module:
    """images (n, channels, h, w) -> scores (n, 1, h', w'), each of a patch of 46 x 46 pixels."""
    side, width = 32, config.discriminator_width
    norm: Norm = "none" if config.discriminator_norm == "spectral" else config.discriminator_norm
    down = downsampling(config.channels, side, width, norm=norm)
    return nn.Sequential(*down, nn.Conv2d(smallest_maps(side, width)[0], 1, 4, padding=1))


class Residual(nn.Module):
    """maps -> maps + two 3 x 3 convolutions of them."""

    def __init__(self, channels: int, norm: MapsNorm) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            norm(channels),
            nn.ReLU(True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            norm(channels),
        )

    def forward(self, maps: Tensor) -> Tensor:
        added: Tensor = maps + self.layers(maps)
        return added


class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of each place of maps (n, channels, h, w)."""

    def forward(self, maps: Tensor) -> Tensor:
        places = maps.permute(0, 2, 3, 1)  # no copy if maps are channels-last
        normed = F.layer_norm(places, self.normalized_shape, self.weight, self.bias, self.eps)
        return normed.to(maps.dtype).permute(0, 3, 1, 2)


class QuartersNorm(nn.InstanceNorm2d):
    """Affine instance normalization that in training joins the four tiles of an image.

    Rows 4i to 4i + 3 of a batch are the quarters of image i; normalized together, they have the
    statistics that the whole image has in sampling.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=True)

    def forward(self, maps: Tensor) -> Tensor:
        if not self.training:
            return super().forward(maps)
        n, channels, height, width = maps.shape
        if n % 4:
            raise ValueError(
                f"{n} maps in training, where each image has four; call eval() for whole images"
            )
        # channels-last throughout, so that nothing is copied
        stacked = maps.permute(0, 2, 3, 1).reshape(n // 4, 4 * height, width, channels)
        normed = super().forward(stacked.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return normed.reshape(n, height, width, channels).permute(0, 3, 1, 2)


MapsNorm = type[ChannelNorm] | type[QuartersNorm]
NORMS: dict[str, MapsNorm] = {"channel": ChannelNorm, "instance": QuartersNorm}


def build_halving(before: int, after: int, norm: MapsNorm) -> nn.Sequential:
    """(n, before, h, w) -> (n, after, h / 2, w / 2)."""
    convolution = nn.Conv2d(before, after, 3, 2)
    return nn.Sequential(nn.ReflectionPad2d(1), convolution, norm(after), nn.ReLU(True))


def build_doubling(before: int, after: int, norm: MapsNorm) -> nn.Sequential:
    """(n, before, h, w) -> (n, after, 2h, 2w), without the grid of transposed convolutions."""
    convolution = NearestConvolution(before, after, mirrored=True)
    return nn.Sequential(convolution, norm(after), nn.ReLU(True))
