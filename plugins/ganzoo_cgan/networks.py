"""Generator and discriminator that know the class: perceptrons, or the convolutions of Radford et al. 2016."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.nn import Norm, downsampling, head, upsampling
from ganzoo_cgan import CGANConfig


class OneHot(nn.Module):
    """labels (n,) -> (n, classes), 1 at the class and 0 elsewhere."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, labels: Tensor) -> Tensor:
        return F.one_hot(labels, self.classes).float()


class Planes(nn.Module):
    """(n, values) -> (n, values, size, size), each value all over a plane."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, values: Tensor) -> Tensor:
        return values[:, :, None, None].expand(-1, -1, self.size, self.size)


class Generator(nn.Module):
    """latent (n, latent), labels (n,) -> images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, config: CGANConfig) -> None:
        super().__init__()
        c, classes = config, len(config.classes)
        learned = c.generator_condition == "embedding"
        self.convolutional = c.network == "convolution"
        self.label: nn.Module = nn.Embedding(classes, c.embedding) if learned else OneHot(classes)
        inputs = c.latent + (c.embedding if learned else classes)
        self.layers = (
            upsampling(inputs, c.channels, c.size, c.width)
            if self.convolutional
            else _drawing(inputs, c)
        )

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        joined = torch.cat([latent, self.label(labels)], dim=1)
        images: Tensor = self.layers(joined[:, :, None, None] if self.convolutional else joined)
        return images


class Verdict(NamedTuple):
    """`score`: (n,) logits, whether images are real. `classes`: (n, classes) logits of their class; (n, 0) without a
    classifier."""

    score: Tensor
    classes: Tensor


class Discriminator(nn.Module):
    """images, labels (n,) -> Verdict."""

    def __init__(self, config: CGANConfig) -> None:
        super().__init__()
        c, classes = config, len(config.classes)
        self.convolutional = c.network == "convolution"
        self.trunk = _looking(c)
        self.score = _last(c, 1)
        self.projection = _last(c, classes) if c.discriminator_condition == "projection" else None
        self.classes = _last(c, classes) if c.classifier else None
        self.label = _beside(c)

    def forward(self, images: Tensor, labels: Tensor) -> Verdict:
        seen = images if self.convolutional else images.flatten(1)
        if self.label is not None:
            seen = torch.cat([seen, self.label(labels).to(seen.dtype)], dim=1)
        features = self.trunk(seen)
        score = self.score(features).flatten()
        if self.projection is not None:
            score = (
                score + self.projection(features).flatten(1).gather(1, labels[:, None]).flatten()
            )
        return Verdict(
            score,
            score.new_empty(len(score), 0)
            if self.classes is None
            else self.classes(features).flatten(1),
        )


def _beside(c: CGANConfig) -> nn.Module | None:
    """labels -> what stands beside the channels, or beside the pixels of a perceptron; None where the image stands alone."""
    match c.discriminator_condition, c.network:
        case "concatenation", "convolution":
            return nn.Sequential(OneHot(len(c.classes)), Planes(c.size))
        case "concatenation", _:
            return OneHot(len(c.classes))
        case "embedding", "convolution":
            return nn.Sequential(
                nn.Embedding(len(c.classes), c.size**2), nn.Unflatten(1, (1, c.size, c.size))
            )
        case "embedding", _:
            return nn.Embedding(len(c.classes), c.embedding)
        case _:
            return None


def _looking(c: CGANConfig) -> nn.Sequential:
    """The image with what stands beside it -> features: the smallest maps, or the last hidden layer."""
    beside = {
        "concatenation": len(c.classes),
        "embedding": 1 if c.network == "convolution" else c.embedding,
    }
    extra = beside.get(c.discriminator_condition, 0)
    if c.network == "convolution":
        norm: Norm = "batch" if c.discriminator_norm == "batch" else "none"
        return downsampling(c.channels + extra, c.size, c.width, norm=norm, slope=c.slope)
    layers: list[nn.Module] = []
    for before, after in pairwise((c.channels * c.size**2 + extra, *c.discriminator)):
        layers += [nn.Linear(before, after), nn.LeakyReLU(c.slope, True), nn.Dropout(c.dropout)]
    return nn.Sequential(*layers)


def _last(c: CGANConfig, outputs: int) -> nn.Module:
    """Features -> (n, outputs), or (n, outputs, 1, 1) from maps."""
    return (
        head(c.size, c.width, outputs)
        if c.network == "convolution"
        else nn.Linear(c.discriminator[-1], outputs)
    )


def _drawing(inputs: int, c: CGANConfig) -> nn.Sequential:
    """Latent and label -> images, by a perceptron with BatchNorm after each layer but the first and the last."""
    widths = (inputs, *c.generator)
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(pairwise(widths)):
        norm = [nn.BatchNorm1d(after)] if number else []
        layers += [nn.Linear(before, after), *norm, nn.LeakyReLU(c.slope, True)]
    shape = (c.channels, c.size, c.size)
    return nn.Sequential(
        *layers, nn.Linear(widths[-1], c.channels * c.size**2), nn.Tanh(), nn.Unflatten(1, shape)
    )
