"""U-Net and PatchGAN of Isola et al. 2017, and the networks of preset s23."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ganzoo_colorizer import ColorizerConfig


class UNet(nn.Module):
    """Lightness (n, 1, h, w) -> a and b (n, 2, h, w), both in [-1, 1].

    h and w are multiples of 2**depth. Kernels are 4 x 4 with stride 2; each level up also gets the
    maps of the same level down (Isola et al. 2017, section 6.1.1). BatchNorm, unlike instance
    normalization, keeps the receptive field of a sample local.
    """

    def __init__(self, config: ColorizerConfig) -> None:
        super().__init__()
        widths = [config.width << min(level, 3) for level in range(config.depth)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        before = 1
        for after in widths:
            self.down.append(build_halving(before, after, norm=before > 1))
            before = after
        for level, after in enumerate([*widths[-2::-1], 2]):
            dropout = config.dropout if level < 3 else 0.0
            self.up.append(build_doubling(before, after, dropout))
            before = 2 * after  # concatenated with the maps of the way down

    def forward(self, lightness: Tensor) -> Tensor:
        maps, levels = lightness, []
        for down in self.down:
            maps = down(maps)
            levels.append(maps)
        maps = self.up[0](levels.pop())
        for up in self.up[1:]:
            maps = up(torch.cat([maps, levels.pop()], dim=1))
        colours: Tensor = maps
        return colours


class PatchGAN(nn.Module):
    """images (n, channels, s, s) -> logits of overlapping patches (n, 1, t, t).

    Isola et al. 2017, section 6.1.2.
    """

    def __init__(self, config: ColorizerConfig, channels: int = 3) -> None:
        super().__init__()
        width = config.discriminator_width
        widths = [width << min(level, 3) for level in range(config.strides + 1)]
        layers: list[nn.Module] = [build_halving(channels, width, norm=False)]
        layers += [build_halving(before, after) for before, after in pairwise(widths[:-1])]
        layers += [
            nn.Conv2d(widths[-2], widths[-1], 4, 1, 1, bias=False),
            nn.BatchNorm2d(widths[-1]),
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(widths[-1], 1, 4, 1, 1),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits


class ValidUNet(nn.Module):
    """Grey (n, 1, h, w) -> RGB (n, 3, h, w), 0 or more; h and w are 40 or more.

    Convolutions without padding: three levels that shrink by 22, 8 and 8 pixels, and back.
    """

    def __init__(self) -> None:
        super().__init__()
        conv, transposed = nn.Conv2d, nn.ConvTranspose2d
        self.down = nn.ModuleList(
            [
                build_valid(conv, (1, 16, 5, 4), (16, 32, 3, 2), (32, 32, 3, 1)),
                build_valid(conv, (32, 32, 5, 1), (32, 64, 3, 1), (64, 64, 3, 1)),
                build_valid(conv, (64, 64, 5, 1), (64, 128, 3, 1), (128, 128, 3, 1)),
            ]
        )
        self.middle = nn.Sequential(nn.Conv2d(128, 128, 3, 1, 1), nn.ReLU(True))
        self.up = nn.ModuleList(
            [
                build_valid(transposed, (256, 128, 3, 1), (128, 128, 3, 1), (128, 64, 5, 1)),
                build_valid(transposed, (128, 64, 3, 1), (64, 64, 3, 1), (64, 32, 5, 1)),
                build_valid(transposed, (64, 32, 3, 1), (32, 32, 3, 2), (32, 3, 5, 4)),
            ]
        )
        init_glorot(self)

    def forward(self, grey: Tensor) -> Tensor:
        maps, levels = grey, []
        for down in self.down:
            maps = down(maps)
            levels.append(maps)
        maps = self.middle(maps)
        for up in self.up:
            maps = up(torch.cat([maps, levels.pop()], dim=1))
        colours: Tensor = maps
        return colours


class ValidDiscriminator(nn.Module):
    """RGB (n, 3, 120, 120) -> logits (n, 1)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after, kernel in ((3, 32, 7), (32, 64, 5), (64, 128, 3), (128, 256, 3)):
            layers += [
                nn.Conv2d(before, after, kernel),
                nn.ReLU(True),
                nn.Conv2d(after, after, kernel),
                nn.ReLU(True),
                nn.MaxPool2d(2),
            ]
        layers.append(nn.Flatten())
        for before, after in ((1024, 512), (512, 128), (128, 16)):
            layers += [nn.Linear(before, after), nn.ReLU(True)]
        self.layers = nn.Sequential(*layers, nn.Linear(16, 1))
        init_glorot(self)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits


def init_glorot(module: nn.Module) -> None:
    """Initialise weights by Glorot and Bengio 2010 (uniform) and biases by 0, as Keras does."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def build_halving(before: int, after: int, norm: bool = True) -> nn.Sequential:
    """(n, before, 2h, 2w) -> (n, after, h, w)."""
    layers: list[nn.Module] = [nn.Conv2d(before, after, 4, 2, 1, bias=not norm)]
    if norm:
        layers.append(nn.BatchNorm2d(after))
    return nn.Sequential(*layers, nn.LeakyReLU(0.2, True))


def build_doubling(before: int, after: int, dropout: float) -> nn.Sequential:
    """(n, before, h, w) -> (n, after, 2h, 2w); the last layer (a and b) ends in tanh."""
    if after == 2:
        return nn.Sequential(nn.ConvTranspose2d(before, after, 4, 2, 1), nn.Tanh())
    layers: list[nn.Module] = [
        nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
        nn.BatchNorm2d(after),
    ]
    if dropout:
        layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.ReLU(True))


def build_valid(
    kind: type[nn.Conv2d | nn.ConvTranspose2d], *layers: tuple[int, int, int, int]
) -> nn.Sequential:
    """Layers of (before, after, kernel, dilation) without padding; leaky ReLU with Keras' slope."""
    modules: list[nn.Module] = []
    for before, after, kernel, dilation in layers:
        modules.append(kind(before, after, kernel, dilation=dilation))
        modules.append(nn.ReLU(True) if kind is nn.ConvTranspose2d else nn.LeakyReLU(0.3, True))
    return nn.Sequential(*modules)
