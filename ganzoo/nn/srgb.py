"""Differentiable conversion between sRGB and linear light (IEC 61966-2-1)."""

from __future__ import annotations

import torch
from torch import Tensor


def srgb_to_linear(levels: Tensor) -> Tensor:
    """sRGB levels in [0, 1] -> linear light in [0, 1]."""
    return torch.where(
        levels <= 0.04045, levels / 12.92, ((levels.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    )


def linear_to_srgb(light: Tensor) -> Tensor:
    """Linear light in [0, 1] -> sRGB levels in [0, 1]."""
    return torch.where(
        light <= 0.0031308, 12.92 * light, 1.055 * light.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    )
