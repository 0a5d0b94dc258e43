"""Kingma and Welling 2014, eq. 10: reconstruction and KL, reparameterised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import kl_to_normal
from tiny_vae import TinyVAEConfig


class TinyVAE(GAN[TinyVAEConfig]):
    ema = ("encoder", "decoder")

    def __init__(self, config: TinyVAEConfig) -> None:
        super().__init__(config)
        c, pixels = config, config.channels * config.size**2
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, c.width), nn.ReLU(), nn.Linear(c.width, 2 * c.latent)
        )
        self.decoder = nn.Sequential(
            nn.Linear(c.latent, c.width),
            nn.ReLU(),
            nn.Linear(c.width, pixels),
            nn.Tanh(),
            nn.Unflatten(1, (c.channels, c.size, c.size)),
        )

    def phases(self) -> tuple[Phase, ...]:
        player = Player(networks=("encoder", "decoder"), lr=self.config.lr, betas=(0.9, 0.999))
        return (
            Phase(
                steps=self.config.steps, batch=self.config.batch, players={"autoencoder": player}
            ),
        )

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        image = batch["image"]
        mean, log_variance = self.encoder(image).float().chunk(2, dim=1)
        latent = mean + (log_variance / 2).exp() * step.noise(len(image), self.config.latent)
        lost = (self.decoder(latent).float() - image).square().flatten(1).sum(dim=1)
        kl = kl_to_normal(mean, log_variance)
        yield Update(
            "autoencoder", (lost + kl).mean(), {"reconstruction": lost.mean(), "kl": kl.mean()}
        )

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.decoder(inputs["latent"])

    def encode(self, images: Tensor, known: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        return {"latent": self.encoder(images).chunk(2, dim=1)[0]}
