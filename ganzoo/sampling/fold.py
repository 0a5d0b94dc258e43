"""A private copy of a network that gives the same samples in less time.

BatchNorm is folded into the convolution before it, and transposed convolutions that libraries
compute slowly are rewritten. Only for sampling from averaged weights: what is saved, verified or
trained is never changed.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.gan import GAN
from ganzoo.nn.layers import NearestConvolution, Projection

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, Projection)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, NearestConvolution, *TRANSPOSED)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
DOUBLING_CHANNELS = 4
"""Largest number of output channels for which `Doubling` is faster."""


def fold_batch_norms(gan: GAN[Any]) -> GAN[Any]:
    """A copy in eval mode with every BatchNorm folded that follows a convolution in a Sequential.

    Layers with hooks, shared layers, and norms without running statistics are left as they are.
    """
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    private = copy.deepcopy(gan).eval().requires_grad_(False)
    uses = []
    for module in private.modules():
        uses += [id(child) for child in module._modules.values()]  # children() hides repeats
    for sequence in [module for module in private.modules() if type(module) is nn.Sequential]:
        free = []
        for module in sequence:  # spectral normalization is a parametrization
            hooked = module._forward_hooks or module._forward_pre_hooks
            plain = not (hooked or hasattr(module, "parametrizations"))
            free.append(plain and uses.count(id(module)) == 1)
        for place in range(len(sequence) - 1):
            layer: Any = sequence[place]
            norm: Any = sequence[place + 1]
            if not (free[place] and free[place + 1]):
                continue
            if type(layer) not in CONVOLUTIONS or type(norm) not in NORMS:
                continue
            # torch folds grouped transposed layers wrongly
            if norm.running_mean is not None and (
                type(layer) not in TRANSPOSED or layer.groups == 1
            ):
                fused = fuse_conv_bn_eval(layer, norm, transpose=type(layer) in TRANSPOSED)
                sequence[place], sequence[place + 1] = fused, nn.Identity()
        for place, layer in enumerate(sequence):
            if free[place]:
                sequence[place] = _rewrite(layer)
    return private


def _rewrite(layer: nn.Module) -> nn.Module:
    """The same map in a faster form where there is one."""
    if type(layer) is NearestConvolution:
        layer = _transpose_nearest(layer)
    if type(layer) not in TRANSPOSED or not isinstance(layer, nn.ConvTranspose2d):
        return layer
    geometry = (layer.stride, layer.padding, layer.output_padding, layer.dilation, layer.groups)
    doubles = geometry == ((2, 2), (1, 1), (0, 0), (1, 1), 1) and layer.kernel_size == (4, 4)
    return Doubling(layer) if doubles and layer.out_channels <= DOUBLING_CHANNELS else layer


def _transpose_nearest(layer: NearestConvolution) -> nn.ConvTranspose2d | nn.Sequential:
    """The transposed convolution of the layer, its taps added up once."""
    taps, beyond = layer.taps(), layer.beyond()
    before, after, side, _ = taps.shape
    transposed = nn.ConvTranspose2d(
        before,
        after,
        side,
        stride=2,
        padding=side // 2 - 1 + 2 * beyond,
        bias=layer.bias is not None,
        device="meta",
    )
    transposed.weight, transposed.bias = nn.Parameter(taps, requires_grad=False), layer.bias
    if beyond:
        return nn.Sequential(nn.ReplicationPad2d(beyond), transposed)
    return transposed


class Doubling(nn.Module):
    """A transposed convolution with kernel 4, stride 2, padding 1.

    Each output pixel sees 2 x 2 inputs, with weights that depend on the parity of its row and its
    column: four convolutions in one, whose outputs are interleaved.
    """

    def __init__(self, layer: nn.ConvTranspose2d) -> None:
        super().__init__()
        # taps that meet the two inputs, for even and odd outputs
        taps = {0: [3, 1], 1: [2, 0]}
        phases = []
        for row in (0, 1):
            for column in (0, 1):
                phase = layer.weight[:, :, taps[row]][:, :, :, taps[column]]
                phases.append(phase.transpose(0, 1))
        self.channels = layer.out_channels
        self.weight = nn.Parameter(torch.cat(phases), requires_grad=False)
        self.bias: nn.Parameter | None = None
        if layer.bias is not None:
            self.bias = nn.Parameter(layer.bias.repeat(4), requires_grad=False)

    def forward(self, maps: Tensor) -> Tensor:
        n, _, height, width = maps.shape
        values = F.conv2d(maps, self.weight, self.bias, padding=1).permute(0, 2, 3, 1)
        phases = values.reshape(n, height + 1, width + 1, 2, 2, self.channels)
        out = values.new_empty(n, height, 2, width, 2, self.channels)
        for row in (0, 1):
            for column in (0, 1):
                part = phases[:, row : row + height, column : column + width, row, column]
                out[:, :, row, :, column] = part
        return out.view(n, 2 * height, 2 * width, self.channels).permute(0, 3, 1, 2)
