"""Zhang et al. 2017: train a text encoder, then stage 1, then stage 2 with both frozen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.gan import GAN, MEANING, Phase, Player, Step, Update, Views
from ganzoo.nn import discriminator_loss, generator_loss
from ganzoo.text import PAD
from tiny_text import TinyTextConfig


def build_generator(inputs: int, width: int, size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width),
        nn.ReLU(),
        nn.Linear(width, 3 * size**2),
        nn.Tanh(),
        nn.Unflatten(1, (3, size, size)),
    )


def build_critic(size: int, width: int, outputs: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(3 * size**2, width), nn.LeakyReLU(0.2), nn.Linear(width, outputs)
    )


class TextEncoder(nn.Module):
    """tokens (n, length) -> mean of the words' vectors (n, meaning)."""

    def __init__(self, words: int, meaning: int) -> None:
        super().__init__()
        self.word = nn.Embedding(words + 2, meaning, padding_idx=PAD)

    def forward(self, tokens: Tensor) -> Tensor:
        count = (tokens != PAD).sum(dim=1, keepdim=True).clamp(min=1)
        return self.word(tokens).sum(dim=1) / count


class TinyText(GAN[TinyTextConfig]):
    ema = ("text", "stage1", "stage2")

    def __init__(self, config: TinyTextConfig) -> None:
        super().__init__(config)
        c = config
        self.text = TextEncoder(len(c.vocabulary), c.meaning)
        self.image = build_critic(c.size, c.width, c.meaning)
        self.stage1 = build_generator(c.latent + c.meaning, c.width, c.size // 2)
        self.stage2 = build_generator(3 * (c.size // 2) ** 2 + c.meaning, c.width, c.size)
        self.critic1 = build_critic(c.size // 2, c.width)
        self.critic2 = build_critic(c.size, c.width)

    def phases(self) -> tuple[Phase, ...]:
        c = self.config

        def phase(name: str, **players: tuple[str, ...]) -> Phase:
            movers = {
                player: Player(networks=networks, lr=c.lr) for player, networks in players.items()
            }
            return Phase(name=name, steps=c.steps, batch=c.batch, players=movers)

        return (
            phase("text", matcher=("text", "image")),
            phase("stage1", critic1=("critic1",), stage1=("stage1",)),
            phase("stage2", critic2=("critic2",), stage2=("stage2",)),
        )

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        image, meaning = batch["image"], self.text(batch["caption"])
        if step.phase == "text":
            match = (meaning @ self.image(image).T).float()  # (n, n): caption i with image j
            yield Update(
                "matcher", F.cross_entropy(match, torch.arange(len(image), device=match.device))
            )
            return
        small = self.stage1(torch.cat([step.noise(len(image), self.config.latent), meaning], dim=1))
        if step.phase == "stage1":
            yield from self._play("1", F.avg_pool2d(image, 2), small)
        else:
            yield from self._play("2", image, self._enlarge(small, meaning))

    def meaning(self, tokens: Tensor) -> Tensor:
        embeddings: Tensor = self.text(tokens)
        return embeddings

    def sample(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        meaning = inputs[MEANING] if MEANING in inputs else self.meaning(inputs["text"])
        small = self.stage1(torch.cat([inputs["latent"], meaning], dim=1))
        large = self._enlarge(small, meaning)
        return Views(
            sample=large,
            stage1=small,
            stages=lambda: torch.cat([F.interpolate(small, scale_factor=2), large], dim=2),
        )

    def _enlarge(self, small: Tensor, meaning: Tensor) -> Tensor:
        return self.stage2(torch.cat([small.flatten(1), meaning], dim=1))

    def _play(self, stage: str, real: Tensor, fake: Tensor) -> Iterator[Update]:
        critic = self.get_submodule(f"critic{stage}")
        yield Update(
            f"critic{stage}", discriminator_loss("bce", critic(real), critic(fake.detach()))
        )
        yield Update(f"stage{stage}", generator_loss("bce", critic(fake)))
