"""Generator and discriminator of the first GAN."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from ganzoo_vanilla import VanillaConfig


def build_perceptron(
    widths: Sequence[int],
    config: VanillaConfig,
    activation: str,
    *,
    dropout: float,
    batch_norm: bool = False,
) -> nn.Sequential:
    """Linear layers from widths[0] to widths[-1] with `activation` ("relu", "leaky") in between."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths[:-1]):
        layers.append(nn.Linear(before, after))
        layers.append(nn.ReLU() if activation == "relu" else nn.LeakyReLU(config.slope))
        if batch_norm:
            layers.append(
                nn.BatchNorm1d(after, config.batch_norm_epsilon, config.batch_norm_momentum)
            )
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def count_values(config: VanillaConfig) -> int:
    """Size of one example."""
    c = config
    return c.channels * c.size**2 if c.kind == "images" else c.dims


class Generator(nn.Module):
    """latent (n, latent) -> examples (n, ...): images and curves in [-1, 1], or points."""

    def __init__(self, config: VanillaConfig) -> None:
        super().__init__()
        self.layers = build_perceptron(
            (config.latent, *config.generator, count_values(config)),
            config,
            config.activation,
            dropout=config.generator_dropout,
            batch_norm=config.batch_norm,
        )
        self.scale = config.latent_scale
        self.bounded = config.kind != "points"
        self.shape: tuple[int, ...] = (config.dims,)
        if config.kind == "images":
            self.shape = (config.channels, config.size, config.size)

    def forward(self, latent: Tensor) -> Tensor:
        values: Tensor = self.layers(latent if self.scale == 1 else self.scale * latent)
        return (values.tanh() if self.bounded else values).view(-1, *self.shape)


class Discriminator(nn.Module):
    """examples (n, ...) -> logits (n,)."""

    def __init__(self, config: VanillaConfig) -> None:
        super().__init__()
        activation = config.discriminator_activation
        if activation == "same":
            activation = config.activation
        self.layers = build_perceptron(
            (count_values(config), *config.discriminator, 1),
            config,
            activation,
            dropout=config.dropout,
        )

    def forward(self, examples: Tensor) -> Tensor:
        logits: Tensor = self.layers(examples.flatten(1))
        return logits.squeeze(1)
