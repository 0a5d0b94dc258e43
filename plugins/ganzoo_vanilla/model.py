"""Goodfellow et al. 2014, algorithm 1, with the non-saturating generator loss of section 3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import bce, evaluating, scores
from ganzoo_vanilla import VanillaConfig
from ganzoo_vanilla.networks import Discriminator, Generator

BANK_SEED = 0
"""Seed of the bank of latents, the same in every run."""


class Vanilla(GAN[VanillaConfig]):
    """The generator turns noise into examples; the discriminator tells them from real ones."""

    def __init__(self, config: VanillaConfig) -> None:
        super().__init__(config)
        self.generator = Generator(config)
        self.discriminator = Discriminator(config)
        self._bank: Tensor | None = None

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        rates = {"discriminator": c.lr_discriminator, "generator": c.lr_generator}
        players = {
            name: Player(networks=(name,), optimizer=c.optimizer, lr=lr, betas=(c.beta1, 0.999))
            for name, lr in rates.items()
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players, ema=c.ema),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        c, real = self.config, batch["real"]
        latent = self._draw_latents(step, len(real))
        if c.inference_fakes:
            with torch.no_grad(), evaluating(self.generator):
                fake = self.generator(latent)
        else:
            fake = self.generator(latent)
        on_real = self.discriminator(real)
        loss = bce(on_real, c.real_target)
        if c.split_updates:
            yield Update("discriminator", loss)
        on_fake = self.discriminator(fake.detach())
        loss = bce(on_fake, 0) if c.split_updates else loss + bce(on_fake, 0)
        yield Update("discriminator", loss, scores("bce", on_real, on_fake))
        for turn in range(c.generator_steps):
            if turn or c.new_latent:
                fake = self.generator(self._draw_latents(step, len(real)))
            yield Update("generator", bce(self.discriminator(fake), 1))

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        examples: Tensor = self.generator(inputs["latent"])
        return examples

    def _draw_latents(self, step: Step, n: int) -> Tensor:
        """(n, latent), new ones or rows of the bank."""
        c = self.config
        if not c.latent_bank:
            return draw_latents(step, n, c)
        if self._bank is None:
            rng = torch.Generator(device=step.rng.device).manual_seed(BANK_SEED)
            self._bank = draw_latents(Step(0, step.phase, step.steps, rng), c.latent_bank, c)
        return self._bank[step.integers(c.latent_bank, n)]


def draw_latents(step: Step, n: int, config: VanillaConfig) -> Tensor:
    """(n, latent) from `latent_law`."""
    if config.latent_law == "normal":
        return step.noise(n, config.latent)
    return step.uniform(n, config.latent, low=-1, high=1)
