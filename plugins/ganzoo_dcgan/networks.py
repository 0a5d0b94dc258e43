"""Generator and discriminator of Radford et al. 2016, figure 1: strided convolutions, BatchNorm, no pooling."""

from __future__ import annotations

from torch import Tensor, nn

from ganzoo_dcgan import DCGANConfig


def halvings(size: int) -> tuple[int, int]:
    """Side of the smallest maps, and how often they double to `size`: 28 is 7 twice, 64 is 4 four times."""
    smallest = 7 if size == 28 else 4
    return smallest, (size // smallest).bit_length() - 1


def up(before: int, after: int, kernel: int, bias: bool) -> nn.ConvTranspose2d:
    """(n, before, s, s) -> (n, after, 2s, 2s)."""
    return nn.ConvTranspose2d(before, after, kernel, 2, kernel - 3, kernel - 4, bias=bias)


def down(before: int, after: int, kernel: int, bias: bool) -> nn.Conv2d:
    """(n, before, 2s, 2s) -> (n, after, s, s)."""
    return nn.Conv2d(before, after, kernel, 2, kernel - 3, bias=bias)


class Generator(nn.Module):
    """latent (n, latent) -> images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        smallest, doublings = halvings(config.size)
        if config.start == "linear-half":
            smallest, doublings = smallest // 2, doublings + 1
        width, kernel, inner = config.width << (doublings - 1), config.kernel, config.bias == "all"
        self.linear = config.start != "convolution"
        layers: list[nn.Module]
        if self.linear:
            layers = [nn.Linear(config.latent, width * smallest**2), nn.Unflatten(1, (width, smallest, smallest))]
        else:
            layers = [nn.ConvTranspose2d(config.latent, width, smallest, bias=inner)]
        if config.start != "linear-half":
            layers += [nn.BatchNorm2d(width), nn.ReLU(True)]
        for _ in range(doublings - 1):
            layers += [up(width, width // 2, kernel, inner), nn.BatchNorm2d(width // 2), nn.ReLU(True)]
            width //= 2
        layers += [up(width, config.channels, kernel, config.bias != "linear"), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, latent: Tensor) -> Tensor:
        images: Tensor = self.layers(latent if self.linear else latent[:, :, None, None])
        return images


class Discriminator(nn.Module):
    """images -> (n,) logits; no BatchNorm on the first layer, unless `first_norm`."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        smallest, doublings = halvings(config.size)
        before, width = config.channels, config.discriminator_width or config.width
        layers: list[nn.Module] = []
        for number in range(doublings):
            norm = config.discriminator_norm == "batch" and (number > 0 or config.first_norm)
            layers.append(down(before, width, config.kernel, config.bias == "all" or (config.bias == "needed" and not norm)))
            layers += [nn.BatchNorm2d(width)] if norm else []
            layers.append(nn.LeakyReLU(config.slope, True))
            before, width = width, 2 * width
        self.layers = nn.Sequential(*layers, nn.Conv2d(before, 1, smallest))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits.flatten()
