"""The variational lower bound of Kingma and Welling 2014, eq. 10, with one latent an image."""

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
    """One player trains both networks. The prior is N(0, I), for every class if conditional."""

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
        reconstruction = bernoulli_loss(self.decoder(latent, label), image).mean()
        kl = kl_to_normal(mean, log_variance).mean()
        loss = reconstruction + self.config.kl_weight * kl
        yield Update("autoencoder", loss, {"reconstruction": reconstruction, "kl": kl})

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        logits: Tensor = self.decoder(inputs["latent"], inputs.get("label"))
        # 2 sigmoid(x) - 1: the mean of the Bernoulli distribution, scaled to [-1, 1]
        return (logits.float() / 2).tanh()

    def encode(self, images: Tensor, known: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The posterior mean, and the label, which a conditional encoder needs."""
        if not self.config.conditional:
            return {"latent": self.encoder(images, None).chunk(2, dim=1)[0]}
        label = known.get("label")
        if label is None:
            raise InputError("label", "this encoder needs the class of each image (label=...)")
        return {"latent": self.encoder(images, label).chunk(2, dim=1)[0], "label": label}


def bernoulli_loss(logits: Tensor, images: Tensor) -> Tensor:
    """-log p(image | latent), (n,), in nats: binary cross-entropy summed over an image.

    `images` are in [-1, 1]; the target is their brightness in [0, 1]. In float32.
    """
    target = (images.float() + 1) / 2
    loss = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    return loss.flatten(1).sum(dim=1)
