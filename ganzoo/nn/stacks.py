"""Initialisation, spectral norm, crops, and the stacks of DCGAN (Radford et al. 2016)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ganzoo.nn.layers import Projection

if TYPE_CHECKING:
    from ganzoo.gan import Step

Norm = Literal["batch", "instance", "layer", "none"]
"""layer: over channels and places of one picture, with a scale for each channel; it and instance mix no two pictures."""
Bias = Literal["needed", "all", "linear"]
"""needed: where no batch or instance norm follows; all; linear: in no convolution but the one that ends a discriminator."""
Start = Literal["convolution", "linear", "linear-half"]
"""How a latent becomes maps. linear-half: by a linear layer to maps of half the usual side, with no norm or ReLU after it."""


def init_normal(module: nn.Module, std: float = 0.02) -> nn.Module:
    """Convolutions and linear layers N(0, std), BatchNorm scales N(1, std), biases 0 (Radford et al. 2016, section 4)."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, std)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, std)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return module


def spectral(module: nn.Module) -> nn.Module:
    """Every convolution and linear layer divided by its largest singular value (Miyato et al. 2018)."""
    for layer in list(module.modules()):
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            spectral_norm(layer)
    return module


def upsampling(
    latent: int,
    channels: int,
    size: int,
    width: int,
    *,
    start: Start = "convolution",
    norm: Norm = "batch",
    kernel: int = 4,
    bias: Bias = "needed",
) -> nn.Sequential:
    """Generator of Radford et al. 2016, figure 1, up to and with its tanh: -> (n, channels, size, size) in [-1, 1].

    From (n, latent, 1, 1) for `start` "convolution", else from (n, latent). `width`: channels of the largest maps.
    """
    smallest, doublings = halvings(size)
    if start == "linear-half":
        smallest, doublings = smallest // 2, doublings + 1
    width, inner = (
        width << (doublings - 1),
        bias == "all" or (bias == "needed" and not _centred(norm)),
    )
    layers: list[nn.Module]
    if start == "convolution":
        layers = [Projection(latent, width, smallest, inner)]
    else:
        layers = [
            nn.Linear(latent, width * smallest**2),
            nn.Unflatten(1, (width, smallest, smallest)),
        ]
    if start != "linear-half":
        layers += [*normalization(norm, width), nn.ReLU(True)]
    for _ in range(doublings - 1):
        layers += [
            _up(width, width // 2, kernel, inner),
            *normalization(norm, width // 2),
            nn.ReLU(True),
        ]
        width //= 2
    return nn.Sequential(*layers, _up(width, channels, kernel, bias != "linear"), nn.Tanh())


def downsampling(
    channels: int,
    size: int,
    width: int,
    *,
    norm: Norm = "batch",
    first_norm: bool = False,
    kernel: int = 4,
    bias: Bias = "needed",
    slope: float = 0.2,
) -> nn.Sequential:
    """Discriminator of Radford et al. 2016 without its last layer: images (n, channels, size, size) -> the smallest maps.

    `smallest_maps` tells their shape, `head` turns them into logits. `width`: channels of the largest maps.
    `norm` is left out on the first layer unless `first_norm`. For spectral normalization: norm="none", then `spectral` on the
    initialised network.
    """
    layers: list[nn.Module] = []
    for number in range(halvings(size)[1]):
        here: Norm = norm if number or first_norm else "none"
        layers.append(
            _down(
                channels, width, kernel, bias == "all" or (bias == "needed" and not _centred(here))
            )
        )
        layers += [*normalization(here, width), nn.LeakyReLU(slope, True)]
        channels, width = width, 2 * width
    return nn.Sequential(*layers)


def head(size: int, width: int, outputs: int = 1) -> nn.Conv2d:
    """The last layer after `downsampling`: the smallest maps -> (n, outputs, 1, 1)."""
    channels, side = smallest_maps(size, width)
    return nn.Conv2d(channels, outputs, side)


def smallest_maps(size: int, width: int) -> tuple[int, int]:
    """Channels and side of the maps between which and images of `size` pixels the stacks go."""
    side, doublings = halvings(size)
    return width << (doublings - 1), side


def halvings(size: int) -> tuple[int, int]:
    """Side of the smallest maps, and how often they double to `size`: 28 is 7 twice, 64 is 4 four times."""
    smallest = 7 if size == 28 else 4
    return smallest, (size // smallest).bit_length() - 1


def normalization(norm: Norm, channels: int) -> list[nn.Module]:
    """The layer that normalizes maps of so many channels, or none."""
    match norm:
        case "batch":
            return [nn.BatchNorm2d(channels)]
        case "instance":
            return [nn.InstanceNorm2d(channels, affine=True)]
        case "layer":
            return [nn.GroupNorm(1, channels)]
        case _:
            return []


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """`network` in eval mode: no dropout, running statistics. Afterwards each of its modules is in the mode it was in."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def random_crop(images: Tensor, size: int, step: Step) -> Tensor:
    """Of each of `images` (n, channels, side, side) a square of `size` pixels, wherever chance puts it."""
    count, spare = len(images), images.shape[-1] - size
    if not spare:
        return images
    places = torch.arange(size, device=images.device)
    rows, columns = (step.integers(spare + 1, count, 1) + places for _ in range(2))
    number = torch.arange(count, device=images.device)[:, None, None]
    return images[number, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _centred(norm: Norm) -> bool:
    """Whether it takes each channel's mean away, and a bias before it with that."""
    return norm in ("batch", "instance")


def _up(before: int, after: int, kernel: int, bias: bool) -> nn.ConvTranspose2d:
    """(n, before, s, s) -> (n, after, 2s, 2s)."""
    return nn.ConvTranspose2d(before, after, kernel, 2, (kernel - 1) // 2, kernel % 2, bias=bias)


def _down(before: int, after: int, kernel: int, bias: bool) -> nn.Conv2d:
    """(n, before, 2s, 2s) -> (n, after, s, s)."""
    return nn.Conv2d(before, after, kernel, 2, (kernel - 1) // 2, bias=bias)
