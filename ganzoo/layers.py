"""Layers of architectures: `ganzoo.nn.layers` under its short path."""

from __future__ import annotations

from ganzoo.nn.layers import NearestConvolution, Projection

__all__ = ["NearestConvolution", "Projection"]
