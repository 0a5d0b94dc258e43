"""A pool of past fakes: `ganzoo.nn.query_pool` under a short path and its former name."""

from __future__ import annotations

from ganzoo.nn.pool import query_pool as remembered

__all__ = ["remembered"]
