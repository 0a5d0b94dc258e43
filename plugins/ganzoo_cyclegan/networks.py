"""Generators, which keep the side of an image, and the patch discriminator."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganzoo.layers import NearestConvolution
from ganzoo.nn import normalization
from ganzoo_cyclegan import CycleGANConfig

WIDEST = 8
"""Most channels of the U-Net's maps, as a multiple of the width."""


def build_generator(config: CycleGANConfig) -> nn.Module:
    """images (n, channels, h, w) in [-1, 1] -> the same; sides are multiples of `multiple`."""
    return {"resnet": ResNet, "resnet-4x4": ResNet4x4, "unet": UNet}[config.generator](config)


class ResNet(nn.Module):
    """Zhu et al. 2017, section 7.2: c7s1-64, d128, d256, R256 ..., u128, u64, c7s1-3."""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        c, w = config, config.width
        inner, outer = c.bias == "all", c.bias != "none"
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(3),
            *with_norm(c, nn.Conv2d(c.channels, w, 7, bias=inner), w),
            *with_norm(c, nn.Conv2d(w, 2 * w, 3, 2, 1, bias=inner), 2 * w),
            *with_norm(c, nn.Conv2d(2 * w, 4 * w, 3, 2, 1, bias=inner), 4 * w),
            *(Residual(c, 4 * w, nn.ReflectionPad2d(1)) for _ in range(c.blocks)),
            *with_norm(c, build_doubling(c, 4 * w, 2 * w, 3, inner), 2 * w),
            *with_norm(c, build_doubling(c, 2 * w, w, 3, inner), w),
            nn.ReflectionPad2d(3),
            nn.Conv2d(w, c.channels, 7, bias=outer),
            nn.Tanh(),
        )

    def forward(self, images: Tensor) -> Tensor:
        translations: Tensor = self.layers(images)
        return translations


class ResNet4x4(nn.Module):
    """Three 4 x 4 convolutions of stride 2, residual blocks, three doublings; zero padding."""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        c, w = config, config.width
        inner, outer = c.bias == "all", c.bias != "none"
        self.layers = nn.Sequential(
            *with_norm(c, nn.Conv2d(c.channels, w, 4, 2, 1, bias=inner), w),
            *with_norm(c, nn.Conv2d(w, 2 * w, 4, 2, 1, bias=inner), 2 * w),
            *with_norm(c, nn.Conv2d(2 * w, 4 * w, 4, 2, 1, bias=inner), 4 * w),
            *(Residual(c, 4 * w, nn.ZeroPad2d(1)) for _ in range(c.blocks)),
            *with_norm(c, build_doubling(c, 4 * w, 2 * w, 4, inner), 2 * w),
            *with_norm(c, build_doubling(c, 2 * w, w, 4, inner), w),
            build_doubling(c, w, c.channels, 4, outer),
            nn.Tanh(),
        )

    def forward(self, images: Tensor) -> Tensor:
        translations: Tensor = self.layers(images)
        return translations


class Residual(nn.Module):
    """maps -> maps + two 3 x 3 convolutions of them; no ReLU after the sum."""

    def __init__(self, config: CycleGANConfig, channels: int, padding: nn.Module) -> None:
        super().__init__()
        bias = config.bias == "all"
        self.layers = nn.Sequential(
            padding,
            *with_norm(config, nn.Conv2d(channels, channels, 3, bias=bias), channels),
            padding,
            nn.Conv2d(channels, channels, 3, bias=bias),
            *normalization(config.norm, channels),
        )

    def forward(self, maps: Tensor) -> Tensor:
        added: Tensor = maps + self.layers(maps)
        return added


class UNet(nn.Module):
    """3 x 3 convolutions of stride 2 down, doublings up with skip connections; ReLU everywhere."""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        c = config
        inner, outer = c.bias == "all", c.bias != "none"
        widths = [c.width * min(1 << level, WIDEST) for level in range(c.depth)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        before = c.channels
        for after in widths[:-1]:
            convolution = nn.Conv2d(before, after, 3, 2, 1, bias=inner)
            self.down.append(nn.Sequential(*with_norm(c, convolution, after)))
            before = after
        # no norm at the smallest maps, which may have one pixel
        convolution = nn.Conv2d(before, widths[-1], 3, 2, 1, bias=outer)
        self.down.append(nn.Sequential(convolution, nn.ReLU(True)))
        before = widths[-1]
        for after in reversed(widths[:-1]):
            doubling = build_doubling(c, before, after, 3, inner)
            self.up.append(nn.Sequential(*with_norm(c, doubling, after)))
            before = 2 * after  # concatenated with the maps of the way down
        self.up.append(nn.Sequential(build_doubling(c, before, c.channels, 3, outer), nn.Tanh()))

    def forward(self, images: Tensor) -> Tensor:
        levels, maps = [], images
        for down in self.down:
            maps = down(maps)
            levels.append(maps)
        maps = self.up[0](levels.pop())
        for up in self.up[1:]:
            maps = up(torch.cat([maps, levels.pop()], dim=1))
        translations: Tensor = maps
        return translations


class Discriminator(nn.Module):
    """images (n, channels, h, w) -> scores (n, 1, h', w'), each of a patch of `patch` pixels."""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        c, before = config, config.channels
        inner, outer = c.bias == "all", c.bias != "none"
        layers: list[nn.Module] = []
        for level, stride in enumerate((2, 2, 2, 1 if c.patch == 70 else 2)):
            after = c.discriminator_width << level
            layers.append(nn.Conv2d(before, after, 4, stride, 1, bias=inner if level else outer))
            if level:
                layers += normalization(c.norm, after)
            layers.append(nn.LeakyReLU(c.slope, True))
            before = after
        padding = (1, 1, 1, 1) if c.last_padding == "one" else (1, 2, 1, 2)
        layers += [nn.ZeroPad2d(padding), nn.Conv2d(before, 1, 4, bias=outer)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        patch_scores: Tensor = self.layers(images)
        return patch_scores


def with_norm(config: CycleGANConfig, convolution: nn.Module, channels: int) -> list[nn.Module]:
    """`convolution`, the config's norm and ReLU."""
    return [convolution, *normalization(config.norm, channels), nn.ReLU(True)]


def build_doubling(
    config: CycleGANConfig, before: int, after: int, kernel: int, bias: bool
) -> nn.Module:
    """(n, before, h, w) -> (n, after, 2h, 2w), by `upsampling`.

    A 3 x 3 convolution after nearest neighbours is padded as the generator's others: by reflection
    in `resnet`, by zeros elsewhere.
    """
    if config.upsampling == "nearest":
        return NearestConvolution(before, after, bias=bias, mirrored=config.generator == "resnet")
    return nn.ConvTranspose2d(before, after, kernel, 2, 1, kernel % 2, bias=bias)
