"""Zhu et al. 2017: two generators that undo each other (eq. 2), with least-squares losses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.gan import GAN, Phase, Player, Step, Update, Views
from ganzoo.nn import (
    Adversarial,
    discriminator_loss,
    generator_loss,
    init_normal,
    random_crop,
    scores,
)
from ganzoo.pool import remembered
from ganzoo_cyclegan import DIRECTIONS, DOMAINS, CycleGANConfig
from ganzoo_cyclegan.networks import Discriminator, build_generator

KIND: Adversarial = "least-squares"


class CycleGAN(GAN[CycleGANConfig]):
    """`pool_a`, `pool_b`: past translations into either domain; `seen`: how many there were.

    Initial weights are N(0, 0.02) unless `init` is pytorch.
    """

    ema = ("a_to_b", "b_to_a")
    pool_a: Tensor
    pool_b: Tensor
    seen: Tensor

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__(config)
        init = init_normal if config.init == "normal" else nn.Identity()
        self.a_to_b = init(build_generator(config))
        self.b_to_a = init(build_generator(config))
        self.discriminator_a = init(Discriminator(config))
        self.discriminator_b = init(Discriminator(config))
        if config.pool:
            shape = (config.pool, config.channels, config.size, config.size)
            # 16 bits: finer than the 8 of an image, and half the bytes of a checkpoint
            self.register_buffer("pool_a", torch.zeros(shape, dtype=torch.float16))
            self.register_buffer("pool_b", torch.zeros(shape, dtype=torch.float16))
            self.register_buffer("seen", torch.zeros(1, dtype=torch.int64))

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        networks = {
            "generators": self.ema,
            "discriminator_a": ("discriminator_a",),
            "discriminator_b": ("discriminator_b",),
        }
        players = {
            name: Player(networks=moved, lr=c.lr, betas=(c.beta1, 0.999), schedule=c.schedule)
            for name, moved in networks.items()
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players, ema=c.ema),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        c = self.config
        a, b = (random_crop(batch[domain], c.size, step) for domain in DOMAINS)
        if c.identity:
            fake_b, same_b = self._run(self.a_to_b, a, b)
            fake_a, same_a = self._run(self.b_to_a, b, a)
        else:
            fake_b, fake_a = self.a_to_b(a), self.b_to_a(b)
        past_a, past_b = self._draw_past(fake_a, fake_b, step)
        if c.first == "discriminators":
            yield from self._update_discriminators(a, b, past_a, past_b)
        # eq. 3 with the identity loss of section 5.2; keys name the domain of each term
        terms = {
            "adversarial/a": generator_loss(KIND, self.discriminator_a(fake_a)),
            "adversarial/b": generator_loss(KIND, self.discriminator_b(fake_b)),
            "cycle/a": l1_distance(self.b_to_a(fake_b), a),
            "cycle/b": l1_distance(self.a_to_b(fake_a), b),
        }
        if c.identity:
            terms["identity/a"] = l1_distance(same_a, a)
            terms["identity/b"] = l1_distance(same_b, b)
        weights = {"adversarial": 1.0, "cycle": c.cycle, "identity": c.cycle * c.identity}
        weighted = [weights[name.partition("/")[0]] * term for name, term in terms.items()]
        yield Update("generators", torch.stack(weighted).sum(), terms)
        if c.first == "generators":
            yield from self._update_discriminators(a, b, past_a, past_b)

    def _update_discriminators(
        self, a: Tensor, b: Tensor, past_a: Tensor, past_b: Tensor
    ) -> Iterator[Update]:
        """`past_a`, `past_b`: translations of this step or earlier ones."""
        on_real, on_past = self._run(self.discriminator_b, b, past_b)
        scores_b = scores(KIND, on_real, on_past)
        yield Update("discriminator_b", discriminator_loss(KIND, on_real, on_past))
        on_real, on_past = self._run(self.discriminator_a, a, past_a)
        scores_a = scores(KIND, on_real, on_past)
        log = {name: (score + scores_b[name]) / 2 for name, score in scores_a.items()}
        yield Update("discriminator_a", discriminator_loss(KIND, on_real, on_past), log)

    def _run(self, network: nn.Module, *batches: Tensor) -> list[Tensor]:
        """`network` of each batch, in one pass (a sixth faster) unless its norm mixes images."""
        if self.config.norm == "batch":
            return [network(images) for images in batches]
        return list(network(torch.cat(batches)).split([len(images) for images in batches]))

    def sample(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The translation; views: `original`, and `returned`, its translation back."""
        image, forth = inputs["image"], inputs["direction"] == DIRECTIONS.index("A2B")
        there = self._translate(image, forth)
        return Views(sample=there, original=image, returned=lambda: self._translate(there, ~forth))

    def _translate(self, images: Tensor, forth: Tensor) -> Tensor:
        """Rows where `forth` (n,) from A to B, others from B to A.

        If all rows go one way, one generator is called; a traced program holds both.
        """
        if not torch.compiler.is_compiling():
            translations: Tensor
            if bool(forth.all()):
                translations = self.a_to_b(images)
                return translations
            if not bool(forth.any()):
                translations = self.b_to_a(images)
                return translations
        return torch.where(forth.view(-1, 1, 1, 1), self.a_to_b(images), self.b_to_a(images))

    def _draw_past(self, fake_a: Tensor, fake_b: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """Fakes for the discriminators: half of them from earlier steps (section 4)."""
        fake_a, fake_b = fake_a.detach(), fake_b.detach()
        if not self.config.pool:
            return fake_a, fake_b
        past_a = remembered(self.pool_a, self.seen, fake_a, step)
        past_b = remembered(self.pool_b, self.seen, fake_b, step)
        self.seen += len(fake_a)
        return past_a, past_b


def l1_distance(images: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute difference, in float32."""
    return F.l1_loss(images.float(), targets)
