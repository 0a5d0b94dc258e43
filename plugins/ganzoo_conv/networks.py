"""Generator and discriminator whose convolutions the config lists."""

from __future__ import annotations

from torch import Tensor, nn

from ganzoo.layers import NearestConvolution
from ganzoo_conv import ConvConfig, parse_layers


def build_convolution(
    before: int, after: int, kernel: int, scale: int = 1, padding: str = "same"
) -> list[nn.Module]:
    """(n, before, s, s) -> (n, after, s / scale, s / scale), rounded up.

    `padding` "valid" has s - kernel + 1 in place of s.
    """
    if padding == "valid":
        return [nn.Conv2d(before, after, kernel, scale)]
    if kernel % 2:
        return [nn.Conv2d(before, after, kernel, scale, kernel // 2)]
    less, more = (kernel - 1) // 2, kernel // 2
    return [nn.ZeroPad2d((less, more, less, more)), nn.Conv2d(before, after, kernel, scale)]


def build_doubling(before: int, after: int, kernel: int, upsampling: str) -> list[nn.Module]:
    """(n, before, s, s) -> (n, after, 2s, 2s)."""
    if upsampling == "transposed":
        return [nn.ConvTranspose2d(before, after, kernel, 2, (kernel - 1) // 2, kernel % 2)]
    if kernel % 2:
        # Identity keeps the numbers of the layers in published weights
        return [nn.Identity(), NearestConvolution(before, after, kernel)]
    return [nn.Upsample(scale_factor=2), *build_convolution(before, after, kernel)]


class Generator(nn.Module):
    """latent (n, latent) -> images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, config: ConvConfig) -> None:
        super().__init__()
        c, before, side = config, config.start, config.smallest
        modules: list[nn.Module] = [
            nn.Linear(c.latent, before * side**2),
            nn.LeakyReLU(c.slope),
            nn.Unflatten(1, (before, side, side)),
        ]
        for after, kernel, scale in parse_layers(c.generator):
            if scale == 2:
                modules += build_doubling(before, after, kernel, c.upsampling)
            else:
                modules += build_convolution(before, after, kernel)
            modules.append(nn.LeakyReLU(c.slope))
            before = after
        modules += build_convolution(before, c.channels, c.last_kernel)
        self.layers = nn.Sequential(*modules, nn.Tanh())

    def forward(self, latent: Tensor) -> Tensor:
        images: Tensor = self.layers(latent)
        return images


class Discriminator(nn.Module):
    """images (n, channels, size, size) -> logits (n,)."""

    def __init__(self, config: ConvConfig) -> None:
        super().__init__()
        c, before = config, config.channels
        modules: list[nn.Module] = []
        for after, kernel, scale in parse_layers(c.discriminator):
            modules += build_convolution(before, after, kernel, scale, c.padding)
            modules.append(nn.LeakyReLU(c.slope))
            if c.layer_dropout:
                modules.append(nn.Dropout(c.layer_dropout))
            before = after
        modules += [
            nn.Flatten(),
            nn.Dropout(c.dropout),
            nn.Linear(before * c.sides[-1] ** 2, 1),
        ]
        self.layers = nn.Sequential(*modules)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits.squeeze(1)
