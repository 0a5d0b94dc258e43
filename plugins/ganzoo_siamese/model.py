"""Pictures that look like another set and lie to each other as their originals do (TraVeL: Amodio and Krishnaswamy 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import (
    Adversarial,
    discriminator_loss,
    generator_loss,
    init_normal,
    random_crop,
    scores,
    spectral,
)
from ganzoo.pool import remembered
from ganzoo_siamese import TONE, SiameseConfig
from ganzoo_siamese.networks import Encoder, Generator, discriminator

KIND: Adversarial = "least-squares"


class Siamese(GAN[SiameseConfig]):
    """What the vectors of two originals differ by, those of their translations do too, says the siamese network. Whether a
    picture is of the style says the same network, which puts those at the origin, or a discriminator, as in the paper. `pool`:
    past translations that the latter is shown; `seen`: how many there were."""

    pool: Tensor
    seen: Tensor

    def __init__(self, config: SiameseConfig) -> None:
        super().__init__(config)
        self.generator = init_normal(Generator(config))
        self.siamese = init_normal(Encoder(config))
        if config.adversary == "patch":
            self.discriminator = init_normal(discriminator(config))
            if config.discriminator_norm == "spectral":
                spectral(self.discriminator)
            if config.pool:
                shape = (config.pool, config.channels, 2 * config.tile, 2 * config.tile)
                self.register_buffer("pool", torch.zeros(shape, dtype=torch.float16))
                self.register_buffer("seen", torch.zeros(1, dtype=torch.int64))

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        rates = {name: c.lr for name, _ in self.named_children()}
        if c.adversary == "patch":
            rates["discriminator"] = c.lr_discriminator
        players = {
            name: Player(networks=(name,), lr=lr, betas=(c.beta1, 0.999), schedule=c.schedule)
            for name, lr in rates.items()
        }
        return (Phase(steps=c.steps, batch=c.batch, players=players, ema=c.ema),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        c = self.config
        content, style = (random_crop(batch[domain], 2 * c.tile, step) for domain in c.domains)
        made = joined(self.generator(tiles(content)))
        if c.adversary == "patch":
            return self._beside_a_discriminator(content, style, made, step)
        return self._alone(content, style, made)

    def _alone(self, content: Tensor, style: Tensor, made: Tensor) -> Iterator[Update]:
        c = self.config
        (of_style,), (of_made, of_content) = (
            self.siamese(style).float(),
            self.siamese(made.detach(), content).float(),
        )
        near, far, travel = distance(of_style), distance(of_made), travelled(of_content, of_made)
        apart = near.square().mean() + F.relu(c.margin - far).square().mean()
        yield Update(
            "siamese",
            apart + c.travel * travel,
            {"distance/style": near.mean(), "distance/made": far.mean()},
        )

        of_made, of_content = self.siamese(made, content).float()
        travel = travelled(of_content.detach(), of_made)
        loss, log = distance(of_made).square().mean() + c.travel * travel, {"travel": travel}
        yield self._translation(loss, log, content, made, style)

    def _beside_a_discriminator(
        self, content: Tensor, style: Tensor, made: Tensor, step: Step
    ) -> Iterator[Update]:
        c = self.config
        real, fake = self.discriminator(style), self.discriminator(self._shown(made.detach(), step))
        yield Update(
            "discriminator", discriminator_loss(KIND, real, fake), scores(KIND, real, fake)
        )

        of_made, of_content = self.siamese(made.detach(), content).float()
        apart = distance(differences(of_content))
        close = F.relu(c.margin - apart).mean()
        yield Update(
            "siamese",
            close + c.travel * travelled(of_content, of_made),
            {"distance/originals": apart.mean()},
        )

        of_made, of_content = self.siamese(made, content).float()
        adversarial, travel = (
            generator_loss(KIND, self.discriminator(made)),
            travelled(of_content.detach(), of_made),
        )
        log = {"adversarial": adversarial, "travel": travel}
        yield self._translation(adversarial + c.travel * travel, log, content, made, style)

    def _shown(self, made: Tensor, step: Step) -> Tensor:
        """What the discriminator is shown in place of what was made: half of the time a picture of the past."""
        if not self.config.pool:
            return made
        shown = remembered(self.pool, self.seen, made, step)
        self.seen += len(made)
        return shown

    def _translation(
        self, loss: Tensor, log: dict[str, Tensor], content: Tensor, made: Tensor, style: Tensor
    ) -> Update:
        """The generator's turn, with what it changes of pictures of the style (Zhu et al. 2017, section 5.2) and of the tone of
        what it translates (Shrivastava et al. 2017, eq. 4, psi being the mean over squares)."""
        c = self.config
        if c.identity:
            log = log | {"identity": F.l1_loss(joined(self.generator(tiles(style))).float(), style)}
            loss = loss + c.identity * log["identity"]
        if c.tone:
            log = log | {
                "tone": F.l1_loss(F.avg_pool2d(made.float(), TONE), F.avg_pool2d(content, TONE))
            }
            loss = loss + c.tone * log["tone"]
        return Update("generator", loss, log)

    def sample(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The translation, and what it is made of as `original`. It has one direction."""
        return {"sample": self.generator(inputs["image"]), "original": inputs["image"]}


def tiles(images: Tensor) -> Tensor:
    """(n, channels, 2S, 2S) -> (4n, channels, S, S): the quarters of each picture, row by row."""
    n, channels, side = images.shape[0], images.shape[1], images.shape[2] // 2
    cut = images.reshape(n, channels, 2, side, 2, side).permute(0, 2, 4, 1, 3, 5)
    return cut.reshape(4 * n, channels, side, side)


def joined(cut: Tensor) -> Tensor:
    """What `tiles` cut, as it was."""
    n, channels, side = len(cut) // 4, cut.shape[1], cut.shape[2]
    whole = cut.reshape(n, 2, 2, channels, side, side).permute(0, 3, 1, 4, 2, 5)
    return whole.reshape(n, channels, 2 * side, 2 * side)


def distance(vectors: Tensor) -> Tensor:
    """(n, d) -> (n,): from the origin."""
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=1)
    return lengths


def travelled(first: Tensor, second: Tensor) -> Tensor:
    """1 - cosine of what each two rows differ by, in the one set (n, d) and in the other; the mean over all pairs.

    Amodio and Krishnaswamy 2019, eq. 1, its part on angles."""
    return (1 - F.cosine_similarity(differences(first), differences(second))).mean()


def differences(vectors: Tensor) -> Tensor:
    """(n, d) -> (n (n - 1) / 2, d): what each two rows differ by."""
    one, other = torch.triu_indices(len(vectors), len(vectors), 1, device=vectors.device)
    return vectors[one] - vectors[other]
