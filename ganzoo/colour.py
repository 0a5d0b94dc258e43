"""sRGB and linear light: `ganzoo.nn.srgb` under a short path.

`decoded` and `encoded` are the former names of `srgb_to_linear` and `linear_to_srgb`."""

from __future__ import annotations

from ganzoo.nn.srgb import linear_to_srgb, srgb_to_linear

decoded = srgb_to_linear
encoded = linear_to_srgb

__all__ = ["decoded", "encoded", "linear_to_srgb", "srgb_to_linear"]
