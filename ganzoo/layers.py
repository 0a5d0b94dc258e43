"""Layers of architectures: `ganzoo.nn.layers` under a short path."""

from __future__ import annotations

from ganzoo.nn.layers import NearestConvolution, Projection

__all__ = ["NearestConvolution", "Projection"]
