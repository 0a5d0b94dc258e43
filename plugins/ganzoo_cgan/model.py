"""The game of Mirza and Osindero 2014: real or not, given the class; with the auxiliary classifier of Odena et al. 2017."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import discriminator_loss, generator_loss, init_normal, scores, spectral
from ganzoo_cgan import CGANConfig
from ganzoo_cgan.networks import Discriminator, Generator, Verdict


class CGAN(GAN[CGANConfig]):
    """Class-conditional GAN. Weights of convolutional networks start at N(0, 0.02), as DCGAN's."""

    def __init__(self, config: CGANConfig) -> None:
        super().__init__(config)
        self.generator: nn.Module = Generator(config)
        self.discriminator: nn.Module = Discriminator(config)
        if config.network == "convolution":
            init_normal(self)
        if config.network == "convolution" and config.discriminator_norm == "spectral":
            spectral(self.discriminator)

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        betas = (c.beta1, 0.999)
        players = {
            "discriminator": Player(
                networks=("discriminator",), lr=c.lr_discriminator, betas=betas, schedule=c.schedule
            ),
            "generator": Player(
                networks=("generator",), lr=c.lr_generator, betas=betas, schedule=c.schedule
            ),
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players, ema=c.ema),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        """Mirza and Osindero 2014, eq. 2. With a classifier, Odena et al. 2017: the discriminator is to maximise L_S + L_C,
        the generator L_C - L_S, L_S being the value of the game (eq. 2) and L_C the log-likelihood of the classes (eq. 3)."""
        c, real, labels = self.config, batch["image"], batch["label"]
        fake = self.generator(self._latent(step, len(real)), labels)
        on_real, on_fake = (
            self.discriminator(real, labels),
            self.discriminator(fake.detach(), labels),
        )
        loss = discriminator_loss(c.loss, on_real.score, on_fake.score, c.real_target)
        log = scores(c.loss, on_real.score, on_fake.score)
        if c.classifier:
            seen = (on_real, on_fake) if c.classifier_data == "all" else (on_real,)
            loss = (
                loss
                + c.classifier * torch.stack([mistaken(verdict, labels) for verdict in seen]).sum()
            )
            log |= {"class/real": named(on_real, labels), "class/fake": named(on_fake, labels)}
        yield Update("discriminator", loss, log)
        on_fake = self.discriminator(fake, labels)
        loss = generator_loss(c.loss, on_fake.score)
        yield Update(
            "generator", loss + c.classifier * mistaken(on_fake, labels) if c.classifier else loss
        )

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        images: Tensor = self.generator(inputs["latent"], inputs["label"])
        return images

    def _latent(self, step: Step, n: int) -> Tensor:
        size = self.config.latent
        return (
            step.noise(n, size)
            if self.config.latent_law == "normal"
            else step.uniform(n, size, low=-1, high=1)
        )


def mistaken(verdict: Verdict, labels: Tensor) -> Tensor:
    """Mean of -log P(class = label | image), one term of Odena et al. 2017, eq. 3, in float32."""
    return F.cross_entropy(verdict.classes.float(), labels)


def named(verdict: Verdict, labels: Tensor) -> Tensor:
    """Share of images whose class the classifier names, a scalar."""
    return (verdict.classes.argmax(dim=1) == labels).float().mean()
