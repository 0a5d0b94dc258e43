"""`ganzoo.spec` under the path that plugins import."""

from __future__ import annotations

from ganzoo.spec import (
    Captions,
    Curve,
    Data,
    Embeddings,
    Facts,
    Field,
    Labels,
    Output,
    Picture,
    Points,
)

__all__ = [
    "Captions",
    "Curve",
    "Data",
    "Embeddings",
    "Facts",
    "Field",
    "Labels",
    "Output",
    "Picture",
    "Points",
]
