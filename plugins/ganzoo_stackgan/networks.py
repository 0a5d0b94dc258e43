"""An encoder of sentences and one of pictures; then the networks of Zhang et al. 2017, sections 3.2 to 3.4."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.layers import NearestConvolution
from ganzoo.nn import downsampling, kl_to_normal, normalization, smallest_maps
from ganzoo.text import PAD
from ganzoo_stackgan import StackGANConfig

WIDEST = 8
"""Times the width: maps do not get more channels than that."""
NARROWEST = 4
"""Channels, however often maps double."""
SIDE = 4
"""Of the smallest maps of the first stage and of the discriminators."""
TEMPERATURE = 0.07
"""At the start (Radford et al. 2021, section 2.5)."""
SHARPEST = 0.01
"""The temperature that is never fallen below (there)."""


class Sentence(nn.Module):
    """tokens (n, words) -> what they mean, (n, meaning), of length sqrt(meaning), so that a number is about 1.

    Convolutions over words, then mean and maximum over time (Kim 2014, section 2). Padding changes nothing."""

    def __init__(self, config: StackGANConfig) -> None:
        super().__init__()
        c = config
        self.word = nn.Embedding(len(c.vocabulary) + 2, c.text_width, padding_idx=PAD)
        self.layers = nn.ModuleList(Neighbours(c.text_width) for _ in range(c.text_layers))
        self.meaning = nn.Linear(2 * c.text_width, c.meaning)

    def forward(self, tokens: Tensor) -> Tensor:
        there = (tokens != PAD)[:, :, None]
        words = self.word(tokens) * there
        for layer in self.layers:
            words = layer(words, there)
        mean = words.sum(dim=1) / there.sum(dim=1).clamp(min=1)
        most = words.masked_fill(~there, torch.finfo(words.dtype).min).amax(dim=1) * there.any(
            dim=1
        )
        return normalized(self.meaning(torch.cat([mean, most], dim=1)))


class Neighbours(nn.Module):
    """words (n, length, width), 0 where not `there` (n, length, 1) -> the same, each with what three neighbours add."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.convolution = nn.Conv1d(width, width, 3, padding=1)

    def forward(self, words: Tensor, there: Tensor) -> Tensor:
        seen = F.relu(self.norm(words)) * there
        added: Tensor = self.convolution(seen.transpose(1, 2)).transpose(1, 2)
        return words + added * there


class Matcher(nn.Module):
    """pictures (n, channels, stage1, stage1), meanings (n, meaning) -> how well sentence i fits picture j, (n, n) in float32:
    their cosine over a learned temperature (Radford et al. 2021, figure 3)."""

    def __init__(self, config: StackGANConfig) -> None:
        super().__init__()
        c = config
        maps, _ = smallest_maps(c.stage1, c.discriminator_width)
        self.picture = nn.Sequential(
            *downsampling(c.channels, c.stage1, c.discriminator_width, slope=c.slope),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(maps, c.meaning),
        )  # fmt: skip
        self.temperature = Temperature()

    def forward(self, pictures: Tensor, meaning: Tensor) -> Tensor:
        seen = normalized(self.picture(pictures))
        with torch.autocast(seen.device.type, enabled=False):
            fits: Tensor = self.temperature(meaning.float() @ seen.float().T / meaning.shape[1])
        return fits


class Temperature(nn.Module):
    """cosines -> the same over a learned temperature."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(-math.log(TEMPERATURE)))

    def forward(self, cosines: Tensor) -> Tensor:
        return cosines * self.scale.exp().clamp(max=1 / SHARPEST)


class Condition(NamedTuple):
    """`values` (n, condition); `kl` (n,): divergence of what they are drawn from to N(0, I), in nats a number."""

    values: Tensor
    kl: Tensor


class Augmentation(nn.Module):
    """Conditioning augmentation (section 3.2): meaning (n, meaning), epsilon (n, condition) of N(0, I) -> Condition.

    Where the configuration has none, `epsilon` is None: the mean alone, and a divergence of 0."""

    def __init__(self, config: StackGANConfig) -> None:
        super().__init__()
        self.layer = nn.Linear(config.meaning, (2 if config.augmentation else 1) * config.condition)

    def forward(self, meaning: Tensor, epsilon: Tensor | None) -> Condition:
        given = self.layer(meaning).float()
        if epsilon is None:
            return Condition(given, given.new_zeros(len(given)))
        mean, log_variance = given.chunk(2, dim=1)
        values = mean + (log_variance / 2).exp() * epsilon
        return Condition(values, kl_to_normal(mean, log_variance) / mean.shape[1])


class Drawn(NamedTuple):
    """`pictures` in [-1, 1]; `kl` (n,): that of the stage's condition."""

    pictures: Tensor
    kl: Tensor


class Stage1(nn.Module):
    """latent (n, latent), meaning, epsilon -> pictures (n, channels, stage1, stage1) (section 3.3)."""

    def __init__(self, config: StackGANConfig) -> None:
        super().__init__()
        c, width = config, WIDEST * config.generator_width
        self.condition = Augmentation(c)
        self.layers = nn.Sequential(
            nn.Linear(c.condition + c.latent, width * SIDE**2, bias=False),
            nn.Unflatten(1, (width, SIDE, SIDE)),
            *_activated(width),
            *_enlarging(width, doublings(SIDE, c.stage1), c.channels),
        )

    def forward(self, latent: Tensor, meaning: Tensor, epsilon: Tensor | None) -> Drawn:
        condition = self.condition(meaning, epsilon)
        return Drawn(self.layers(torch.cat([condition.values, latent], dim=1)), condition.kl)


class Stage2(nn.Module):
    """pictures of Stage1, meaning, epsilon -> pictures (n, channels, size, size) (section 3.4): halved twice, the condition laid
    over the maps, residual blocks, doubled again."""

    def __init__(self, config: StackGANConfig) -> None:
        super().__init__()
        c, width = config, config.generator_width
        self.condition = Augmentation(c) if c.text_twice else None
        self.encoder = nn.Sequential(
            _convolution(c.channels, width),
            nn.ReLU(True),
            *_halving(width, 2 * width),
            *_halving(2 * width, 4 * width),
        )
        self.layers = nn.Sequential(
            _convolution(4 * width + (c.condition if c.text_twice else 0), 4 * width),
            *_activated(4 * width),
            *(Residual(4 * width) for _ in range(c.blocks)),
            *_enlarging(4 * width, doublings(c.stage1 // 4, c.size), c.channels),
        )

    def forward(self, small: Tensor, meaning: Tensor, epsilon: Tensor | None) -> Drawn:
        maps = self.encoder(small)
        if self.condition is None:
            return Drawn(self.layers(maps), meaning.new_zeros(len(meaning)))
        condition = self.condition(meaning, epsilon)
        return Drawn(self.layers(beside(maps, condition.values)), condition.kl)


class Residual(nn.Module):
    """maps -> ReLU(maps + what two 3 x 3 convolutions make of them)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _convolution(channels, channels),
            *_activated(channels),
            _convolution(channels, channels),
            nn.BatchNorm2d(channels),
        )

    def forward(self, maps: Tensor) -> Tensor:
        return torch.relu(maps + self.layers(maps))


class Discriminator(nn.Module):
    """pictures (n, channels, size, size), meanings (n, meaning) each -> logits (n,) of their fitting, one for each of `meanings`:
    (k, n). What the pictures look like is worked out once."""

    def __init__(self, config: StackGANConfig, size: int) -> None:
        super().__init__()
        c, batch = config, config.discriminator_norm == "batch"
        widths = [
            c.discriminator_width * min(1 << level, WIDEST)
            for level in range(doublings(SIDE, size))
        ]
        layers: list[nn.Module] = []
        for before, after in zip([c.channels, *widths[:-1]], widths, strict=True):
            normed = batch and before != c.channels
            layers += [
                nn.Conv2d(before, after, 4, 2, 1, bias=not normed),
                *_judged(after, normed, c.slope),
            ]
        self.picture = nn.Sequential(*layers)
        self.sentence = nn.Sequential(nn.Linear(c.meaning, c.compressed), nn.LeakyReLU(c.slope))
        self.both = nn.Sequential(
            nn.Conv2d(widths[-1] + c.compressed, widths[-1], 1, bias=not batch), *_judged(widths[-1], batch, c.slope),
            nn.Conv2d(widths[-1], 1, SIDE),
        )  # fmt: skip

    def forward(self, pictures: Tensor, *meanings: Tensor) -> Tensor:
        maps = self.picture(pictures)
        return torch.stack(
            [self.both(beside(maps, self.sentence(meaning))).flatten() for meaning in meanings]
        )


def normalized(vectors: Tensor) -> Tensor:
    """(n, d), of length sqrt(d) in float32."""
    return F.normalize(vectors.float()) * math.sqrt(vectors.shape[1])


def beside(maps: Tensor, values: Tensor) -> Tensor:
    """maps (n, channels, h, w), values (n, d) -> (n, channels + d, h, w): each value all over a plane."""
    return torch.cat(
        [maps, values[:, :, None, None].expand(-1, -1, *maps.shape[2:]).to(maps.dtype)], dim=1
    )


def doublings(small: int, large: int) -> int:
    """How often a side doubles from `small` to `large`."""
    return (large // small).bit_length() - 1


def _enlarging(width: int, times: int, channels: int) -> list[nn.Module]:
    """Maps of `width` channels -> pictures of 2^times the side: nearest neighbours and 3 x 3 convolutions, in one layer. What
    stands before it keeps the numbers of the layers as they are in published weights."""
    layers: list[nn.Module] = []
    for _ in range(times):
        after = max(width // 2, NARROWEST)
        layers += [nn.Identity(), NearestConvolution(width, after, bias=False), *_activated(after)]
        width = after
    return [*layers, _convolution(width, channels), nn.Tanh()]


def _halving(before: int, after: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 4, 2, 1, bias=False), *_activated(after)]


def _activated(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU(True)]


def _judged(channels: int, normed: bool, slope: float) -> list[nn.Module]:
    return [*normalization("batch" if normed else "none", channels), nn.LeakyReLU(slope, True)]


def _convolution(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, 1, 1, bias=False)
