"""The variational lower bound of Kingma and Welling 2014, eq. 10, with one draw of the latent a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor
from torch.nn import functional as F

from ganzoo.errors import InputError
from ganzoo.gan import GAN, Phase, Player, Step, Update
from ganzoo.nn import kl_to_normal
from ganzoo_vae import VAEConfig
from ganzoo_vae.networks import Decoder, Encoder, init_glorot


class VAE(GAN[VAEConfig]):
    """One player moves both networks; the prior is N(0, I), for every class where there are classes."""

    ema = ("encoder", "decoder")

    def __init__(self, config: VAEConfig) -> None:
        super().__init__(config)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        init_glorot(self)

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        player = Player(
            networks=("encoder", "decoder"), lr=c.lr, betas=(c.beta1, 0.999), schedule=c.schedule
        )
        return (Phase(steps=c.steps, batch=c.batch, players={"autoencoder": player}, ema=c.ema),)

    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        image, label = batch["image"], batch.get("label")
        mean, log_variance = self.encoder(image, label).float().chunk(2, dim=1)
        latent = mean + (log_variance / 2).exp() * step.noise(*mean.shape)
        reconstruction = bernoulli(self.decoder(latent, label), image).mean()
        kl = kl_to_normal(mean, log_variance).mean()
        yield Update(
            "autoencoder",
            reconstruction + self.config.kl_weight * kl,
            {"reconstruction": reconstruction, "kl": kl},
        )

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        logits: Tensor = self.decoder(inputs["latent"], inputs.get("label"))
        return (
            logits.float() / 2
        ).tanh()  # 2 sigmoid(x) - 1: the mean of the distribution, in [-1, 1]

    def encode(self, images: Tensor, known: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The mean of the posterior; with the class, which a conditional encoder has to be told."""
        label = known.get("label") if self.config.conditional else None
        if self.config.conditional and label is None:
            raise InputError(
                "label", "this encoder has to be told the class of each picture (label=...)"
            )
        latent = self.encoder(images, label).chunk(2, dim=1)[0]
        return {"latent": latent} if label is None else {"latent": latent, "label": label}


def bernoulli(logits: Tensor, images: Tensor) -> Tensor:
    """-log p(image | latent) of each row, (n,), in nats: binary cross-entropy, summed over the values of a picture.

    `images` in [-1, 1]; brightness in [0, 1] is the target. In float32."""
    target = (images.float() + 1) / 2
    return (
        F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
        .flatten(1)
        .sum(dim=1)
    )
