"""Encoder and decoder; both may be told the class."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo_vae import VAEConfig


def one_hot(label: Tensor, config: VAEConfig) -> Tensor:
    """Class numbers (n,) -> (n, classes)."""
    return F.one_hot(label, len(config.classes)).float()


class Encoder(nn.Module):
    """Images (n, channels, size, size), and the class (n,) of each -> (n, 2 latent): means, then log-variances."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        # the class is a map of its own beside the picture's channels
        self.label = nn.Linear(len(config.classes), config.size**2) if config.conditional else None
        self.layers = nn.Sequential(
            nn.Conv2d(config.channels + config.conditional, width, 3, 2, 1), nn.ReLU(), nn.Dropout(config.dropout),
            nn.Conv2d(width, 2 * width, 3, 1, 1), nn.ReLU(), nn.Dropout(config.dropout),
            nn.Conv2d(2 * width, 4 * width, 3, 2, 1), nn.ReLU(), nn.Flatten(),
            nn.Linear(config.flat, config.hidden), nn.ReLU(),
            nn.Linear(config.hidden, config.bottleneck), nn.ReLU(),
            nn.Linear(config.bottleneck, 2 * config.latent),
        )  # fmt: skip

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        if self.label is not None and label is not None:
            told = self.label(one_hot(label, self.config)).view(
                -1, 1, self.config.size, self.config.size
            )
            images = torch.cat([images, told.to(images.dtype)], dim=1)
        found: Tensor = self.layers(images)
        return found


class Decoder(nn.Module):
    """Latents (n, latent), and the class (n,) of each -> logits of each value's brightness (n, channels, size, size)."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config, width, side = config, config.width, config.size // 4
        before = config.latent + (len(config.classes) if config.conditional else 0)
        layers: list[nn.Module] = []
        if config.decoder_hidden:
            layers += [nn.Linear(before, config.decoder_hidden), nn.ReLU()]
            before = config.decoder_hidden
        # at stride 1 a transposed convolution is a plain one, which libraries do more quickly
        self.layers = nn.Sequential(
            *layers, nn.Linear(before, config.flat), nn.ReLU(), nn.Unflatten(1, (4 * width, side, side)),
            nn.ConvTranspose2d(4 * width, 4 * width, 3, 2, 1, 1), nn.ReLU(),
            nn.Conv2d(4 * width, 2 * width, 3, 1, 1), nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 3, 2, 1, 1), nn.ReLU(),
            nn.Conv2d(width, config.channels, 3, 1, 1),
        )  # fmt: skip

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        if self.config.conditional and label is not None:
            latent = torch.cat([latent, one_hot(label, self.config)], dim=1)
        logits: Tensor = self.layers(latent)
        return logits


def init_glorot(module: nn.Module) -> None:
    """Weights uniform by Glorot and Bengio 2010, biases 0, as Keras starts. With torch's smaller weights the latent
    has so little effect at first that the KL term extinguishes it."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
