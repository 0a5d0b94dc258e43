"""Chen et al. 2016, eq. 6: a GAN whose codes can be read back from its images."""

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
from ganzoo_infogan.networks import Discriminator, Generator, Posterior


class CodeBatch(NamedTuple):
    """`categories`: values (n,) of each code; `continuous`: (n, continuous) in [-1, 1)."""

    categories: tuple[Tensor, ...]
    continuous: Tensor


class InfoGAN(GAN[InfoGANConfig]):
    """The discriminator also computes Q; both players maximise the mutual-information bound."""

    def __init__(self, config: InfoGANConfig) -> None:
        super().__init__(config)
        self.generator = init_normal(Generator(config))
        self.discriminator = init_normal(Discriminator(config))

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        rates = {"discriminator": c.lr_discriminator, "generator": c.lr_generator}
        players = {
            name: Player(networks=(name,), lr=lr, betas=(c.beta1, 0.999), schedule=c.schedule)
            for name, lr in rates.items()
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players, ema=c.ema),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        c, real = self.config, batch["image"]
        codes = self._draw_codes(step, len(real))
        latent = step.noise(len(real), c.latent)
        fake = self.generator(latent, self._encode_codes(codes))
        on_real, _ = self.discriminator(real)
        on_fake, posterior = self.discriminator(fake.detach())
        information, log = self._compute_information(posterior, codes)
        loss = discriminator_loss(c.loss, on_real, on_fake, c.real_target)
        yield Update("discriminator", loss - information, scores(c.loss, on_real, on_fake) | log)
        on_fake, posterior = self.discriminator(fake)
        information, _ = self._compute_information(posterior, codes)
        yield Update("generator", generator_loss(c.loss, on_fake) - information)

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        images: Tensor = self.generator(inputs["latent"], inputs["code"])
        return images

    def _draw_codes(self, step: Step, n: int) -> CodeBatch:
        c = self.config
        categories = tuple(step.integers(values, n) for values in c.categories)
        return CodeBatch(categories, step.uniform(n, c.continuous, low=-1, high=1))

    def _encode_codes(self, codes: CodeBatch) -> Tensor:
        """(n, sum(categories) + continuous), as `ganzoo.inputs.Codes`: one-hot, then continuous."""
        one_hot = [
            F.one_hot(chosen, values).float()
            for chosen, values in zip(codes.categories, self.config.categories, strict=True)
        ]
        return torch.cat([*one_hot, codes.continuous], dim=1)

    def _compute_information(
        self, posterior: Posterior, codes: CodeBatch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """lambda L_I(G, Q) of eq. 6, and L_I of each kind of code for the log, in nats."""
        c = self.config
        terms: list[Tensor] = []
        log: dict[str, Tensor] = {}
        if c.categories:
            bound = categorical_information(posterior, codes)
            log["information/categorical"] = bound
            terms.append(c.information * bound)
        if c.continuous:
            bound = continuous_information(posterior, codes)
            log["information/continuous"] = bound
            terms.append(c.information_continuous * bound)
        return torch.stack(terms).sum(), log


def categorical_information(posterior: Posterior, codes: CodeBatch) -> Tensor:
    """L_I = E[log Q(c | x)] + H(c) (eq. 4) of the categorical codes, in nats.

    A code of K values adds log K if it is always predicted with certainty.
    """
    bounds = [
        math.log(logits.shape[1]) - F.cross_entropy(logits.float(), chosen)
        for logits, chosen in zip(posterior.categories, codes.categories, strict=True)
    ]
    return torch.stack(bounds).sum()


def continuous_information(posterior: Posterior, codes: CodeBatch) -> Tensor:
    """L_I (eq. 4) of codes uniform in [-1, 1], H(c) = log 2 each, under a Gaussian Q, in nats."""
    mean, log_variance = posterior.mean.float(), posterior.log_variance.float()
    distance = (codes.continuous - mean).square() / (log_variance.exp() + 1e-6)
    log_density = -0.5 * (math.log(2 * math.pi) + log_variance + distance)
    return (log_density + math.log(2)).sum(dim=1).mean()
