"""Encoder and decoder, optionally conditioned on a class."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo_vae import VAEConfig


def one_hot(label: Tensor, config: VAEConfig) -> Tensor:
    """Labels (n,) -> (n, classes)."""
    return F.one_hot(label, len(config.classes)).float()


class Encoder(nn.Module):
    """images (n, channels, size, size), labels (n,) -> (n, 2 latent): means, then log-variances."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        # the class becomes one map beside the channels of the image
        self.label = nn.Linear(len(config.classes), config.size**2) if config.conditional else None
        self.layers = nn.Sequential(
            nn.Conv2d(config.channels + config.conditional, width, 3, 2, 1),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Conv2d(width, 2 * width, 3, 1, 1),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Conv2d(2 * width, 4 * width, 3, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(config.flat, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, config.bottleneck),
            nn.ReLU(),
            nn.Linear(config.bottleneck, 2 * config.latent),
        )

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        if self.label is not None and label is not None:
            size = self.config.size
            label_map = self.label(one_hot(label, self.config)).view(-1, 1, size, size)
            images = torch.cat([images, label_map.to(images.dtype)], dim=1)
        parameters: Tensor = self.layers(images)
        return parameters


class Decoder(nn.Module):
    """latents (n, latent), labels (n,) -> logits of the brightness (n, channels, size, size)."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config, width, side = config, config.width, config.size // 4
        before = config.latent + (len(config.classes) if config.conditional else 0)
        layers: list[nn.Module] = []
        if config.decoder_hidden:
            layers += [nn.Linear(before, config.decoder_hidden), nn.ReLU()]
            before = config.decoder_hidden
        # a transposed convolution of stride 1 equals a plain one, which is faster
        self.layers = nn.Sequential(
            *layers,
            nn.Linear(before, config.flat),
            nn.ReLU(),
            nn.Unflatten(1, (4 * width, side, side)),
            nn.ConvTranspose2d(4 * width, 4 * width, 3, 2, 1, 1),
            nn.ReLU(),
            nn.Conv2d(4 * width, 2 * width, 3, 1, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 3, 2, 1, 1),
            nn.ReLU(),
            nn.Conv2d(width, config.channels, 3, 1, 1),
        )

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        if self.config.conditional and label is not None:
            latent = torch.cat([latent, one_hot(label, self.config)], dim=1)
        logits: Tensor = self.layers(latent)
        return logits


def init_glorot(module: nn.Module) -> None:
    """Initialise weights by Glorot and Bengio 2010 (uniform) and biases by 0, as Keras does.

    With PyTorch's smaller weights the latent has little effect at first, and the KL term wins.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
