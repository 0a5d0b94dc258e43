"""A pool of past fakes: `ganzoo.nn.pool` under a short path.

`remembered` is the former name of `query_pool`."""

from __future__ import annotations

from ganzoo.nn.pool import query_pool

remembered = query_pool

__all__ = ["query_pool", "remembered"]
