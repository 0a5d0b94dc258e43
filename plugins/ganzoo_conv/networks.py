"""Generator and discriminator whose convolutions the configuration lists."""

from __future__ import annotations

from torch import Tensor, nn

from ganzoo.layers import NearestConvolution
from ganzoo_conv import ConvConfig, layers


def convolution(
    before: int, after: int, kernel: int, scale: int = 1, padding: str = "same"
) -> list[nn.Module]:
    """(n, before, s, s) -> (n, after, s / scale, s / scale), rounded up; `padding` "valid": s - kernel + 1 in the place of s."""
    if padding == "valid":
        return [nn.Conv2d(before, after, kernel, scale)]
    if kernel % 2:
        return [nn.Conv2d(before, after, kernel, scale, kernel // 2)]
    less, more = (kernel - 1) // 2, kernel // 2
    return [nn.ZeroPad2d((less, more, less, more)), nn.Conv2d(before, after, kernel, scale)]


def doubling(before: int, after: int, kernel: int, upsampling: str) -> list[nn.Module]:
    """(n, before, s, s) -> (n, after, 2s, 2s)."""
    if upsampling == "nearest":
        if kernel % 2:
            return [
                nn.Identity(),
                NearestConvolution(before, after, kernel),
            ]  # the layers keep their numbers
        return [nn.Upsample(scale_factor=2), *convolution(before, after, kernel)]
    return [nn.ConvTranspose2d(before, after, kernel, 2, (kernel - 1) // 2, kernel % 2)]


class Generator(nn.Module):
    """latent (n, latent) -> images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, config: ConvConfig) -> None:
        super().__init__()
        before, side = config.start, config.smallest
        modules: list[nn.Module] = [
            nn.Linear(config.latent, before * side**2),
            nn.LeakyReLU(config.slope),
        ]
        modules.append(nn.Unflatten(1, (before, side, side)))
        for after, kernel, scale in layers(config.generator):
            made = (
                doubling(before, after, kernel, config.upsampling)
                if scale == 2
                else convolution(before, after, kernel)
            )
            modules += [*made, nn.LeakyReLU(config.slope)]
            before = after
        self.layers = nn.Sequential(
            *modules, *convolution(before, config.channels, config.last_kernel), nn.Tanh()
        )

    def forward(self, latent: Tensor) -> Tensor:
        images: Tensor = self.layers(latent)
        return images


class Discriminator(nn.Module):
    """images -> (n,) logits."""

    def __init__(self, config: ConvConfig) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        before = config.channels
        for after, kernel, scale in layers(config.discriminator):
            modules += [
                *convolution(before, after, kernel, scale, config.padding),
                nn.LeakyReLU(config.slope),
            ]
            modules += [nn.Dropout(config.layer_dropout)] if config.layer_dropout else []
            before = after
        numbers = before * config.sides[-1] ** 2
        self.layers = nn.Sequential(
            *modules, nn.Flatten(), nn.Dropout(config.dropout), nn.Linear(numbers, 1)
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits.squeeze(1)
