"""sRGB and linear light: `ganzoo.nn.srgb` under a short path and its former names."""

from __future__ import annotations

from ganzoo.nn.srgb import linear_to_srgb as encoded
from ganzoo.nn.srgb import srgb_to_linear as decoded

__all__ = ["decoded", "encoded"]
