"""Layers against the well-known ones whose maps they make."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ganzoo.nn.layers import NearestConvolution


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("kernel", "mirrored"), [(1, False), (3, False), (5, False), (7, False), (1, True), (3, True)]
)
def test_nearest_neighbours_and_a_convolution_in_one(
    kernel: int, mirrored: bool, bias: bool
) -> None:
    """Maps, and the gradients of maps and weights."""
    torch.manual_seed(0)
    layer, maps = (
        NearestConvolution(5, 4, kernel, bias, mirrored).double(),
        torch.randn(2, 5, 4, 7, dtype=torch.float64),
    )
    assert set(layer.state_dict()) == set(nn.Conv2d(5, 4, kernel, bias=bias).state_dict())
    maps.requires_grad_()
    around = (kernel // 2,) * 4
    doubled = F.pad(
        F.interpolate(maps, scale_factor=2, mode="nearest"),
        around,
        "reflect" if mirrored else "constant",
    )
    expected = F.conv2d(doubled, layer.weight, layer.bias)
    made = layer(maps)
    torch.testing.assert_close(made, expected)
    slope = torch.randn_like(made)
    moved = (maps, *layer.parameters())
    for found, wanted in zip(
        *(torch.autograd.grad(out, moved, slope) for out in (made, expected)), strict=True
    ):
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize(("kernel", "mirrored"), [(2, False), (5, True)])
def test_what_it_cannot_do_is_refused(kernel: int, mirrored: bool) -> None:
    with pytest.raises(ValueError, match=f"kernel={kernel}"):
        NearestConvolution(3, 3, kernel, mirrored=mirrored)
