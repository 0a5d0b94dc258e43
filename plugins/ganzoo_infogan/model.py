"""The game of Chen et al. 2016, eq. 6: a generator is to be believed, and its codes are to be read back from its images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import discriminator_loss, generator_loss, init_normal, scores
from ganzoo_infogan import InfoGANConfig
from ganzoo_infogan.networks import Discriminator, Generator, Guess


class Drawn(NamedTuple):
    """Codes of a batch: `chosen`, the value (n,) of each categorical code; `continuous` (n, continuous) in [-1, 1)."""

    chosen: tuple[Tensor, ...]
    continuous: Tensor


class InfoGAN(GAN[InfoGANConfig]):
    """The discriminator is Q too: it reads the codes back, and both players gain by its reading well."""

    def __init__(self, config: InfoGANConfig) -> None:
        super().__init__(config)
        self.generator = init_normal(Generator(config))
        self.discriminator = init_normal(Discriminator(config))

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        betas = (c.beta1, 0.999)
        players = {
            "discriminator": Player(
                networks=("discriminator",), lr=c.lr_discriminator, betas=betas, schedule=c.schedule
            ),
            "generator": Player(
                networks=("generator",), lr=c.lr_generator, betas=betas, schedule=c.schedule
            ),
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players, ema=c.ema),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        c, real = self.config, batch["image"]
        codes = self._codes(step, len(real))
        fake = self.generator(step.noise(len(real), c.latent), self._joined(codes))
        on_real, _ = self.discriminator(real)
        on_fake, guess = self.discriminator(fake.detach())
        information, log = self._information(guess, codes)
        loss = discriminator_loss(c.loss, on_real, on_fake, c.real_target)
        yield Update("discriminator", loss - information, scores(c.loss, on_real, on_fake) | log)
        on_fake, guess = self.discriminator(fake)
        information, _ = self._information(guess, codes)
        yield Update("generator", generator_loss(c.loss, on_fake) - information)

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        images: Tensor = self.generator(inputs["latent"], inputs["code"])
        return images

    def _codes(self, step: Step, n: int) -> Drawn:
        c = self.config
        return Drawn(
            tuple(step.integers(size, n) for size in c.categories),
            step.uniform(n, c.continuous, low=-1, high=1),
        )

    def _joined(self, codes: Drawn) -> Tensor:
        """As `ganzoo.inputs.Codes` lays them out: one-hot categories, then continuous codes."""
        hot = [
            F.one_hot(chosen, size).float()
            for chosen, size in zip(codes.chosen, self.config.categories, strict=True)
        ]
        return torch.cat([*hot, codes.continuous], dim=1)

    def _information(self, guess: Guess, codes: Drawn) -> tuple[Tensor, dict[str, Tensor]]:
        """lambda L_I(G, Q) of eq. 6, and the bound L_I of each kind of code, in nats, for the log."""
        c = self.config
        bounds: dict[str, Tensor] = {}
        if c.categories:
            bounds["information/categorical"] = categorical_information(guess, codes)
        if c.continuous:
            bounds["information/continuous"] = continuous_information(guess, codes)
        weights = {
            "information/categorical": c.information,
            "information/continuous": c.information_continuous,
        }
        return torch.stack([weights[name] * bound for name, bound in bounds.items()]).sum(), bounds


def categorical_information(guess: Guess, codes: Drawn) -> Tensor:
    """L_I = E[log Q(c | x)] + H(c) (eq. 4) of the categorical codes, in nats: log K each when all are read back surely."""
    found = zip(guess.categories, codes.chosen, strict=True)
    return torch.stack(
        [
            math.log(logits.shape[1]) - F.cross_entropy(logits.float(), chosen)
            for logits, chosen in found
        ]
    ).sum()


def continuous_information(guess: Guess, codes: Drawn) -> Tensor:
    """L_I (eq. 4) of codes uniform in [-1, 1], H(c) = log 2 each, under a Gaussian Q, in nats."""
    mean, log_variance = guess.mean.float(), guess.log_variance.float()
    distance = (codes.continuous - mean).square() / (log_variance.exp() + 1e-6)
    log_density = -0.5 * (math.log(2 * math.pi) + log_variance + distance)
    return (log_density + math.log(2)).sum(dim=1).mean()
