"""Mirza and Osindero 2014: generator and discriminator are conditioned on the label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import discriminator_loss, generator_loss, scores
from tiny_class import TinyClassConfig


class Generator(nn.Module):
    def __init__(self, config: TinyClassConfig) -> None:
        super().__init__()
        self.shape = (config.channels, config.size, config.size)
        self.label = nn.Embedding(len(config.classes), config.latent)
        self.layers = nn.Sequential(
            nn.Linear(2 * config.latent, config.width),
            nn.BatchNorm1d(config.width),
            nn.ReLU(),
            nn.Linear(config.width, config.channels * config.size**2),
            nn.Tanh(),
        )

    def forward(self, latent: Tensor, label: Tensor) -> Tensor:
        joined = torch.cat([latent, self.label(label)], dim=1)  # (n, 2 latent)
        return self.layers(joined).view(-1, *self.shape)


class Discriminator(nn.Module):
    def __init__(self, config: TinyClassConfig) -> None:
        super().__init__()
        self.label = nn.Embedding(len(config.classes), config.latent)
        self.layers = nn.Sequential(
            nn.Linear(config.channels * config.size**2 + config.latent, config.width),
            nn.LeakyReLU(0.2),
            nn.Linear(config.width, 1),
        )

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        return self.layers(torch.cat([image.flatten(1), self.label(label)], dim=1))  # (n, 1) logits


class TinyClass(GAN[TinyClassConfig]):
    def __init__(self, config: TinyClassConfig) -> None:
        super().__init__(config)
        self.generator = Generator(config)
        self.discriminator = Discriminator(config)

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        players = {
            name: Player(networks=(name,), lr=c.lr) for name in ("discriminator", "generator")
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        image, label = batch["image"], batch["label"]
        fake = self.generator(step.noise(len(image), self.config.latent), label)
        real_logits = self.discriminator(image, label)
        fake_logits = self.discriminator(fake.detach(), label)
        yield Update(
            "discriminator",
            discriminator_loss("bce", real_logits, fake_logits),
            scores("bce", real_logits, fake_logits),
        )
        yield Update("generator", generator_loss("bce", self.discriminator(fake, label)))

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.generator(inputs["latent"], inputs["label"])
