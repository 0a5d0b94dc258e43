"""The game of Goodfellow et al. 2014 with the non-saturating loss; the discriminator may learn alone at first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext

from torch import Tensor

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import bce, evaluating, scores
from ganzoo_conv import ConvConfig
from ganzoo_conv.networks import Discriminator, Generator


class Conv(GAN[ConvConfig]):
    """Convolutions as the configuration lists them."""

    def __init__(self, config: ConvConfig) -> None:
        super().__init__(config)
        self.generator = Generator(config)
        self.discriminator = Discriminator(config)

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        betas = (c.beta1, 0.999)
        discriminator = {
            "discriminator": Player(networks=("discriminator",), lr=c.lr_discriminator, betas=betas)
        }
        generator = {"generator": Player(networks=("generator",), lr=c.lr_generator, betas=betas)}
        game = Phase(steps=c.steps, batch=c.batch, players=discriminator | generator, ema=c.ema)
        if not c.pretraining:
            return (game,)
        return Phase(
            name="pretrain", steps=c.pretraining, batch=c.batch, players=discriminator, ema=c.ema
        ), game

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        real = batch["image"]
        if step.phase == "pretrain":
            yield from self._judge(real, step.uniform(*real.shape, low=-1, high=1), step)
            return
        fake = self.generator(step.noise(len(real), self.config.latent))
        yield from self._judge(real, fake.detach(), step)
        if self.config.new_latent:
            fake = self.generator(step.noise(len(real), self.config.latent))
        with evaluating(self.discriminator) if self.config.steady_judge else nullcontext():
            on_fake = self.discriminator(fake)
        yield Update("generator", bce(on_fake, 1))

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        images: Tensor = self.generator(inputs["latent"])
        return images

    def _judge(self, real: Tensor, fake: Tensor, step: Step) -> Iterator[Update]:
        """The discriminator's loss on both, in one update or, with `split_updates`, in two."""
        c, n = self.config, len(real)
        on_real = self.discriminator(real)
        loss = bce(on_real, 1 - c.label_noise * step.uniform(n))
        if c.split_updates:
            yield Update("discriminator", loss)
        on_fake = self.discriminator(fake)
        other = bce(on_fake, c.label_noise * step.uniform(n))
        yield Update(
            "discriminator",
            other if c.split_updates else loss + other,
            scores("bce", on_real, on_fake),
        )
