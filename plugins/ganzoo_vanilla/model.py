"""The game of Goodfellow et al. 2014, algorithm 1, with the non-saturating generator loss of its section 3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import bce, evaluating, scores
from ganzoo_vanilla import VanillaConfig
from ganzoo_vanilla.networks import Discriminator, Generator

BANK = 0
"""Seed of the bank of latents, which is the same in every run."""


class Vanilla(GAN[VanillaConfig]):
    """Two perceptrons: one makes examples from noise, the other tells them from real ones."""

    def __init__(self, config: VanillaConfig) -> None:
        super().__init__(config)
        self.generator = Generator(config)
        self.discriminator = Discriminator(config)
        self._bank: Tensor | None = None

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        betas = (c.beta1, 0.999)
        players = {
            "discriminator": Player(
                networks=("discriminator",),
                optimizer=c.optimizer,
                lr=c.lr_discriminator,
                betas=betas,
            ),
            "generator": Player(
                networks=("generator",), optimizer=c.optimizer, lr=c.lr_generator, betas=betas
            ),
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players, ema=c.ema),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        c, real = self.config, batch["real"]
        fake = self._shown(self._latent(step, len(real)))
        on_real = self.discriminator(real)
        loss = bce(on_real, c.real_target)
        if c.split_updates:
            yield Update("discriminator", loss)
        on_fake = self.discriminator(fake.detach())
        loss = bce(on_fake, 0) if c.split_updates else loss + bce(on_fake, 0)
        yield Update("discriminator", loss, scores("bce", on_real, on_fake))
        for turn in range(c.generator_steps):
            if turn or c.new_latent:
                fake = self.generator(self._latent(step, len(real)))
            yield Update("generator", bce(self.discriminator(fake), 1))

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        made: Tensor = self.generator(inputs["latent"])
        return made

    def _shown(self, latent: Tensor) -> Tensor:
        """What the discriminator learns from, (n, ...); with `inference_fakes`, without gradient."""
        made: Tensor
        if self.config.inference_fakes:
            with torch.no_grad(), evaluating(self.generator):
                made = self.generator(latent)
        else:
            made = self.generator(latent)
        return made

    def _latent(self, step: Step, n: int) -> Tensor:
        """(n, latent), new or out of the bank."""
        c = self.config
        if not c.latent_bank:
            return _drawn(step, n, c)
        if self._bank is None:
            fixed = torch.Generator(device=step.rng.device).manual_seed(BANK)
            self._bank = _drawn(Step(0, step.phase, step.steps, fixed), c.latent_bank, c)
        return self._bank[step.integers(c.latent_bank, n)]


def _drawn(step: Step, n: int, config: VanillaConfig) -> Tensor:
    """(n, latent), new."""
    size = config.latent
    return (
        step.noise(n, size)
        if config.latent_law == "normal"
        else step.uniform(n, size, low=-1, high=1)
    )
