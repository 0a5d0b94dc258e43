"""The networks of Chen et al. 2016, appendix C.1: one hidden layer before the convolutions, and after those that look."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ganzoo.nn import downsampling, smallest_maps, upsampling
from ganzoo_infogan import InfoGANConfig


class Generator(nn.Module):
    """latent (n, latent), codes (n, sum(categories) + continuous) -> images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, config: InfoGANConfig) -> None:
        super().__init__()
        c = config
        self.layers = nn.Sequential(
            *_hidden(c.latent + sum(c.categories) + c.continuous, c.hidden, nn.ReLU(True)),
            *upsampling(c.hidden, c.channels, c.size, c.width, start="linear"),
        )

    def forward(self, latent: Tensor, codes: Tensor) -> Tensor:
        images: Tensor = self.layers(torch.cat([latent, codes], dim=1))
        return images


class Guess(NamedTuple):
    """Q(code | image): `categories`, logits (n, size) of each categorical code; `mean` and `log_variance` (n, continuous)."""

    categories: tuple[Tensor, ...]
    mean: Tensor
    log_variance: Tensor


class Discriminator(nn.Module):
    """images -> (n,) logits whether they are real, and Q's guess of their codes: all layers but the last ones are shared."""

    def __init__(self, config: InfoGANConfig) -> None:
        super().__init__()
        c = config
        channels, side = smallest_maps(c.size, c.width)
        self.config = c
        self.trunk = nn.Sequential(
            *downsampling(c.channels, c.size, c.width, slope=c.slope),
            nn.Flatten(),
            *_hidden(channels * side**2, c.hidden, nn.LeakyReLU(c.slope, True)),
        )
        self.score = nn.Linear(c.hidden, 1)
        gaussian = c.continuous * (2 if c.variance == "learned" else 1)
        self.recogniser = nn.Sequential(
            *_hidden(c.hidden, c.recogniser, nn.LeakyReLU(c.slope, True)),
            nn.Linear(c.recogniser, sum(c.categories) + gaussian),
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Guess]:
        features = self.trunk(images)
        return self.score(features).flatten(), self._guess(self.recogniser(features))

    def _guess(self, raw: Tensor) -> Guess:
        c = self.config
        categories, gaussian = raw.tensor_split([sum(c.categories)], dim=1)
        mean = gaussian[:, : c.continuous]
        log_variance = (
            gaussian[:, c.continuous :] if c.variance == "learned" else torch.zeros_like(mean)
        )
        return Guess(categories.split_with_sizes(list(c.categories), dim=1), mean, log_variance)


def _hidden(before: int, after: int, activation: nn.Module) -> list[nn.Module]:
    return [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), activation]
