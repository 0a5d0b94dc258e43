"""Networks conditioned on a class: perceptrons, or the convolutions of Radford et al. 2016."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.nn import Norm, downsampling, head, upsampling
from ganzoo_cgan import CGANConfig


class OneHot(nn.Module):
    """labels (n,) -> (n, classes)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, labels: Tensor) -> Tensor:
        return F.one_hot(labels, self.classes).float()


class Planes(nn.Module):
    """(n, values) -> (n, values, size, size), one constant plane for each value."""

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
        self.convolutional = c.network == "convolution"
        self.label: nn.Module
        if c.generator_condition == "embedding":
            self.label, inputs = nn.Embedding(classes, c.embedding), c.latent + c.embedding
        else:
            self.label, inputs = OneHot(classes), c.latent + classes
        if self.convolutional:
            self.layers = upsampling(inputs, c.channels, c.size, c.width)
        else:
            self.layers = build_perceptron(inputs, c)

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        joined = torch.cat([latent, self.label(labels)], dim=1)
        images: Tensor = self.layers(joined[:, :, None, None] if self.convolutional else joined)
        return images


class Prediction(NamedTuple):
    """`score`: logits (n,) that images are real; `classes`: logits (n, classes).

    Without a classifier, `classes` is (n, 0).
    """

    score: Tensor
    classes: Tensor


class Discriminator(nn.Module):
    """images (n, channels, size, size), labels (n,) -> Prediction."""

    def __init__(self, config: CGANConfig) -> None:
        super().__init__()
        c, classes = config, len(config.classes)
        self.convolutional = c.network == "convolution"
        self.trunk = build_trunk(c)
        self.score = build_head(c, 1)
        projected = c.discriminator_condition == "projection"
        self.projection = build_head(c, classes) if projected else None
        self.classes = build_head(c, classes) if c.classifier else None
        self.label = build_label(c)

    def forward(self, images: Tensor, labels: Tensor) -> Prediction:
        inputs = images if self.convolutional else images.flatten(1)
        if self.label is not None:
            inputs = torch.cat([inputs, self.label(labels).to(inputs.dtype)], dim=1)
        features = self.trunk(inputs)
        score = self.score(features).flatten()
        if self.projection is not None:
            projections = self.projection(features).flatten(1)
            score = score + projections.gather(1, labels[:, None]).flatten()
        if self.classes is None:
            return Prediction(score, score.new_empty(len(score), 0))
        return Prediction(score, self.classes(features).flatten(1))


def build_label(c: CGANConfig) -> nn.Module | None:
    """labels (n,) -> planes beside the image, or values beside a perceptron's pixels, if any."""
    classes = len(c.classes)
    match c.discriminator_condition, c.network:
        case "concatenation", "convolution":
            return nn.Sequential(OneHot(classes), Planes(c.size))
        case "concatenation", _:
            return OneHot(classes)
        case "embedding", "convolution":
            plane = nn.Unflatten(1, (1, c.size, c.size))
            return nn.Sequential(nn.Embedding(classes, c.size**2), plane)
        case "embedding", _:
            return nn.Embedding(classes, c.embedding)
        case _:
            return None


def build_trunk(c: CGANConfig) -> nn.Sequential:
    """Image and label -> features: the smallest maps, or the last hidden layer."""
    extra = 0  # channels or values of `build_label`
    if c.discriminator_condition == "concatenation":
        extra = len(c.classes)
    elif c.discriminator_condition == "embedding":
        extra = 1 if c.network == "convolution" else c.embedding
    if c.network == "convolution":
        norm: Norm = "batch" if c.discriminator_norm == "batch" else "none"
        return downsampling(c.channels + extra, c.size, c.width, norm=norm, slope=c.slope)
    layers: list[nn.Module] = []
    for before, after in pairwise((c.channels * c.size**2 + extra, *c.discriminator)):
        layers += [nn.Linear(before, after), nn.LeakyReLU(c.slope, True), nn.Dropout(c.dropout)]
    return nn.Sequential(*layers)


def build_head(c: CGANConfig, outputs: int) -> nn.Module:
    """Features -> (n, outputs), or (n, outputs, 1, 1) from maps."""
    if c.network == "convolution":
        return head(c.size, c.width, outputs)
    return nn.Linear(c.discriminator[-1], outputs)


def build_perceptron(inputs: int, c: CGANConfig) -> nn.Sequential:
    """The generator (n, inputs) -> images, with BatchNorm on hidden layers but the first."""
    layers: list[nn.Module] = []
    before = inputs
    for number, after in enumerate(c.generator):
        layers.append(nn.Linear(before, after))
        if number:
            layers.append(nn.BatchNorm1d(after))
        layers.append(nn.LeakyReLU(c.slope, True))
        before = after
    shape = (c.channels, c.size, c.size)
    last = nn.Linear(before, c.channels * c.size**2)
    return nn.Sequential(*layers, last, nn.Tanh(), nn.Unflatten(1, shape))
