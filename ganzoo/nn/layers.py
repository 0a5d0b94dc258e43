"""Layers that make the maps of well-known ones in less time, with the same weights under the same names."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Projection(nn.ConvTranspose2d):
    """A transposed convolution of stride 1 and no padding. On maps of one pixel, as a latent is, it is one matrix product: the
    same weights and the same map, made in a fraction of the time."""

    def __init__(self, before: int, after: int, kernel: int, bias: bool = True) -> None:
        super().__init__(before, after, kernel, bias=bias)

    def forward(self, maps: Tensor, output_size: list[int] | None = None) -> Tensor:
        if maps.shape[2:] != (1, 1):
            return super().forward(maps, output_size)
        matrix = self.weight.permute(
            0, 2, 3, 1
        )  # (in, height, width, out), contiguous where the weight is channels-last
        made = torch.unflatten(maps.flatten(1) @ matrix.flatten(1), 1, matrix.shape[1:]).permute(
            0, 3, 1, 2
        )
        return made if self.bias is None else made + self.bias[:, None, None].to(made.dtype)


class NearestConvolution(nn.Conv2d):
    """Maps (n, before, h, w), doubled by nearest neighbours, then a convolution of an odd `kernel` that keeps the side ->
    (n, after, 2h, 2w).

    Of four neighbours that are the same, a kernel's places that meet them can be added up first. What is left is a transposed
    convolution of `kernel` + 1 and stride 2, with 4/9 of the products for a kernel of 3, and no map of the double side is
    needed between. `mirrored`: what is beyond the border is the doubled maps' mirror image in place of zeros."""

    def __init__(
        self, before: int, after: int, kernel: int = 3, bias: bool = True, mirrored: bool = False
    ) -> None:
        if kernel % 2 == 0:
            raise ValueError(
                f"kernel={kernel} is even: nothing keeps the side and lies evenly around a place"
            )
        if mirrored and kernel > 3:
            raise ValueError(
                f"kernel={kernel} looks farther than one place beyond the border, which mirrored=True is made for"
            )
        super().__init__(before, after, kernel, padding=kernel // 2, bias=bias)
        self.mirrored = mirrored

    def forward(self, maps: Tensor) -> Tensor:
        beyond = self.beyond()
        wider = F.pad(maps, 4 * (beyond,), "replicate") if beyond else maps
        return F.conv_transpose2d(
            wider, self.taps(), self.bias, 2, self.kernel_size[0] // 2 + 2 * beyond
        )

    def beyond(self) -> int:
        """Places added around the maps: one place beyond the border lies what one place within does, the border's twin."""
        return int(self.mirrored and self.kernel_size[0] > 1)

    def taps(self) -> Tensor:
        """(before, after, kernel + 1, kernel + 1): the transposed convolution's."""
        turned = self.weight.flip(2, 3)
        rows = F.pad(turned, (0, 0, 0, 1)) + F.pad(turned, (0, 0, 1, 0))
        return (F.pad(rows, (0, 1)) + F.pad(rows, (1, 0))).transpose(0, 1)
