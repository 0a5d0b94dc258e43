"""Zhang et al. 2017 in three phases: a text encoder, then either stage.

An embedding is a text embedding (n, meaning).
"""

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
    Generated,
    Matcher,
    Stage1,
    Stage2,
    TextEncoder,
    normalize,
)

TEXT, FIRST, SECOND = "text", "stage-1", "stage-2"
"""Names of the phases; the view of the first stage is named like its phase."""
ALIKE = 1 - 1e-5
"""Cosine above which two embeddings have the same text: encoders round differently in batches."""


class StackGAN(GAN[StackGANConfig]):
    """Generators and discriminators start at N(0, 0.02) and get text as embeddings."""

    ema: tuple[str, ...] = ("text", "stage1", "stage2")

    def __init__(self, config: StackGANConfig) -> None:
        super().__init__(config)
        c = config
        if c.sentences == "captions":
            self.text, self.matcher = TextEncoder(c), Matcher(c)
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
        phases: list[Phase] = []
        if c.sentences == "captions":
            matcher = Player(networks=("text", "matcher"), lr=c.text_lr, schedule=c.schedule)
            phases.append(
                Phase(
                    name=TEXT,
                    steps=c.text_steps,
                    batch=c.text_batch,
                    players={"matcher": matcher},
                    ema=c.ema,
                )
            )
        for stage, name, steps in ((1, FIRST, c.stage1_steps), (2, SECOND, c.stage2_steps)):
            players = {
                "discriminator": Player(
                    networks=(f"discriminator{stage}",),
                    lr=c.lr_discriminator,
                    betas=(c.beta1, 0.999),
                    schedule=c.schedule,
                ),
                "generator": Player(
                    networks=(f"stage{stage}",),
                    lr=c.lr_generator,
                    betas=(c.beta1, 0.999),
                    schedule=c.schedule,
                ),
            }
            phases.append(Phase(name=name, steps=steps, batch=c.batch, players=players, ema=c.ema))
        return tuple(phases)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        c, image, caption = self.config, batch["image"], batch["caption"]
        real = image if step.phase == SECOND else F.avg_pool2d(image, c.size // c.stage1)
        if step.phase == TEXT:
            logits, same = self.matcher(real, self.text(caption)), same_captions(caption)
            log = {"match/right": retrieval_accuracy(logits, same)}
            yield Update("matcher", matching_loss(logits, same), log)
            return
        with torch.no_grad():
            embeddings = self.meaning(caption)
        fake = self._generate(embeddings, step)
        discriminator = self.discriminator2 if step.phase == SECOND else self.discriminator1
        yield self._update_discriminator(
            discriminator, real, fake.images.detach(), embeddings, caption, step
        )
        (on_fake,) = discriminator(fake.images, embeddings)
        log = {
            "adversarial": generator_loss(c.loss, on_fake, c.generator_target),
            "kl": fake.kl.mean(),
        }
        yield Update("generator", log["adversarial"] + c.kl * log["kl"], log)

    def _generate(self, embeddings: Tensor, step: Step) -> Generated:
        """Images of the phase's stage; the second phase does not train the first stage."""
        c, n = self.config, len(embeddings)
        latent = step.noise(n, c.latent)
        epsilon1, epsilon2 = self._split_noise(
            step.noise(n, 2 * c.condition) if c.augmentation else None
        )
        with torch.set_grad_enabled(step.phase == FIRST):
            fake: Generated = self.stage1(latent, embeddings, epsilon1)
        if step.phase == SECOND:
            fake = self.stage2(fake.images, embeddings, epsilon2)
        return fake

    def _update_discriminator(
        self,
        discriminator: nn.Module,
        real: Tensor,
        fake: Tensor,
        embeddings: Tensor,
        caption: Tensor,
        step: Step,
    ) -> Update:
        """Real images with their text, real ones with another's, and generated ones (section 3.3).

        A pair of another image's text counts only if that text differs.
        """
        c = self.config
        on_real, on_wrong = discriminator(real, embeddings, embeddings.roll(1, dims=0))
        (on_fake,) = discriminator(fake, embeddings)
        differs = unlike_captions(caption, caption.roll(1, dims=0)).float()
        loss = matching_aware_loss(c, on_real, on_wrong, on_fake, differs)
        log = scores(c.loss, on_real, on_fake)
        log["score/wrong"] = weighted_mean(on_wrong.detach().float().sigmoid(), differs)
        if c.r1 and step.index % c.r1_every == 0:
            log["penalty"] = r1_penalty(ConditionedOn(discriminator, embeddings), real)
            loss = loss + c.r1 / 2 * c.r1_every * log["penalty"]
        return Update("discriminator", loss, log)

    def meaning(self, tokens: Tensor) -> Tensor:
        """Embeddings of tokens (n, words), or another encoder's (n, meaning), normalized."""
        embeddings: Tensor = (
            self.text(tokens) if self.config.sentences == "captions" else normalize(tokens)
        )
        return embeddings

    def sample(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Images of the second stage.

        Views: `stage-1`, enlarged images of the first stage, and `stages`, both stages stacked.
        """
        caption = inputs.get("text", inputs.get("embedding"))
        embeddings = inputs[MEANING] if caption is None else self.meaning(caption)
        epsilon1, epsilon2 = self._split_noise(inputs.get("condition"))
        small = self.stage1(inputs["latent"], embeddings, epsilon1).images
        large = self.stage2(small, embeddings, epsilon2).images
        enlarged = F.interpolate(small, size=large.shape[2:])
        return Views(
            sample=large, stages=lambda: torch.cat([enlarged, large], dim=2), **{FIRST: enlarged}
        )

    def _split_noise(self, condition: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """Noise of conditioning augmentation for the first and the second stage."""
        if condition is None:
            return None, None
        size = self.config.condition
        return condition[:, :size], condition[:, size:]


class ConditionedOn(nn.Module):
    """A discriminator with fixed embeddings: images -> logits (n,)."""

    def __init__(self, discriminator: nn.Module, embeddings: Tensor) -> None:
        super().__init__()
        self.discriminator, self.embeddings = discriminator, embeddings

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(images, self.embeddings)[0]
        return logits


def same_captions(tokens: Tensor) -> Tensor:
    """Which two captions of tokens (n, words) are equal, bool (n, n)."""
    return (tokens[:, None] == tokens[None]).all(dim=2)


def unlike_captions(first: Tensor, second: Tensor) -> Tensor:
    """Rows that differ, bool (n,): tokens anywhere, embeddings by more than rounding."""
    if first.is_floating_point():
        return F.cosine_similarity(first.float(), second.float()) < ALIKE
    return (first != second).any(dim=1)


def matching_loss(logits: Tensor, same: Tensor) -> Tensor:
    """Cross-entropy of retrieving images by text and text by images (Zhang et al. 2020), averaged.

    `logits` (n, n); images with the `same` caption share the target (Yang et al. 2022).
    """
    targets = same.float() / same.sum(dim=1, keepdim=True)
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2


def retrieval_accuracy(logits: Tensor, same: Tensor) -> Tensor:
    """Share of captions and of images whose best match is right, a scalar."""
    right = [same.gather(1, fits.argmax(dim=1, keepdim=True)) for fits in (logits, logits.T)]
    return torch.cat(right).float().mean()


def matching_aware_loss(
    config: StackGANConfig, real: Tensor, wrong: Tensor, fake: Tensor, differs: Tensor
) -> Tensor:
    """real / 2 + (wrong + fake) / 4, from logits (n,).

    `differs` (n,): 0 where the wrong caption equals the right one, else 1.
    """
    on_real = logit_loss(config.loss, real, config.real_target)
    on_wrong = logit_loss(config.loss, wrong, 0)
    on_fake = logit_loss(config.loss, fake, 0)
    return on_real.mean() / 2 + (weighted_mean(on_wrong, differs) + on_fake.mean()) / 4


def logit_loss(kind: Literal["bce", "hinge"], logits: Tensor, target: float) -> Tensor:
    """Loss of each logit, (n,), in float32. hinge: a target is 0 or not, its size is ignored."""
    logits = logits.float()
    if kind == "hinge":
        return F.relu(1 - logits if target else 1 + logits)
    targets = torch.full_like(logits, target)
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """The mean of `values` by `weights`, or 0 if all weights are 0."""
    return (values * weights).sum() / weights.sum().clamp(min=1)
