"""The game of Zhu et al. 2017: two generators that undo each other (eq. 2), each judged in its domain by least squares."""

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
from ganzoo_cyclegan.networks import Discriminator, generator

KIND: Adversarial = "least-squares"
POOLS = ("pool_a", "pool_b")


class CycleGAN(GAN[CycleGANConfig]):
    """All weights start at N(0, 0.02), unless `init` says otherwise. `pool_a`, `pool_b`: past translations into either domain;
    `seen`: how many there were."""

    ema = ("a_to_b", "b_to_a")
    pool_a: Tensor
    pool_b: Tensor
    seen: Tensor

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__(config)
        started = init_normal if config.init == "normal" else nn.Identity()
        self.a_to_b, self.b_to_a = started(generator(config)), started(generator(config))
        self.discriminator_a, self.discriminator_b = (
            started(Discriminator(config)),
            started(Discriminator(config)),
        )
        if config.pool:
            shape = (config.pool, config.channels, config.size, config.size)
            for (
                name
            ) in POOLS:  # 16 bits: finer than the 8 of a picture, and half of a checkpoint's bytes
                self.register_buffer(name, torch.zeros(shape, dtype=torch.float16))
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
        fake_b, *same_b = self._each(self.a_to_b, a, *([b] if c.identity else []))
        fake_a, *same_a = self._each(self.b_to_a, b, *([a] if c.identity else []))
        past_a, past_b = self._shown(fake_a, fake_b, step)
        if c.first == "discriminators":
            yield from self._judges(a, b, past_a, past_b)
        parts = self._translation(a, b, fake_a, fake_b)
        if c.identity:
            parts |= {
                "identity/a": _difference(same_a[0], a),
                "identity/b": _difference(same_b[0], b),
            }
        yield Update("generators", self._weighted(parts), parts)
        if c.first == "generators":
            yield from self._judges(a, b, past_a, past_b)

    def _translation(
        self, a: Tensor, b: Tensor, fake_a: Tensor, fake_b: Tensor
    ) -> dict[str, Tensor]:
        """The terms of eq. 3 for the generators, by the domain in which they are taken."""
        return {
            "adversarial/a": generator_loss(KIND, self.discriminator_a(fake_a)),
            "adversarial/b": generator_loss(KIND, self.discriminator_b(fake_b)),
            "cycle/a": _difference(self.b_to_a(fake_b), a),
            "cycle/b": _difference(self.a_to_b(fake_a), b),
        }

    def _weighted(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Eq. 3 with the identity term of section 5.2."""
        c = self.config
        weights = {"adversarial": 1.0, "cycle": c.cycle, "identity": c.cycle * c.identity}
        return torch.stack(
            [weights[name.partition("/")[0]] * part for name, part in parts.items()]
        ).sum()

    def _judges(self, a: Tensor, b: Tensor, past_a: Tensor, past_b: Tensor) -> Iterator[Update]:
        on_real, on_past = self._each(self.discriminator_b, b, past_b)
        told = scores(KIND, on_real, on_past)
        yield Update("discriminator_b", discriminator_loss(KIND, on_real, on_past))
        on_real, on_past = self._each(self.discriminator_a, a, past_a)
        told = {
            name: (score + told[name]) / 2 for name, score in scores(KIND, on_real, on_past).items()
        }
        yield Update("discriminator_a", discriminator_loss(KIND, on_real, on_past), told)

    def _each(self, network: nn.Module, *parts: Tensor) -> list[Tensor]:
        """What `network` makes of each part: in one pass, a sixth faster, unless the norm mixes the pictures of a pass."""
        if self.config.norm == "batch":
            return [network(part) for part in parts]
        return list(network(torch.cat(parts)).split([len(part) for part in parts]))

    def sample(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The translation; `original` and `returned`, what the other generator makes of it."""
        image, forth = inputs["image"], inputs["direction"] == DIRECTIONS.index("A2B")
        there = self._translated(image, forth)
        return Views(sample=there, original=image, returned=lambda: self._translated(there, ~forth))

    def _translated(self, image: Tensor, forth: Tensor) -> Tensor:
        """Rows of A, where `forth`, as B; the others as A. One generator does the work where all go one way."""
        if not torch.compiler.is_compiling():  # a program that is traced holds both
            if bool(forth.all()):
                return _called(self.a_to_b, image)
            if not bool(forth.any()):
                return _called(self.b_to_a, image)
        return torch.where(forth.view(-1, 1, 1, 1), self.a_to_b(image), self.b_to_a(image))

    def _shown(self, fake_a: Tensor, fake_b: Tensor, step: Step) -> list[Tensor]:
        """What the discriminators are shown in place of fakes: half of the time one of the past (section 4)."""
        fakes = [fake_a.detach(), fake_b.detach()]
        if not self.config.pool:
            return fakes
        shown = [
            remembered(pool, self.seen, fake, step)
            for pool, fake in zip((self.pool_a, self.pool_b), fakes, strict=True)
        ]
        self.seen += len(fake_a)
        return shown


def _called(network: nn.Module, image: Tensor) -> Tensor:
    made: Tensor = network(image)
    return made


def _difference(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference, in float32."""
    return F.l1_loss(made.float(), wanted)
