"""sRGB levels and linear light: `ganzoo.nn.colour` under its short path."""

from __future__ import annotations

from ganzoo.nn.colour import decoded, encoded

__all__ = ["decoded", "encoded"]
