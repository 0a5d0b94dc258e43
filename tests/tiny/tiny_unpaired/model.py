"""Zhu et al. 2017: two translators that undo each other (eq. 2), and pools (section 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import discriminator_loss, generator_loss
from tiny_unpaired import TinyUnpairedConfig


class TinyUnpaired(GAN[TinyUnpairedConfig]):
    ema = ("a_to_b", "b_to_a")

    def __init__(self, config: TinyUnpairedConfig) -> None:
        super().__init__(config)
        c = config

        def convolutions(outputs: int) -> nn.Sequential:
            first = nn.Conv2d(c.channels, c.width, 3, padding=1)
            return nn.Sequential(
                first, nn.LeakyReLU(0.2), nn.Conv2d(c.width, outputs, 3, padding=1)
            )

        self.a_to_b = convolutions(c.channels).append(nn.Tanh())
        self.b_to_a = convolutions(c.channels).append(nn.Tanh())
        self.critic_a = convolutions(1)
        self.critic_b = convolutions(1)
        for domain in "ab":
            self.register_buffer(f"pool_{domain}", torch.zeros(c.pool, c.channels, c.size, c.size))

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        players = {
            "translators": Player(networks=("a_to_b", "b_to_a"), lr=c.lr, schedule="linear"),
            "critic_a": Player(networks=("critic_a",), lr=c.lr, schedule="linear"),
            "critic_b": Player(networks=("critic_b",), lr=c.lr, schedule="linear"),
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        a, b = (batch[domain] for domain in self.config.domains)
        fake_b, fake_a = self.a_to_b(a), self.b_to_a(b)
        cycle = F.l1_loss(self.b_to_a(fake_b), a) + F.l1_loss(self.a_to_b(fake_a), b)
        fooled = generator_loss("least-squares", self.critic_a(fake_a)) + generator_loss(
            "least-squares", self.critic_b(fake_b)
        )
        yield Update("translators", fooled + self.config.cycle * cycle, {"cycle": cycle})

        past_a, past_b = (
            self._remember(self.pool_a, fake_a, step),  # type: ignore[arg-type]
            self._remember(self.pool_b, fake_b, step),  # type: ignore[arg-type]
        )
        yield Update(
            "critic_a", discriminator_loss("least-squares", self.critic_a(a), self.critic_a(past_a))
        )
        yield Update(
            "critic_b", discriminator_loss("least-squares", self.critic_b(b), self.critic_b(past_b))
        )

    def sample(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        image = inputs["image"]
        forth = (inputs["direction"] == 0).view(-1, 1, 1, 1)
        there = torch.where(forth, self.a_to_b(image), self.b_to_a(image))
        return {
            "sample": there,
            "cycle": torch.where(forth, self.b_to_a(there), self.a_to_b(there)),
        }

    def _remember(self, pool: Tensor, fake: Tensor, step: Step) -> Tensor:
        """Put each fake into the pool; half of the time return the one that it replaces."""
        shown = []
        for image in fake.detach().to(pool.dtype):
            slot, swap = step.integers(len(pool), 1), step.integers(2, 1).bool()
            past = pool[slot][0]
            pool[slot] = image
            shown.append(torch.where(swap, past, image))
        return torch.stack(shown)
