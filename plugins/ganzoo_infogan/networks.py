"""The networks of Chen et al. 2016, appendix C.1: DCGAN's with one hidden linear layer each."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ganzoo.nn import downsampling, smallest_maps, upsampling
from ganzoo_infogan import InfoGANConfig


class Generator(nn.Module):
    """latent (n, latent), codes (n, sum(categories) + continuous) -> images in [-1, 1].

    Images are (n, channels, size, size).
    """

    def __init__(self, config: InfoGANConfig) -> None:
        super().__init__()
        c = config
        inputs = c.latent + sum(c.categories) + c.continuous
        self.layers = nn.Sequential(
            *hidden_layer(inputs, c.hidden, nn.ReLU(True)),
            *upsampling(c.hidden, c.channels, c.size, c.width, start="linear"),
        )

    def forward(self, latent: Tensor, codes: Tensor) -> Tensor:
        images: Tensor = self.layers(torch.cat([latent, codes], dim=1))
        return images


class Posterior(NamedTuple):
    """Q(c | x), the approximate posterior of the codes.

    `categories`: logits (n, values) of each categorical code; `mean` and `log_variance`:
    (n, continuous).
    """

    categories: tuple[Tensor, ...]
    mean: Tensor
    log_variance: Tensor


class Discriminator(nn.Module):
    """images (n, channels, size, size) -> logits (n,) and Q(c | x), which share a trunk."""

    def __init__(self, config: InfoGANConfig) -> None:
        super().__init__()
        c = config
        channels, side = smallest_maps(c.size, c.width)
        self.config = c
        self.trunk = nn.Sequential(
            *downsampling(c.channels, c.size, c.width, slope=c.slope),
            nn.Flatten(),
            *hidden_layer(channels * side**2, c.hidden, nn.LeakyReLU(c.slope, True)),
        )
        self.score = nn.Linear(c.hidden, 1)
        gaussian = c.continuous * (2 if c.variance == "learned" else 1)
        self.recogniser = nn.Sequential(
            *hidden_layer(c.hidden, c.recogniser, nn.LeakyReLU(c.slope, True)),
            nn.Linear(c.recogniser, sum(c.categories) + gaussian),
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Posterior]:
        c, features = self.config, self.trunk(images)
        categories, gaussian = self.recogniser(features).tensor_split([sum(c.categories)], dim=1)
        mean = gaussian[:, : c.continuous]
        if c.variance == "learned":
            log_variance = gaussian[:, c.continuous :]
        else:
            log_variance = torch.zeros_like(mean)
        logits = categories.split_with_sizes(list(c.categories), dim=1)
        return self.score(features).flatten(), Posterior(logits, mean, log_variance)


def hidden_layer(before: int, after: int, activation: nn.Module) -> list[nn.Module]:
    """(n, before) -> (n, after)."""
    return [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), activation]
