"""TraVeL (Amodio and Krishnaswamy 2019): translations that differ as their originals do."""

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
from ganzoo_siamese.networks import Encoder, Generator, build_discriminator

KIND: Adversarial = "least-squares"


class Siamese(GAN[SiameseConfig]):
    """The siamese network's vectors of two translations differ as those of their originals.

    The style is told by the siamese network, which maps images of the style to the origin, or by a
    discriminator, as in the paper. `pool`: past translations for the discriminator; `seen`: how
    many there were.
    """

    pool: Tensor
    seen: Tensor

    def __init__(self, config: SiameseConfig) -> None:
        super().__init__(config)
        self.generator = init_normal(Generator(config))
        self.siamese = init_normal(Encoder(config))
        if config.adversary == "patch":
            self.discriminator = init_normal(build_discriminator(config))
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
        fake = join_tiles(self.generator(split_tiles(content)))
        if c.adversary == "patch":
            return self._update_with_discriminator(content, style, fake, step)
        return self._update_siamese_alone(content, style, fake)

    def _update_siamese_alone(
        self, content: Tensor, style: Tensor, fake: Tensor
    ) -> Iterator[Update]:
        """The siamese network pulls the style to the origin and pushes translations off it."""
        c = self.config
        (of_style,) = self.siamese(style).float()
        of_fake, of_content = self.siamese(fake.detach(), content).float()
        near, far = vector_norm(of_style), vector_norm(of_fake)
        apart = near.square().mean() + F.relu(c.margin - far).square().mean()
        loss = apart + c.travel * travel_loss(of_content, of_fake)
        yield Update("siamese", loss, {"distance/style": near.mean(), "distance/made": far.mean()})

        of_fake, of_content = self.siamese(fake, content).float()
        travel = travel_loss(of_content.detach(), of_fake)
        loss = vector_norm(of_fake).square().mean() + c.travel * travel
        yield self._update_generator(loss, {"travel": travel}, content, fake, style)

    def _update_with_discriminator(
        self, content: Tensor, style: Tensor, fake: Tensor, step: Step
    ) -> Iterator[Update]:
        """The siamese network keeps the content only; the discriminator tells the style."""
        c = self.config
        on_real = self.discriminator(style)
        shown = fake.detach()
        if c.pool:
            shown = remembered(self.pool, self.seen, shown, step)
            self.seen += len(fake)
        on_fake = self.discriminator(shown)
        loss = discriminator_loss(KIND, on_real, on_fake)
        yield Update("discriminator", loss, scores(KIND, on_real, on_fake))

        of_fake, of_content = self.siamese(fake.detach(), content).float()
        apart = vector_norm(pairwise_differences(of_content))
        loss = F.relu(c.margin - apart).mean() + c.travel * travel_loss(of_content, of_fake)
        yield Update("siamese", loss, {"distance/originals": apart.mean()})

        of_fake, of_content = self.siamese(fake, content).float()
        adversarial = generator_loss(KIND, self.discriminator(fake))
        travel = travel_loss(of_content.detach(), of_fake)
        log = {"adversarial": adversarial, "travel": travel}
        yield self._update_generator(adversarial + c.travel * travel, log, content, fake, style)

    def _update_generator(
        self, loss: Tensor, log: dict[str, Tensor], content: Tensor, fake: Tensor, style: Tensor
    ) -> Update:
        """Add the identity loss (Zhu et al. 2017, section 5.2) and the loss of tone.

        The latter is Shrivastava et al. 2017, eq. 4, where psi is the mean over squares.
        """
        c = self.config
        if c.identity:
            same = join_tiles(self.generator(split_tiles(style)))
            log["identity"] = F.l1_loss(same.float(), style)
            loss = loss + c.identity * log["identity"]
        if c.tone:
            tone = F.avg_pool2d(fake.float(), TONE)
            log["tone"] = F.l1_loss(tone, F.avg_pool2d(content, TONE))
            loss = loss + c.tone * log["tone"]
        return Update("generator", loss, log)

    def sample(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The translation, and its `original`. There is one direction."""
        return {"sample": self.generator(inputs["image"]), "original": inputs["image"]}


def split_tiles(images: Tensor) -> Tensor:
    """(n, channels, 2S, 2S) -> (4n, channels, S, S): the quarters of each image, row by row."""
    n, channels, side = images.shape[0], images.shape[1], images.shape[2] // 2
    tiles = images.reshape(n, channels, 2, side, 2, side).permute(0, 2, 4, 1, 3, 5)
    return tiles.reshape(4 * n, channels, side, side)


def join_tiles(tiles: Tensor) -> Tensor:
    """The inverse of `split_tiles`."""
    n, channels, side = len(tiles) // 4, tiles.shape[1], tiles.shape[2]
    images = tiles.reshape(n, 2, 2, channels, side, side).permute(0, 3, 1, 4, 2, 5)
    return images.reshape(n, channels, 2 * side, 2 * side)


def vector_norm(vectors: Tensor) -> Tensor:
    """(n, d) -> Euclidean norms (n,)."""
    norms: Tensor = torch.linalg.vector_norm(vectors, dim=1)
    return norms


def travel_loss(first: Tensor, second: Tensor) -> Tensor:
    """Mean of 1 - cosine between differences of the same two rows in both sets (n, d).

    The part on angles of Amodio and Krishnaswamy 2019, eq. 1.
    """
    cosines = F.cosine_similarity(pairwise_differences(first), pairwise_differences(second))
    return (1 - cosines).mean()


def pairwise_differences(vectors: Tensor) -> Tensor:
    """(n, d) -> (n (n - 1) / 2, d), of each two rows."""
    first, second = torch.triu_indices(len(vectors), len(vectors), 1, device=vectors.device)
    return vectors[first] - vectors[second]
