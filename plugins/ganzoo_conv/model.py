"""Goodfellow et al. 2014, non-saturating; the discriminator may be trained alone first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext

from torch import Tensor

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import bce, evaluating, scores
from ganzoo_conv import ConvConfig
from ganzoo_conv.networks import Discriminator, Generator


class Conv(GAN[ConvConfig]):
    """A GAN of convolutions that the config lists."""

    def __init__(self, config: ConvConfig) -> None:
        super().__init__(config)
        self.generator = Generator(config)
        self.discriminator = Discriminator(config)

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        betas = (c.beta1, 0.999)
        discriminator = Player(networks=("discriminator",), lr=c.lr_discriminator, betas=betas)
        generator = Player(networks=("generator",), lr=c.lr_generator, betas=betas)
        train = Phase(
            steps=c.steps,
            batch=c.batch,
            players={"discriminator": discriminator, "generator": generator},
            ema=c.ema,
        )
        if not c.pretraining:
            return (train,)
        pretrain = Phase(
            name="pretrain",
            steps=c.pretraining,
            batch=c.batch,
            players={"discriminator": discriminator},
            ema=c.ema,
        )
        return (pretrain, train)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        c, real = self.config, batch["image"]
        if step.phase == "pretrain":
            noise = step.uniform(*real.shape, low=-1, high=1)
            yield from self._update_discriminator(real, noise, step)
            return
        fake = self.generator(step.noise(len(real), c.latent))
        yield from self._update_discriminator(real, fake.detach(), step)
        if c.new_latent:
            fake = self.generator(step.noise(len(real), c.latent))
        with evaluating(self.discriminator) if c.steady_judge else nullcontext():
            on_fake = self.discriminator(fake)
        yield Update("generator", bce(on_fake, 1))

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        images: Tensor = self.generator(inputs["latent"])
        return images

    def _update_discriminator(self, real: Tensor, fake: Tensor, step: Step) -> Iterator[Update]:
        """One update on both batches or, with `split_updates`, one on each."""
        c, n = self.config, len(real)
        on_real = self.discriminator(real)
        loss = bce(on_real, 1 - c.label_noise * step.uniform(n))
        if c.split_updates:
            yield Update("discriminator", loss)
        on_fake = self.discriminator(fake)
        fake_loss = bce(on_fake, c.label_noise * step.uniform(n))
        loss = fake_loss if c.split_updates else loss + fake_loss
        yield Update("discriminator", loss, scores("bce", on_real, on_fake))
