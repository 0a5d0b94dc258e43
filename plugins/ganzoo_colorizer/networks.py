"""Generators and discriminators: the U-Net and the PatchGAN of Isola et al. 2017, and the layers of preset s23."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ganzoo_colorizer import ColorizerConfig


class UNet(nn.Module):
    """Lightness (n, 1, h, w) -> a and b (n, 2, h, w), both in [-1, 1]; h and w are multiples of 2**depth.

    Kernels of 4 and stride 2 all the way; each level of the way up also sees the maps of the way down (Isola et al. 2017,
    6.1.1). BatchNorm, so that when it colours a place, it looks at the surroundings alone, not at the whole picture.
    """

    def __init__(self, config: ColorizerConfig) -> None:
        super().__init__()
        widths = [config.width << min(level, 3) for level in range(config.depth)]
        self.down = nn.ModuleList(
            _halving(before, after, norm=before > 1)
            for before, after in zip([1, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(
            _doubling(
                before if level == 0 else 2 * before, after, config.dropout if level < 3 else 0.0
            )
            for level, (before, after) in enumerate(
                zip(widths[::-1], [*widths[-2::-1], 2], strict=True)
            )
        )

    def forward(self, lightness: Tensor) -> Tensor:
        levels: list[Tensor] = []
        for down in self.down:
            levels.append(down(levels[-1] if levels else lightness))
        maps = levels[-1]
        for level, up in enumerate(self.up):
            beside = levels.pop()
            maps = up(torch.cat([maps, beside], dim=1) if level else beside)
        return maps


class PatchGAN(nn.Module):
    """Pictures (n, channels, s, s) -> one logit for each overlapping patch, (n, 1, t, t) (Isola et al. 2017, 6.1.2)."""

    def __init__(self, config: ColorizerConfig, channels: int = 3) -> None:
        super().__init__()
        width = config.discriminator_width
        widths = [width << min(level, 3) for level in range(config.strides + 1)]
        layers: list[nn.Module] = [_halving(channels, width, norm=False)]
        layers += [_halving(before, after) for before, after in pairwise(widths[:-1])]
        layers += [
            nn.Conv2d(widths[-2], widths[-1], 4, 1, 1, bias=False),
            nn.BatchNorm2d(widths[-1]),
            nn.LeakyReLU(0.2, True),
        ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.layers(pictures)
        return logits


class ValidUNet(nn.Module):
    """Grey (n, 1, h, w) -> RGB (n, 3, h, w), 0 or more, from at least 40 pixels a side.

    Convolutions without padding, three levels that shrink by 22, 8 and 8 pixels, and the same way back; no pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            [
                _valid(nn.Conv2d, (1, 16, 5, 4), (16, 32, 3, 2), (32, 32, 3, 1)),
                _valid(nn.Conv2d, (32, 32, 5, 1), (32, 64, 3, 1), (64, 64, 3, 1)),
                _valid(nn.Conv2d, (64, 64, 5, 1), (64, 128, 3, 1), (128, 128, 3, 1)),
            ]
        )
        self.middle = nn.Sequential(nn.Conv2d(128, 128, 3, 1, 1), nn.ReLU(True))
        self.up = nn.ModuleList(
            [
                _valid(nn.ConvTranspose2d, (256, 128, 3, 1), (128, 128, 3, 1), (128, 64, 5, 1)),
                _valid(nn.ConvTranspose2d, (128, 64, 3, 1), (64, 64, 3, 1), (64, 32, 5, 1)),
                _valid(nn.ConvTranspose2d, (64, 32, 3, 1), (32, 32, 3, 2), (32, 3, 5, 4)),
            ]
        )
        init_glorot(self)

    def forward(self, grey: Tensor) -> Tensor:
        levels: list[Tensor] = []
        for down in self.down:
            levels.append(down(levels[-1] if levels else grey))
        maps: Tensor = self.middle(levels[-1])
        for up in self.up:
            maps = up(torch.cat([maps, levels.pop()], dim=1))
        return maps


class ValidDiscriminator(nn.Module):
    """RGB (n, 3, 120, 120) -> (n, 1) logits."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after, kernel in ((3, 32, 7), (32, 64, 5), (64, 128, 3), (128, 256, 3)):
            layers += [
                nn.Conv2d(before, after, kernel),
                nn.ReLU(True),
                nn.Conv2d(after, after, kernel),
                nn.ReLU(True),
            ]
            layers.append(nn.MaxPool2d(2))
        layers.append(nn.Flatten())
        for before, after in ((1024, 512), (512, 128), (128, 16)):
            layers += [nn.Linear(before, after), nn.ReLU(True)]
        self.layers = nn.Sequential(*layers, nn.Linear(16, 1))
        init_glorot(self)

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.layers(pictures)
        return logits


def init_glorot(module: nn.Module) -> None:
    """Weights uniform by Glorot and Bengio 2010, biases 0, as Keras starts."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _halving(before: int, after: int, norm: bool = True) -> nn.Sequential:
    """(n, before, 2h, 2w) -> (n, after, h, w)."""
    layers = [
        nn.Conv2d(before, after, 4, 2, 1, bias=not norm),
        *([nn.BatchNorm2d(after)] if norm else []),
    ]
    return nn.Sequential(*layers, nn.LeakyReLU(0.2, True))


def _doubling(before: int, after: int, dropout: float) -> nn.Sequential:
    """(n, before, h, w) -> (n, after, 2h, 2w); two channels are the last."""
    if after == 2:
        return nn.Sequential(nn.ConvTranspose2d(before, after, 4, 2, 1), nn.Tanh())
    drop = [nn.Dropout(dropout)] if dropout else []
    layers = (
        nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
        nn.BatchNorm2d(after),
        *drop,
        nn.ReLU(True),
    )
    return nn.Sequential(*layers)


def _valid(
    kind: type[nn.Conv2d | nn.ConvTranspose2d], *layers: tuple[int, int, int, int]
) -> nn.Sequential:
    """Layers of (channels before, after, kernel, dilation) without padding; Keras's slope on the way down."""
    made: list[nn.Module] = []
    for before, after, kernel, dilation in layers:
        made.append(kind(before, after, kernel, dilation=dilation))
        made.append(nn.ReLU(True) if kind is nn.ConvTranspose2d else nn.LeakyReLU(0.3, True))
    return nn.Sequential(*made)
