"""Mirza and Osindero 2014, with the auxiliary classifier of Odena et al. 2017."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import discriminator_loss, generator_loss, init_normal, scores, spectral
from ganzoo_cgan import CGANConfig
from ganzoo_cgan.networks import Discriminator, Generator, Prediction


class CGAN(GAN[CGANConfig]):
    """Class-conditional GAN. Initial weights of convolutional networks are N(0, 0.02)."""

    def __init__(self, config: CGANConfig) -> None:
        super().__init__(config)
        self.generator: nn.Module = Generator(config)
        self.discriminator: nn.Module = Discriminator(config)
        if config.network == "convolution":
            init_normal(self)
            if config.discriminator_norm == "spectral":
                spectral(self.discriminator)

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        rates = {"discriminator": c.lr_discriminator, "generator": c.lr_generator}
        players = {
            name: Player(networks=(name,), lr=lr, betas=(c.beta1, 0.999), schedule=c.schedule)
            for name, lr in rates.items()
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players, ema=c.ema),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        """Mirza and Osindero 2014, eq. 2.

        With a classifier, as in Odena et al. 2017: the discriminator maximises L_S + L_C and the
        generator L_C - L_S, where L_S is the adversarial objective (eq. 2) and L_C the
        log-likelihood of the class (eq. 3).
        """
        c, real, labels = self.config, batch["image"], batch["label"]
        fake = self.generator(self._draw_latents(step, len(real)), labels)
        on_real = self.discriminator(real, labels)
        on_fake = self.discriminator(fake.detach(), labels)
        loss = discriminator_loss(c.loss, on_real.score, on_fake.score, c.real_target)
        log = scores(c.loss, on_real.score, on_fake.score)
        if c.classifier:
            losses = [classification_loss(on_real, labels)]
            if c.classifier_data == "all":
                losses.append(classification_loss(on_fake, labels))
            loss = loss + c.classifier * torch.stack(losses).sum()
            log["class/real"] = accuracy(on_real, labels)
            log["class/fake"] = accuracy(on_fake, labels)
        yield Update("discriminator", loss, log)
        on_fake = self.discriminator(fake, labels)
        loss = generator_loss(c.loss, on_fake.score)
        if c.classifier:
            loss = loss + c.classifier * classification_loss(on_fake, labels)
        yield Update("generator", loss)

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        images: Tensor = self.generator(inputs["latent"], inputs["label"])
        return images

    def _draw_latents(self, step: Step, n: int) -> Tensor:
        """(n, latent) from `latent_law`."""
        c = self.config
        if c.latent_law == "normal":
            return step.noise(n, c.latent)
        return step.uniform(n, c.latent, low=-1, high=1)


def classification_loss(prediction: Prediction, labels: Tensor) -> Tensor:
    """Mean of -log P(class = label | image), a term of Odena et al. 2017, eq. 3, in float32."""
    return F.cross_entropy(prediction.classes.float(), labels)


def accuracy(prediction: Prediction, labels: Tensor) -> Tensor:
    """Share of images whose class is predicted, a scalar."""
    return (prediction.classes.argmax(dim=1) == labels).float().mean()
