"""Generator and discriminator of Radford et al. 2016, figure 1: strided convolutions, BatchNorm, no pooling."""

from __future__ import annotations

from torch import Tensor, nn

from ganzoo_dcgan import DCGANConfig


def halvings(size: int) -> tuple[int, int]:
    """Side of the smallest maps, and how often they double to `size`: 28 is 7 twice, 64 is 4 four times."""
    smallest = 7 if size == 28 else 4
    return smallest, (size // smallest).bit_length() - 1


class Generator(nn.Module):
    """latent (n, latent) -> images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        smallest, doublings = halvings(config.size)
        width = config.width << (doublings - 1)
        layers: list[nn.Module] = [nn.ConvTranspose2d(config.latent, width, smallest, bias=False)]
        for _ in range(doublings - 1):
            layers += [nn.BatchNorm2d(width), nn.ReLU(True), nn.ConvTranspose2d(width, width // 2, 4, 2, 1, bias=False)]
            width //= 2
        layers += [nn.BatchNorm2d(width), nn.ReLU(True), nn.ConvTranspose2d(width, config.channels, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, latent: Tensor) -> Tensor:
        images: Tensor = self.layers(latent[:, :, None, None])
        return images


class Discriminator(nn.Module):
    """images -> (n,) logits; no BatchNorm on the first layer."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        smallest, doublings = halvings(config.size)
        width, norm = config.width, config.discriminator_norm
        layers: list[nn.Module] = [nn.Conv2d(config.channels, width, 4, 2, 1), nn.LeakyReLU(config.slope, True)]
        for _ in range(doublings - 1):
            layers.append(nn.Conv2d(width, 2 * width, 4, 2, 1, bias=norm != "batch"))
            layers += [nn.BatchNorm2d(2 * width)] if norm == "batch" else []
            layers.append(nn.LeakyReLU(config.slope, True))
            width *= 2
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, smallest))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits.flatten()
