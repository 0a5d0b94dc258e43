"""The game of the two papers: the critic learns from each batch, the generator moves after every `critic_steps` of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import gradient_penalty, init_normal, spectral
from ganzoo_wgan import WGANConfig
from ganzoo_wgan.networks import Critic, Generator


class WGAN(GAN[WGANConfig]):
    """Wasserstein GAN; all weights start at N(0, 0.02)."""

    def __init__(self, config: WGANConfig) -> None:
        super().__init__(config)
        self.generator = init_normal(Generator(config))
        self.critic = init_normal(Critic(config))
        if config.constraint == "spectral":
            spectral(self.critic)

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        clip = c.clip if c.constraint == "clip" else None
        players = {
            "critic": self._player("critic", c.lr_critic, clip),
            "generator": self._player("generator", c.lr_generator),
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players, ema=c.ema),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        c, real = self.config, batch["image"]
        with torch.no_grad():
            fake = self.generator(step.noise(len(real), c.latent))
        distance = self.critic(real).float().mean() - self.critic(fake).float().mean()
        loss, log = -distance, {"wasserstein": distance}
        if c.constraint == "penalty":
            penalty = gradient_penalty(self.critic, real, fake, step.uniform(len(real)))
            loss, log = loss + c.penalty * penalty, log | {"penalty": penalty}
        yield Update("critic", loss, log)
        if (step.index + 1) % c.critic_steps == 0:
            fake = self.generator(step.noise(len(real), c.latent))
            yield Update("generator", -self.critic(fake).float().mean())

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        images: Tensor = self.generator(inputs["latent"])
        return images

    def _player(self, network: str, rate: float, clip: float | None = None) -> Player:
        c = self.config
        return Player(
            networks=(network,),
            optimizer=c.optimizer,
            lr=rate,
            betas=(c.beta1, c.beta2),
            schedule=c.schedule,
            clip_weights=clip,
        )
