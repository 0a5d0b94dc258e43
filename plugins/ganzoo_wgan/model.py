"""Arjovsky et al. 2017, algorithm 1: the generator moves once every `critic_steps` batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import gradient_penalty, init_normal, spectral
from ganzoo_wgan import WGANConfig
from ganzoo_wgan.networks import Critic, Generator


class WGAN(GAN[WGANConfig]):
    """Wasserstein GAN; initial weights are N(0, 0.02)."""

    def __init__(self, config: WGANConfig) -> None:
        super().__init__(config)
        self.generator = init_normal(Generator(config))
        self.critic = init_normal(Critic(config))
        if config.constraint == "spectral":
            spectral(self.critic)

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        betas = (c.beta1, c.beta2)
        players = {
            "critic": Player(
                networks=("critic",),
                optimizer=c.optimizer,
                lr=c.lr_critic,
                betas=betas,
                schedule=c.schedule,
                clip_weights=c.clip if c.constraint == "clip" else None,
            ),
            "generator": Player(
                networks=("generator",),
                optimizer=c.optimizer,
                lr=c.lr_generator,
                betas=betas,
                schedule=c.schedule,
            ),
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players, ema=c.ema),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        c, real = self.config, batch["image"]
        with torch.no_grad():
            fake = self.generator(step.noise(len(real), c.latent))
        distance = self.critic(real).float().mean() - self.critic(fake).float().mean()
        loss, log = -distance, {"wasserstein": distance}
        if c.constraint == "penalty":
            log["penalty"] = gradient_penalty(self.critic, real, fake, step.uniform(len(real)))
            loss = loss + c.penalty * log["penalty"]
        yield Update("critic", loss, log)
        if (step.index + 1) % c.critic_steps == 0:
            fake = self.generator(step.noise(len(real), c.latent))
            yield Update("generator", -self.critic(fake).float().mean())

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        images: Tensor = self.generator(inputs["latent"])
        return images
