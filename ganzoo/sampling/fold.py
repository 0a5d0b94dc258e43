"""A private copy of a network that samples the same pictures in less time.

BatchNorm goes into the convolution before it; transposed convolutions that libraries do slowly are put differently. Where samples
are drawn in bf16, weights are cast once and not at every call. Only at load, of averaged weights that no longer learn: what is
saved, verified or trained is never touched.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.gan import GAN
from ganzoo.nn.layers import NearestConvolution, Projection

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, Projection)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, NearestConvolution, *TRANSPOSED)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
FEW = 4
"""Output channels up to which doubling by phases is the quicker way."""


def folded(gan: GAN[Any]) -> GAN[Any]:
    """A copy of a GAN in eval mode in which each BatchNorm that directly follows a convolution in one `nn.Sequential` has
    gone into its weights. Hooked or shared layers, and a norm without statistics of its own, are left as they are."""
    private = copy.deepcopy(gan).eval().requires_grad_(False)
    uses = [
        id(child) for module in private.modules() for child in module._modules.values()
    ]  # children() hides repeats
    for sequence in [module for module in private.modules() if type(module) is nn.Sequential]:
        free = [_plain(layer) and uses.count(id(layer)) == 1 for layer in sequence]
        for place in _pairs(sequence):
            if free[place] and free[place + 1]:
                sequence[place], sequence[place + 1] = (
                    _fused(sequence[place], sequence[place + 1]),
                    nn.Identity(),
                )
        for place, layer in enumerate(sequence):
            if free[place]:
                sequence[place] = _rewritten(layer)
    return private


def _pairs(sequence: nn.Sequential) -> Iterator[int]:
    for place in range(len(sequence) - 1):
        layer, norm = sequence[place], sequence[place + 1]
        grouped = type(layer) in TRANSPOSED and layer.groups != 1  # torch would fold it wrongly
        if (
            type(layer) in CONVOLUTIONS
            and not grouped
            and type(norm) in NORMS
            and norm.running_mean is not None
        ):
            yield place


def _plain(module: nn.Module) -> bool:
    """No hooks and no parametrization: spectral normalization computes its weight anew at each call."""
    return not (
        module._forward_hooks or module._forward_pre_hooks or hasattr(module, "parametrizations")
    )


def _fused(layer: Any, norm: Any) -> nn.Module:
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    fused: nn.Module = fuse_conv_bn_eval(layer, norm, transpose=type(layer) in TRANSPOSED)
    return fused


def _transposed(layer: NearestConvolution) -> nn.ConvTranspose2d | nn.Sequential:
    """The same map with its taps added up once and for all."""
    taps, beyond = layer.taps(), layer.beyond()
    before, after, side, _ = taps.shape
    made = nn.ConvTranspose2d(
        before,
        after,
        side,
        2,
        side // 2 - 1 + 2 * beyond,
        bias=layer.bias is not None,
        device="meta",
    )
    made.weight, made.bias = nn.Parameter(taps, requires_grad=False), layer.bias
    return nn.Sequential(nn.ReplicationPad2d(beyond), made) if beyond else made


def _rewritten(layer: nn.Module) -> nn.Module:
    """Another form of the same map where there is a quicker one."""
    if type(layer) is NearestConvolution:
        layer = _transposed(layer)
    if type(layer) not in TRANSPOSED or not isinstance(layer, nn.ConvTranspose2d):
        return layer
    geometry = (layer.stride, layer.padding, layer.output_padding, layer.dilation, layer.groups)
    if geometry == ((1, 1), (0, 0), (0, 0), (1, 1), 1):
        return Spread(layer)
    if (
        geometry == ((2, 2), (1, 1), (0, 0), (1, 1), 1)
        and layer.kernel_size == (4, 4)
        and layer.out_channels <= FEW
    ):
        return Doubling(layer)
    return layer


class Spread(nn.Module):
    """A transposed convolution of stride 1: on maps of one pixel, as a latent is, it is one matrix product."""

    def __init__(self, layer: nn.ConvTranspose2d) -> None:
        super().__init__()
        self.layer = layer
        kernel = layer.weight.permute(2, 3, 1, 0)  # (height, width, out, in)
        self.shape = kernel.shape[:3]
        self.matrix = nn.Parameter(
            kernel.reshape(-1, layer.in_channels).contiguous(), requires_grad=False
        )
        self.bias = (
            None
            if layer.bias is None
            else nn.Parameter(layer.bias.repeat(self.shape[0] * self.shape[1]), requires_grad=False)
        )

    def forward(self, maps: Tensor) -> Tensor:
        if maps.shape[2:] != (1, 1):
            whole: Tensor = self.layer(maps)
            return whole
        return (
            F.linear(maps.flatten(1), self.matrix, self.bias)
            .view(-1, *self.shape)
            .permute(0, 3, 1, 2)
        )


class Doubling(nn.Module):
    """A transposed convolution with kernel 4, stride 2, padding 1. Each output pixel sees 2 x 2 inputs, with weights that
    depend on whether its row and its column are even: four convolutions in one, whose outputs are then interleaved."""

    def __init__(self, layer: nn.ConvTranspose2d) -> None:
        super().__init__()
        taps = {
            0: [3, 1],
            1: [2, 0],
        }  # kernel places that meet the two inputs, for even and odd outputs
        phases = [
            layer.weight[:, :, taps[row]][:, :, :, taps[column]].transpose(0, 1)
            for row in (0, 1)
            for column in (0, 1)
        ]
        self.channels = layer.out_channels
        self.weight = nn.Parameter(torch.cat(phases), requires_grad=False)
        self.bias = (
            None if layer.bias is None else nn.Parameter(layer.bias.repeat(4), requires_grad=False)
        )

    def forward(self, maps: Tensor) -> Tensor:
        n, _, height, width = maps.shape
        values = F.conv2d(maps, self.weight, self.bias, padding=1).permute(0, 2, 3, 1)
        phases = values.reshape(n, height + 1, width + 1, 2, 2, self.channels)
        out = values.new_empty(n, height, 2, width, 2, self.channels)
        for row in (0, 1):
            for column in (0, 1):
                out[:, :, row, :, column] = phases[
                    :, row : row + height, column : column + width, row, column
                ]
        return out.view(n, 2 * height, 2 * width, self.channels).permute(0, 3, 1, 2)


class Lowered(nn.Module):
    """A layer with a twin whose weights are in bf16, which takes its place under autocast to it. Where autocast is off, as a
    network may ask for a part of its work, the layer is as it was."""

    lower: nn.Module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        device = next(self.lower.parameters()).device.type
        if torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) == torch.bfloat16:
            return self.lower(*args, **kwargs)
        return super().forward(*args, **kwargs)


class LoweredLinear(Lowered, nn.Linear): ...


class LoweredConv1d(Lowered, nn.Conv1d): ...


class LoweredConv2d(Lowered, nn.Conv2d): ...


class LoweredConvTranspose1d(Lowered, nn.ConvTranspose1d): ...


class LoweredConvTranspose2d(Lowered, nn.ConvTranspose2d): ...


class LoweredProjection(Lowered, Projection): ...


class LoweredSpread(Lowered, Spread): ...


class LoweredDoubling(Lowered, Doubling): ...


LOWERED = {kind.__bases__[1]: kind for kind in Lowered.__subclasses__()}
"""By the layers, all of whose weights autocast casts at every call: on a GPU, each is a kernel of its own."""


def lowered(gan: GAN[Any]) -> GAN[Any]:
    """The same GAN, the layers of whose networks that `sample` uses also hold their weights in bf16. What is made under autocast
    stays the same."""
    for name in gan.ema:
        _lower(gan.get_submodule(name))
    return gan


def _lower(module: nn.Module) -> None:
    if type(module) in LOWERED and _plain(module):
        module.lower = copy.deepcopy(module).to(torch.bfloat16)
        module.__class__ = LOWERED[type(module)]
        return
    for child in module.children():
        _lower(child)
