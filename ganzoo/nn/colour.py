"""sRGB as light, and back (IEC 61966-2-1): differentiable, and of any shape."""

from __future__ import annotations

import torch
from torch import Tensor


def decoded(levels: Tensor) -> Tensor:
    """sRGB's levels in [0, 1] -> light, in [0, 1]."""
    return torch.where(
        levels <= 0.04045, levels / 12.92, ((levels.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    )


def encoded(light: Tensor) -> Tensor:
    """The inverse of `decoded`."""
    return torch.where(
        light <= 0.0031308, 12.92 * light, 1.055 * light.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    )
