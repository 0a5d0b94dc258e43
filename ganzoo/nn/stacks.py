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
"""layer: over channels and pixels of one image, with a scale per channel. It and instance norm do
not mix images."""
Bias = Literal["needed", "all", "linear"]
"""needed: where no batch or instance norm follows. linear: in no convolution but the
discriminator's last one."""
Start = Literal["convolution", "linear", "linear-half"]
"""How a latent becomes maps. linear-half: a linear layer to maps of half the usual side, without
norm and ReLU."""


def init_normal(module: nn.Module, std: float = 0.02) -> nn.Module:
    """Weights N(0, std), BatchNorm scales N(1, std), biases 0 (Radford et al. 2016, section 4)."""
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
    """Add spectral norm to every convolution and linear layer (Miyato et al. 2018)."""
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
    """Generator of Radford et al. 2016, figure 1: -> (n, channels, size, size) in [-1, 1].

    Takes (n, latent, 1, 1) for `start` "convolution", otherwise (n, latent). `width`: channels of
    the largest maps.
    """
    smallest, doublings = halvings(size)
    if start == "linear-half":
        smallest, doublings = smallest // 2, doublings + 1
    width = width << (doublings - 1)
    inner_bias = _has_bias(bias, norm)
    layers: list[nn.Module]
    if start == "convolution":
        layers = [Projection(latent, width, smallest, inner_bias)]
    else:
        layers = [
            nn.Linear(latent, width * smallest**2),
            nn.Unflatten(1, (width, smallest, smallest)),
        ]
    if start != "linear-half":
        layers += [*normalization(norm, width), nn.ReLU(True)]
    for _ in range(doublings - 1):
        layers.append(_double(width, width // 2, kernel, inner_bias))
        layers += [*normalization(norm, width // 2), nn.ReLU(True)]
        width //= 2
    return nn.Sequential(*layers, _double(width, channels, kernel, bias != "linear"), nn.Tanh())


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
    """Discriminator of Radford et al. 2016 without its last layer, which `head` is.

    Takes images (n, channels, size, size), returns maps of the shape in `smallest_maps`. `width`:
    channels of the largest maps. The first layer has no `norm` unless `first_norm`. For spectral
    normalization: norm="none", then `spectral` on the initialised network.
    """
    layers: list[nn.Module] = []
    for number in range(halvings(size)[1]):
        here: Norm = norm if number or first_norm else "none"
        has_bias = _has_bias(bias, here)
        layers.append(nn.Conv2d(channels, width, kernel, 2, (kernel - 1) // 2, bias=has_bias))
        layers += [*normalization(here, width), nn.LeakyReLU(slope, True)]
        channels, width = width, 2 * width
    return nn.Sequential(*layers)


def head(size: int, width: int, outputs: int = 1) -> nn.Conv2d:
    """The layer after `downsampling`: the smallest maps -> (n, outputs, 1, 1)."""
    channels, side = smallest_maps(size, width)
    return nn.Conv2d(channels, outputs, side)


def smallest_maps(size: int, width: int) -> tuple[int, int]:
    """Channels and side of the smallest feature maps."""
    side, doublings = halvings(size)
    return width << (doublings - 1), side


def halvings(size: int) -> tuple[int, int]:
    """Side of the smallest maps and doublings up to `size`: 28 is 7 twice, 64 is 4 four times."""
    smallest = 7 if size == 28 else 4
    return smallest, (size // smallest).bit_length() - 1


def normalization(norm: Norm, channels: int) -> list[nn.Module]:
    """The normalization layer for maps of `channels`; [] for "none"."""
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
    """`network` in eval mode inside; each module returns to its own mode afterwards."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def random_crop(images: Tensor, size: int, step: Step) -> Tensor:
    """A random crop of `size` x `size` from each of `images` (n, channels, side, side)."""
    count, spare = len(images), images.shape[-1] - size
    if not spare:
        return images
    places = torch.arange(size, device=images.device)
    rows = step.integers(spare + 1, count, 1) + places
    columns = step.integers(spare + 1, count, 1) + places
    number = torch.arange(count, device=images.device)[:, None, None]
    return images[number, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _has_bias(bias: Bias, norm: Norm) -> bool:
    """Whether a convolution before `norm` has a bias. Batch and instance norm subtract the mean."""
    return bias == "all" or (bias == "needed" and norm not in ("batch", "instance"))


def _double(before: int, after: int, kernel: int, bias: bool) -> nn.ConvTranspose2d:
    """(n, before, s, s) -> (n, after, 2s, 2s)."""
    return nn.ConvTranspose2d(before, after, kernel, 2, (kernel - 1) // 2, kernel % 2, bias=bias)
