"""DCGAN's game: one step for the discriminator, one for the generator on the same fakes or on new ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import (
    Adversarial,
    discriminator_loss,
    generator_loss,
    init_normal,
    r1_penalty,
    scores,
    spectral,
)
from ganzoo_dcgan import DCGANConfig
from ganzoo_dcgan.networks import Discriminator, Generator


class DCGAN(GAN[DCGANConfig]):
    """Deep convolutional GAN; all weights start at N(0, 0.02), scales of BatchNorm at N(1, 0.02) or 1."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__(config)
        self.kind: Adversarial = "least-squares" if config.loss == "squared-score" else config.loss
        self.generator = init_normal(Generator(config))
        self.discriminator = init_normal(Discriminator(config))
        if config.norm_scale == "one":
            for layer in self.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    nn.init.ones_(layer.weight)
        if config.discriminator_norm == "spectral":
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
        c, real = self.config, batch["image"]
        fake = self.generator(self._latent(step, len(real)))
        on_real, on_fake = self._judged(real), self._judged(fake.detach())
        real_target = c.real_target - self._label_noise(step, len(real))
        loss = discriminator_loss(
            self.kind, on_real, on_fake, real_target, self._label_noise(step, len(real))
        )
        log = scores(self.kind, on_real, on_fake)
        if c.r1 and step.index % c.r1_every == 0:
            penalty = r1_penalty(self.discriminator, real)
            loss, log = loss + c.r1 / 2 * c.r1_every * penalty, log | {"penalty": penalty}
        yield Update("discriminator", loss, log)
        if c.new_latent:
            fake = self.generator(self._latent(step, len(real)))
        target = 1 - self._label_noise(step, len(real)) if c.noisy_generator else 1.0
        yield Update("generator", generator_loss(self.kind, self._judged(fake), target))

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        images: Tensor = self.generator(inputs["latent"])
        return images

    def _judged(self, images: Tensor) -> Tensor:
        """What the loss is taken of, (n,): logits, or their sigmoid."""
        logits: Tensor = self.discriminator(images)
        return logits.float().sigmoid() if self.config.loss == "squared-score" else logits

    def _latent(self, step: Step, n: int) -> Tensor:
        size = self.config.latent
        return (
            step.noise(n, size)
            if self.config.latent_law == "normal"
            else step.uniform(n, size, low=-1, high=1)
        )

    def _label_noise(self, step: Step, n: int) -> Tensor:
        """How far each target moves inwards, (n,). Beta(1, 5) by its inverse distribution function."""
        c = self.config
        if c.label_noise == "none":
            return step.uniform(1).new_zeros(n)
        uniform = step.uniform(n)
        return c.noise * (uniform if c.label_noise == "uniform" else 1 - (1 - uniform) ** 0.2)
