"""A pool of past samples: `ganzoo.nn.pool` under its short path."""

from __future__ import annotations

from ganzoo.nn.pool import remembered

__all__ = ["remembered"]
