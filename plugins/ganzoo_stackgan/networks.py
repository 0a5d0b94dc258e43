"""Text encoder and matcher, then the networks of Zhang et al. 2017, sections 3.2 to 3.4.

An embedding is a text embedding (n, meaning).
"""

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
"""Most channels of any maps, as a multiple of the width."""
NARROWEST = 4
"""Fewest channels of a generator's maps."""
SIDE = 4
"""Side of the smallest maps of the first stage and of the discriminators."""
TEMPERATURE = 0.07
"""Initial temperature (Radford et al. 2021, section 2.5)."""
SHARPEST = 0.01
"""Least temperature (Radford et al. 2021, section 2.5)."""


class TextEncoder(nn.Module):
    """tokens (n, words) -> embeddings (n, meaning) of length sqrt(meaning).

    Convolutions over words, then mean and maximum over time (Kim 2014, section 2). Padding has no
    effect.
    """

    def __init__(self, config: StackGANConfig) -> None:
        super().__init__()
        c = config
        self.word = nn.Embedding(len(c.vocabulary) + 2, c.text_width, padding_idx=PAD)
        self.layers = nn.ModuleList(WordConvolution(c.text_width) for _ in range(c.text_layers))
        self.meaning = nn.Linear(2 * c.text_width, c.meaning)

    def forward(self, tokens: Tensor) -> Tensor:
        mask = (tokens != PAD)[:, :, None]
        words = self.word(tokens) * mask
        for layer in self.layers:
            words = layer(words, mask)
        mean = words.sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        lowest = torch.finfo(words.dtype).min
        maximum = words.masked_fill(~mask, lowest).amax(dim=1) * mask.any(dim=1)
        return normalize(self.meaning(torch.cat([mean, maximum], dim=1)))


class WordConvolution(nn.Module):
    """words (n, length, width), mask (n, length, 1) -> words plus a convolution over 3 of them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.convolution = nn.Conv1d(width, width, 3, padding=1)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        active = F.relu(self.norm(words)) * mask
        added: Tensor = self.convolution(active.transpose(1, 2)).transpose(1, 2)
        return words + added * mask


class Matcher(nn.Module):
    """images (n, channels, stage1, stage1), embeddings -> logits (n, n) that text i fits image j.

    Cosines over a learned temperature (Radford et al. 2021, figure 3), in float32.
    """

    def __init__(self, config: StackGANConfig) -> None:
        super().__init__()
        c = config
        maps, _ = smallest_maps(c.stage1, c.discriminator_width)
        self.picture = nn.Sequential(
            *downsampling(c.channels, c.stage1, c.discriminator_width, slope=c.slope),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(maps, c.meaning),
        )
        self.temperature = Temperature()

    def forward(self, images: Tensor, embeddings: Tensor) -> Tensor:
        encoded = normalize(self.picture(images))
        with torch.autocast(encoded.device.type, enabled=False):
            cosines = embeddings.float() @ encoded.float().T / embeddings.shape[1]
            logits: Tensor = self.temperature(cosines)
        return logits


class Temperature(nn.Module):
    """cosines -> cosines over a learned temperature."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(-math.log(TEMPERATURE)))

    def forward(self, cosines: Tensor) -> Tensor:
        return cosines * self.scale.exp().clamp(max=1 / SHARPEST)


class Condition(NamedTuple):
    """`values` (n, condition); `kl` (n,): their KL divergence from N(0, I), in nats a number."""

    values: Tensor
    kl: Tensor


class Augmentation(nn.Module):
    """Conditioning augmentation (section 3.2): embeddings, epsilon (n, condition) -> Condition.

    `epsilon` is N(0, I). If it is None, the values are the mean and the divergence is 0.
    """

    def __init__(self, config: StackGANConfig) -> None:
        super().__init__()
        self.layer = nn.Linear(config.meaning, (2 if config.augmentation else 1) * config.condition)

    def forward(self, embeddings: Tensor, epsilon: Tensor | None) -> Condition:
        parameters = self.layer(embeddings).float()
        if epsilon is None:
            return Condition(parameters, parameters.new_zeros(len(parameters)))
        mean, log_variance = parameters.chunk(2, dim=1)
        values = mean + (log_variance / 2).exp() * epsilon
        return Condition(values, kl_to_normal(mean, log_variance) / mean.shape[1])


class Generated(NamedTuple):
    """`images` in [-1, 1]; `kl` (n,): that of the stage's condition."""

    images: Tensor
    kl: Tensor


class Stage1(nn.Module):
    """latent (n, latent), embeddings, epsilon -> images (n, channels, stage1, stage1).

    Section 3.3.
    """

    def __init__(self, config: StackGANConfig) -> None:
        super().__init__()
        c, width = config, WIDEST * config.generator_width
        self.condition = Augmentation(c)
        self.layers = nn.Sequential(
            nn.Linear(c.condition + c.latent, width * SIDE**2, bias=False),
            nn.Unflatten(1, (width, SIDE, SIDE)),
            nn.BatchNorm2d(width),
            nn.ReLU(True),
            *build_upsampling(width, count_doublings(SIDE, c.stage1), c.channels),
        )

    def forward(self, latent: Tensor, embeddings: Tensor, epsilon: Tensor | None) -> Generated:
        condition = self.condition(embeddings, epsilon)
        return Generated(self.layers(torch.cat([condition.values, latent], dim=1)), condition.kl)


class Stage2(nn.Module):
    """images of Stage1, embeddings, epsilon -> images (n, channels, size, size).

    Section 3.4: two halvings, the condition as planes, residual blocks, doublings.
    """

    def __init__(self, config: StackGANConfig) -> None:
        super().__init__()
        c, width = config, config.generator_width
        planes = c.condition if c.text_twice else 0
        self.condition = Augmentation(c) if c.text_twice else None
        self.encoder = nn.Sequential(
            convolution3x3(c.channels, width),
            nn.ReLU(True),
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(True),
            nn.Conv2d(2 * width, 4 * width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(4 * width),
            nn.ReLU(True),
        )
        self.layers = nn.Sequential(
            convolution3x3(4 * width + planes, 4 * width),
            nn.BatchNorm2d(4 * width),
            nn.ReLU(True),
            *(Residual(4 * width) for _ in range(c.blocks)),
            *build_upsampling(4 * width, count_doublings(c.stage1 // 4, c.size), c.channels),
        )

    def forward(self, small: Tensor, embeddings: Tensor, epsilon: Tensor | None) -> Generated:
        maps = self.encoder(small)
        if self.condition is None:
            return Generated(self.layers(maps), embeddings.new_zeros(len(embeddings)))
        condition = self.condition(embeddings, epsilon)
        return Generated(self.layers(append_planes(maps, condition.values)), condition.kl)


class Residual(nn.Module):
    """maps -> ReLU(maps + two 3 x 3 convolutions of them)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            convolution3x3(channels, channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(True),
            convolution3x3(channels, channels),
            nn.BatchNorm2d(channels),
        )

    def forward(self, maps: Tensor) -> Tensor:
        return torch.relu(maps + self.layers(maps))


class Discriminator(nn.Module):
    """images (n, channels, size, size), k batches of embeddings -> logits (k, n).

    Logits that images are real and fit the text. The maps of the images are computed once.
    """

    def __init__(self, config: StackGANConfig, size: int) -> None:
        super().__init__()
        c, batch_norm = config, config.discriminator_norm == "batch"
        layers: list[nn.Module] = []
        before = c.channels
        for level in range(count_doublings(SIDE, size)):
            after = c.discriminator_width * min(1 << level, WIDEST)
            norm = batch_norm and level > 0
            layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=not norm))
            layers += normalization("batch" if norm else "none", after)
            layers.append(nn.LeakyReLU(c.slope, True))
            before = after
        self.picture = nn.Sequential(*layers)
        self.sentence = nn.Sequential(nn.Linear(c.meaning, c.compressed), nn.LeakyReLU(c.slope))
        self.both = nn.Sequential(
            nn.Conv2d(before + c.compressed, before, 1, bias=not batch_norm),
            *normalization("batch" if batch_norm else "none", before),
            nn.LeakyReLU(c.slope, True),
            nn.Conv2d(before, 1, SIDE),
        )

    def forward(self, images: Tensor, *embeddings: Tensor) -> Tensor:
        maps = self.picture(images)
        logits = [
            self.both(append_planes(maps, self.sentence(batch))).flatten() for batch in embeddings
        ]
        return torch.stack(logits)


def normalize(vectors: Tensor) -> Tensor:
    """(n, d) -> (n, d) of length sqrt(d), in float32."""
    return F.normalize(vectors.float()) * math.sqrt(vectors.shape[1])


def append_planes(maps: Tensor, values: Tensor) -> Tensor:
    """maps (n, channels, h, w), values (n, d) -> (n, channels + d, h, w), with constant planes."""
    planes = values[:, :, None, None].expand(-1, -1, *maps.shape[2:])
    return torch.cat([maps, planes.to(maps.dtype)], dim=1)


def count_doublings(small: int, large: int) -> int:
    """How often a side doubles from `small` to `large`, both powers of two."""
    return (large // small).bit_length() - 1


def build_upsampling(width: int, doublings: int, channels: int) -> list[nn.Module]:
    """Maps of `width` channels -> images in [-1, 1], by nearest neighbours and 3 x 3 convolutions.

    Identity keeps the numbers of the layers in published weights.
    """
    layers: list[nn.Module] = []
    for _ in range(doublings):
        after = max(width // 2, NARROWEST)
        layers += [
            nn.Identity(),
            NearestConvolution(width, after, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(True),
        ]
        width = after
    return [*layers, convolution3x3(width, channels), nn.Tanh()]


def convolution3x3(before: int, after: int) -> nn.Conv2d:
    """(n, before, h, w) -> (n, after, h, w)."""
    return nn.Conv2d(before, after, 3, 1, 1, bias=False)
