"""Generators (pictures to pictures of the same side) and the patch discriminator."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganzoo.layers import NearestConvolution
from ganzoo.nn import normalization
from ganzoo_cyclegan import CycleGANConfig

WIDEST = 8
"""Times the width: maps do not get more channels than that."""


def generator(config: CycleGANConfig) -> nn.Module:
    """pictures (n, channels, h, w) in [-1, 1] -> the same; sides are multiples of `config.multiple`."""
    return {"resnet": ResNet, "resnet-4x4": ResNet4x4, "unet": UNet}[config.generator](config)


class ResNet(nn.Module):
    """Zhu et al. 2017, section 7.2, after Johnson et al. 2016: c7s1-64, d128, d256, R256 ..., u128, u64, c7s1-3."""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        c, w = config, config.width
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(3), *_normed(c, nn.Conv2d(c.channels, w, 7, bias=_inner(c)), w),
            *_normed(c, nn.Conv2d(w, 2 * w, 3, 2, 1, bias=_inner(c)), 2 * w),
            *_normed(c, nn.Conv2d(2 * w, 4 * w, 3, 2, 1, bias=_inner(c)), 4 * w),
            *(Residual(c, 4 * w, nn.ReflectionPad2d(1)) for _ in range(c.blocks)),
            *_normed(c, _up(c, 4 * w, 2 * w, 3, _inner(c)), 2 * w),
            *_normed(c, _up(c, 2 * w, w, 3, _inner(c)), w),
            nn.ReflectionPad2d(3), nn.Conv2d(w, c.channels, 7, bias=_outer(c)), nn.Tanh(),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        made: Tensor = self.layers(images)
        return made


class ResNet4x4(nn.Module):
    """Three 4 x 4 convolutions of stride 2, residual blocks, three doublings; zeros around the maps."""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        c, w = config, config.width
        self.layers = nn.Sequential(
            *_normed(c, nn.Conv2d(c.channels, w, 4, 2, 1, bias=_inner(c)), w),
            *_normed(c, nn.Conv2d(w, 2 * w, 4, 2, 1, bias=_inner(c)), 2 * w),
            *_normed(c, nn.Conv2d(2 * w, 4 * w, 4, 2, 1, bias=_inner(c)), 4 * w),
            *(Residual(c, 4 * w, nn.ZeroPad2d(1)) for _ in range(c.blocks)),
            *_normed(c, _up(c, 4 * w, 2 * w, 4, _inner(c)), 2 * w),
            *_normed(c, _up(c, 2 * w, w, 4, _inner(c)), w),
            _up(c, w, c.channels, 4, _outer(c)), nn.Tanh(),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        made: Tensor = self.layers(images)
        return made


class Residual(nn.Module):
    """maps -> maps + what two 3 x 3 convolutions make of them; no ReLU after the sum."""

    def __init__(self, config: CycleGANConfig, channels: int, padding: nn.Module) -> None:
        super().__init__()

        def convolution() -> nn.Conv2d:
            return nn.Conv2d(channels, channels, 3, bias=_inner(config))

        self.layers = nn.Sequential(
            padding,
            *_normed(config, convolution(), channels),
            padding,
            convolution(),
            *normalization(config.norm, channels),
        )

    def forward(self, maps: Tensor) -> Tensor:
        added: Tensor = maps + self.layers(maps)
        return added


class UNet(nn.Module):
    """3 x 3 convolutions of stride 2 down, doublings up; each level up sees its mirror level too. ReLU everywhere."""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        c = config
        widths = [c.width * min(1 << level, WIDEST) for level in range(c.depth)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for before, after in zip([c.channels, *widths[:-2]], widths[:-1], strict=True):
            self.down.append(
                nn.Sequential(*_normed(c, nn.Conv2d(before, after, 3, 2, 1, bias=_inner(c)), after))
            )
        # no norm at the smallest maps, which may have a single pixel
        self.down.append(
            nn.Sequential(nn.Conv2d(widths[-2], widths[-1], 3, 2, 1, bias=_outer(c)), nn.ReLU(True))
        )
        before = widths[-1]
        for after in reversed(widths[:-1]):
            self.up.append(nn.Sequential(*_normed(c, _up(c, before, after, 3, _inner(c)), after)))
            before = 2 * after  # beside what comes from below, its mirror level
        self.up.append(nn.Sequential(_up(c, before, c.channels, 3, _outer(c)), nn.Tanh()))

    def forward(self, images: Tensor) -> Tensor:
        passed, maps = [], images
        for down in self.down:
            maps = down(maps)
            passed.append(maps)
        maps = self.up[0](passed.pop())
        for up in self.up[1:]:
            maps = up(torch.cat([maps, passed.pop()], dim=1))
        made: Tensor = maps
        return made


class Discriminator(nn.Module):
    """pictures (n, channels, h, w) -> a map (n, 1, h', w') of raw judgements, each on `config.patch` pixels square."""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        c, before = config, config.channels
        layers: list[nn.Module] = []
        for level, stride in enumerate((2, 2, 2, 1 if c.patch == 70 else 2)):
            after = c.discriminator_width << level
            bias = _inner(c) if level else _outer(c)
            layers += [
                nn.Conv2d(before, after, 4, stride, 1, bias=bias),
                *(normalization(c.norm, after) if level else ()),
            ]
            layers.append(nn.LeakyReLU(c.slope, True))
            before = after
        around = (1, 1, 1, 1) if c.last_padding == "one" else (1, 2, 1, 2)
        self.layers = nn.Sequential(
            *layers, nn.ZeroPad2d(around), nn.Conv2d(before, 1, 4, bias=_outer(c))
        )

    def forward(self, images: Tensor) -> Tensor:
        judged: Tensor = self.layers(images)
        return judged


def _normed(config: CycleGANConfig, convolution: nn.Module, channels: int) -> list[nn.Module]:
    return [convolution, *normalization(config.norm, channels), nn.ReLU(True)]


def _up(config: CycleGANConfig, before: int, after: int, kernel: int, bias: bool) -> nn.Module:
    """(n, before, h, w) -> (n, after, 2h, 2w), by a transposed convolution of that kernel or by nearest neighbours. Around the
    maps is what the generator's other 3 x 3 convolutions have: their mirror image in `resnet`, zeros in the others."""
    if config.upsampling == "nearest":
        return NearestConvolution(before, after, bias=bias, mirrored=config.generator == "resnet")
    return nn.ConvTranspose2d(before, after, kernel, 2, 1, kernel % 2, bias=bias)


def _inner(config: CycleGANConfig) -> bool:
    """Whether a convolution has a bias although a norm follows, which takes its mean away."""
    return config.bias == "all"


def _outer(config: CycleGANConfig) -> bool:
    """Whether one has a bias where no norm follows."""
    return config.bias != "none"
