"""Gulrajani et al. 2017, algorithm 1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import gradient_penalty
from tiny_curve import TinyCurveConfig


class TinyCurve(GAN[TinyCurveConfig]):
    def __init__(self, config: TinyCurveConfig) -> None:
        super().__init__(config)
        c = config
        self.generator = nn.Sequential(
            nn.Linear(c.latent, c.width), nn.Tanh(), nn.Linear(c.width, c.length)
        )
        self.critic = nn.Sequential(
            nn.Linear(c.length, c.width), nn.LeakyReLU(0.2), nn.Linear(c.width, 1)
        )

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        players = {
            name: Player(networks=(name,), lr=c.lr, betas=(0.0, 0.9))
            for name in ("critic", "generator")
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        real, c = batch["curve"], self.config
        with torch.no_grad():
            fake = self.generator(self._draw_latents(len(real), step))
        distance = (self.critic(real).mean() - self.critic(fake).mean()).float()
        penalty = gradient_penalty(self.critic, real, fake, step.uniform(len(real)))
        yield Update("critic", c.penalty * penalty - distance, {"wasserstein": distance})
        if (step.index + 1) % c.critic_steps == 0:
            fake = self.generator(self._draw_latents(len(real), step))
            yield Update("generator", -self.critic(fake).float().mean())

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.generator(inputs["latent"])

    def _draw_latents(self, n: int, step: Step) -> Tensor:
        return step.uniform(n, self.config.latent, low=-1, high=1)
