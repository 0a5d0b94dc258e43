"""The games of Zhang et al. 2017, one after the other: sentences and pictures find each other, then either stage is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.gan import GAN, MEANING, Phase, Player, Step, Update, Views
from ganzoo.nn import generator_loss, init_normal, r1_penalty, scores, spectral
from ganzoo_stackgan import StackGANConfig
from ganzoo_stackgan.networks import (
    Discriminator,
    Drawn,
    Matcher,
    Sentence,
    Stage1,
    Stage2,
    normalized,
)

TEXT, FIRST, SECOND = "text", "stage-1", "stage-2"
"""Phases; the first stage's view has its phase's name."""
ALIKE = 1 - 1e-5
"""Cosine from which on two vectors are of one sentence: an encoder rounds otherwise where it is given others beside it."""


class StackGAN(GAN[StackGANConfig]):
    """All that draws or judges starts at N(0, 0.02). All but `text` know a sentence as (n, meaning) numbers alone."""

    ema: tuple[str, ...] = ("text", "stage1", "stage2")

    def __init__(self, config: StackGANConfig) -> None:
        super().__init__(config)
        c = config
        if c.sentences == "captions":
            self.text, self.matcher = Sentence(c), Matcher(c)
        else:
            self.ema = ("stage1", "stage2")
        self.stage1, self.stage2 = init_normal(Stage1(c)), init_normal(Stage2(c))
        self.discriminator1 = init_normal(Discriminator(c, c.stage1))
        self.discriminator2 = init_normal(Discriminator(c, c.size))
        if c.discriminator_norm == "spectral":
            spectral(self.discriminator1)
            spectral(self.discriminator2)

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        matcher = Player(networks=("text", "matcher"), lr=c.text_lr, schedule=c.schedule)
        text = Phase(
            name=TEXT,
            steps=c.text_steps,
            batch=c.text_batch,
            players={"matcher": matcher},
            ema=c.ema,
        )
        return (
            *([text] if c.sentences == "captions" else []),
            Phase(
                name=FIRST, steps=c.stage1_steps, batch=c.batch, players=self._players(1), ema=c.ema
            ),
            Phase(
                name=SECOND,
                steps=c.stage2_steps,
                batch=c.batch,
                players=self._players(2),
                ema=c.ema,
            ),
        )

    def _players(self, stage: int) -> dict[str, Player]:
        c = self.config
        moved = {
            "discriminator": (f"discriminator{stage}", c.lr_discriminator),
            "generator": (f"stage{stage}", c.lr_generator),
        }
        return {
            name: Player(networks=(network,), lr=lr, betas=(c.beta1, 0.999), schedule=c.schedule)
            for name, (network, lr) in moved.items()
        }

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        c, image, caption = self.config, batch["image"], batch["caption"]
        real = image if step.phase == SECOND else F.avg_pool2d(image, c.size // c.stage1)
        if step.phase == TEXT:
            fits, alike = self.matcher(real, self.text(caption)), same(caption)
            yield Update("matcher", matching_loss(fits, alike), {"match/right": found(fits, alike)})
            return
        with torch.no_grad():
            meaning = self.meaning(caption)
        drawn = self._drawn(meaning, step)
        judge = self.discriminator2 if step.phase == SECOND else self.discriminator1
        yield self._judged(judge, real, drawn.pictures.detach(), meaning, caption, step)
        (on_drawn,) = judge(drawn.pictures, meaning)
        log = {
            "adversarial": generator_loss(c.loss, on_drawn, c.generator_target),
            "kl": drawn.kl.mean(),
        }
        yield Update("generator", log["adversarial"] + c.kl * log["kl"], log)

    def _drawn(self, meaning: Tensor, step: Step) -> Drawn:
        """Pictures of the phase's stage; the first one learns nothing of the second."""
        c, n = self.config, len(meaning)
        latent = step.noise(n, c.latent)
        first, second = self._epsilons(step.noise(n, 2 * c.condition) if c.augmentation else None)
        with torch.set_grad_enabled(step.phase == FIRST):
            drawn: Drawn = self.stage1(latent, meaning, first)
        if step.phase == SECOND:
            drawn = self.stage2(drawn.pictures, meaning, second)
        return drawn

    def _judged(
        self,
        judge: nn.Module,
        real: Tensor,
        drawn: Tensor,
        meaning: Tensor,
        caption: Tensor,
        step: Step,
    ) -> Update:
        """The discriminator's turn: pictures with their sentences, with another picture's, and drawn ones (section 3.3)."""
        c = self.config
        on_real, on_wrong = judge(real, meaning, meaning.roll(1, dims=0))
        (on_drawn,) = judge(drawn, meaning)
        differs = unlike(caption, caption.roll(1, dims=0)).float()
        loss = judgement(c, on_real, on_wrong, on_drawn, differs)
        log = scores(c.loss, on_real, on_drawn) | {
            "score/wrong": weighted(on_wrong.detach().float().sigmoid(), differs)
        }
        if c.r1 and step.index % c.r1_every == 0:
            log["penalty"] = r1_penalty(Told(judge, meaning), real)
            loss = loss + c.r1 / 2 * c.r1_every * log["penalty"]
        return Update("discriminator", loss, log)

    def meaning(self, tokens: Tensor) -> Tensor:
        """Of token ids (n, words), or of vectors (n, meaning), which are brought to the length that all meanings have."""
        vectors: Tensor = (
            self.text(tokens) if self.config.sentences == "captions" else normalized(tokens)
        )
        return vectors

    def sample(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Pictures of the second stage. Views: `stage-1`, the first one's, enlarged to as many pixels; `stages`, these above
        those."""
        caption = inputs.get("text", inputs.get("embedding"))
        meaning = inputs[MEANING] if caption is None else self.meaning(caption)
        first, second = self._epsilons(inputs.get("condition"))
        small = self.stage1(inputs["latent"], meaning, first).pictures
        large = self.stage2(small, meaning, second).pictures
        enlarged = F.interpolate(small, size=large.shape[2:])
        return Views(
            sample=large, stages=lambda: torch.cat([enlarged, large], dim=2), **{FIRST: enlarged}
        )

    def _epsilons(self, condition: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """What the conditions of the first and the second stage are drawn with."""
        if condition is None:
            return None, None
        size = self.config.condition
        return condition[:, :size], condition[:, size:]


class Told(nn.Module):
    """A discriminator that has been told the sentences: pictures -> (n,) logits."""

    def __init__(self, discriminator: nn.Module, meaning: Tensor) -> None:
        super().__init__()
        self.discriminator, self.meaning = discriminator, meaning

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(pictures, self.meaning)[0]
        return logits


def same(tokens: Tensor) -> Tensor:
    """Which sentences of a batch (n, words) are the same word for word, bool (n, n)."""
    return (tokens[:, None] == tokens[None]).all(dim=2)


def unlike(first: Tensor, second: Tensor) -> Tensor:
    """Which rows differ, bool (n,): token ids in any place; vectors by more than an encoder's rounding."""
    if first.is_floating_point():
        return F.cosine_similarity(first.float(), second.float()) < ALIKE
    return (first != second).any(dim=1)


def matching_loss(fits: Tensor, alike: Tensor) -> Tensor:
    """Cross-entropy of finding the picture of a sentence and the sentence of a picture, the mean of both (Zhang et al. 2020).

    Pictures with the `same` sentence are right alike, each with an equal share (Yang et al. 2022)."""
    shares = alike.float() / alike.sum(dim=1, keepdim=True)
    return (F.cross_entropy(fits, shares) + F.cross_entropy(fits.T, shares)) / 2


def found(fits: Tensor, alike: Tensor) -> Tensor:
    """Share of sentences and of pictures that rank a right one first, a scalar."""
    right = [alike.gather(1, ranked.argmax(dim=1, keepdim=True)) for ranked in (fits, fits.T)]
    return torch.cat(right).float().mean()


def judgement(
    config: StackGANConfig, real: Tensor, wrong: Tensor, drawn: Tensor, differs: Tensor
) -> Tensor:
    """1/2 real + 1/4 (wrong + drawn) of logits (n,). `differs` (n,): 1, or 0 where the wrong sentence is word for word the right
    one."""
    on_real, on_wrong, on_drawn = (
        cost(config.loss, raw, target)
        for raw, target in ((real, config.real_target), (wrong, 0), (drawn, 0))
    )
    return on_real.mean() / 2 + (weighted(on_wrong, differs) + on_drawn.mean()) / 4


def cost(kind: Literal["bce", "hinge"], raw: Tensor, target: float) -> Tensor:
    """Of each logit, (n,), in float32. hinge: a target is above 0, or it is 0, and has no meaning beside."""
    raw = raw.float()
    if kind == "hinge":
        return F.relu(1 - raw if target else 1 + raw)
    return F.binary_cross_entropy_with_logits(raw, torch.full_like(raw, target), reduction="none")


def weighted(values: Tensor, weights: Tensor) -> Tensor:
    """Their mean; 0 where all weights are."""
    return (values * weights).sum() / weights.sum().clamp(min=1)
