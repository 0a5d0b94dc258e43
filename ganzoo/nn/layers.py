"""Faster forms of well-known layers, with the same weights under the same names."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Projection(nn.ConvTranspose2d):
    """A transposed convolution of stride 1 without padding.

    Maps of one pixel, such as a latent, take a single matrix product: the same result, much
    faster."""

    def __init__(self, before: int, after: int, kernel: int, bias: bool = True) -> None:
        super().__init__(before, after, kernel, bias=bias)

    def forward(self, maps: Tensor, output_size: list[int] | None = None) -> Tensor:
        if maps.shape[2:] != (1, 1):
            return super().forward(maps, output_size)
        # (in, height, width, out): contiguous where the weight is channels-last
        matrix = self.weight.permute(0, 2, 3, 1)
        flat = maps.flatten(1) @ matrix.flatten(1)
        result = torch.unflatten(flat, 1, matrix.shape[1:]).permute(0, 3, 1, 2)
        return result if self.bias is None else result + self.bias[:, None, None].to(result.dtype)


class NearestConvolution(nn.Conv2d):
    """Nearest-neighbour up-sampling, then a convolution: (n, before, h, w) -> (n, after, 2h, 2w).

    The four neighbours that up-sampling makes are equal, so the taps of the kernel that meet them
    are added first. That leaves a transposed convolution of `kernel` + 1 and stride 2, with 4/9 of
    the products for a kernel of 3, and no maps of the double side in between. `kernel` is odd.
    `mirrored`: pad the up-sampled maps with their mirror image instead of zeros."""

    def __init__(
        self, before: int, after: int, kernel: int = 3, bias: bool = True, mirrored: bool = False
    ) -> None:
        if kernel % 2 == 0:
            raise ValueError(f"kernel={kernel} is even; an odd kernel keeps the side")
        if mirrored and kernel > 3:
            raise ValueError(f"kernel={kernel}: mirrored=True takes kernels of 1 and 3")
        super().__init__(before, after, kernel, padding=kernel // 2, bias=bias)
        self.mirrored = mirrored

    def forward(self, maps: Tensor) -> Tensor:
        beyond = self.beyond()
        padded = F.pad(maps, 4 * (beyond,), "replicate") if beyond else maps
        padding = self.kernel_size[0] // 2 + 2 * beyond
        return F.conv_transpose2d(padded, self.taps(), self.bias, 2, padding)

    def beyond(self) -> int:
        """Padding of the maps: the mirror image of up-sampled maps repeats the border."""
        return int(self.mirrored and self.kernel_size[0] > 1)

    def taps(self) -> Tensor:
        """The kernel of the transposed convolution, (before, after, kernel + 1, kernel + 1)."""
        turned = self.weight.flip(2, 3)
        rows = F.pad(turned, (0, 0, 0, 1)) + F.pad(turned, (0, 0, 1, 0))
        return (F.pad(rows, (0, 1)) + F.pad(rows, (1, 0))).transpose(0, 1)
