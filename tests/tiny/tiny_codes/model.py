"""Chen et al. 2016: Q shares the discriminator's trunk and bounds I(code; image) (eq. 5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import discriminator_loss, generator_loss, scores
from tiny_codes import TinyCodesConfig


class TinyCodes(GAN[TinyCodesConfig]):
    def __init__(self, config: TinyCodesConfig) -> None:
        super().__init__(config)
        c, codes = config, config.category + config.continuous
        self.generator = nn.Sequential(
            nn.Linear(c.latent + codes, c.width),
            nn.ReLU(),
            nn.Linear(c.width, c.channels * c.size**2),
            nn.Tanh(),
            nn.Unflatten(1, (c.channels, c.size, c.size)),
        )
        self.trunk = nn.Sequential(
            nn.Flatten(), nn.Linear(c.channels * c.size**2, c.width), nn.LeakyReLU(0.2)
        )
        self.verdict = nn.Linear(c.width, 1)
        self.recogniser = nn.Linear(c.width, codes)

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        players = {
            "discriminator": Player(networks=("trunk", "verdict"), lr=c.lr),
            "generator": Player(networks=("generator",), lr=c.lr),
            "information": Player(networks=("generator", "trunk", "recogniser"), lr=c.lr),
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        real, c = batch["image"], self.config
        latent = step.noise(len(real), c.latent)
        category = step.integers(c.category, len(real))
        continuous = step.uniform(len(real), c.continuous, low=-1, high=1)
        given = torch.cat([latent, F.one_hot(category, c.category), continuous], dim=1)

        fake = self.generator(given)
        real_logits = self.verdict(self.trunk(real))
        fake_logits = self.verdict(self.trunk(fake.detach()))
        yield Update(
            "discriminator",
            discriminator_loss("bce", real_logits, fake_logits),
            scores("bce", real_logits, fake_logits),
        )
        yield Update("generator", generator_loss("bce", self.verdict(self.trunk(fake))))

        guess = self.recogniser(self.trunk(self.generator(given))).float()
        lost = F.cross_entropy(guess[:, : c.category], category) + F.mse_loss(
            guess[:, c.category :], continuous
        )
        yield Update("information", c.information * lost, {"information": -lost})

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.generator(torch.cat([inputs["latent"], inputs["code"]], dim=1))
