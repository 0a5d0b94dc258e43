"""DCGAN: one discriminator update and one generator update a step."""

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
    """Initial weights are N(0, 0.02), scales of BatchNorm N(1, 0.02) or 1."""

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
        rates = {"discriminator": c.lr_discriminator, "generator": c.lr_generator}
        players = {
            name: Player(networks=(name,), lr=lr, betas=(c.beta1, 0.999), schedule=c.schedule)
            for name, lr in rates.items()
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players, ema=c.ema),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        c, real = self.config, batch["image"]
        n = len(real)
        fake = self.generator(self._draw_latents(step, n))
        on_real, on_fake = self._score(real), self._score(fake.detach())
        real_target = c.real_target - self._draw_label_noise(step, n)
        fake_target = self._draw_label_noise(step, n)
        loss = discriminator_loss(self.kind, on_real, on_fake, real_target, fake_target)
        log = scores(self.kind, on_real, on_fake)
        if c.r1 and step.index % c.r1_every == 0:
            # lazy regularization: taken every r1_every steps, r1_every times as heavily
            log["penalty"] = r1_penalty(self.discriminator, real)
            loss = loss + c.r1 / 2 * c.r1_every * log["penalty"]
        yield Update("discriminator", loss, log)
        if c.new_latent:
            fake = self.generator(self._draw_latents(step, n))
        target = 1 - self._draw_label_noise(step, n) if c.noisy_generator else 1.0
        yield Update("generator", generator_loss(self.kind, self._score(fake), target))

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        images: Tensor = self.generator(inputs["latent"])
        return images

    def _score(self, images: Tensor) -> Tensor:
        """Input of the loss, (n,): logits, or their sigmoid for squared-score."""
        logits: Tensor = self.discriminator(images)
        return logits.float().sigmoid() if self.config.loss == "squared-score" else logits

    def _draw_latents(self, step: Step, n: int) -> Tensor:
        """(n, latent) from `latent_law`."""
        c = self.config
        if c.latent_law == "normal":
            return step.noise(n, c.latent)
        return step.uniform(n, c.latent, low=-1, high=1)

    def _draw_label_noise(self, step: Step, n: int) -> Tensor:
        """How far each target moves inwards, (n,); Beta(1, 5) by its inverse distribution."""
        c = self.config
        if c.label_noise == "none":
            return step.uniform(1).new_zeros(n)
        uniform = step.uniform(n)
        return c.noise * (uniform if c.label_noise == "uniform" else 1 - (1 - uniform) ** 0.2)
