"""Models by name, wherever they lie: folders, the client's cache, the package, the Hub.

Names are resolved when they are first used, as in `ganzoo` itself: most commands only have to tell a path from a name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ganzoo.hub.place import cache_folder, expanded, is_offline, is_path, is_repository, short

if TYPE_CHECKING:
    from ganzoo.hub.client import forget as forget
    from ganzoo.hub.fetch import Progress as Progress
    from ganzoo.hub.proof import check as check
    from ganzoo.hub.source import Pulled as Pulled
    from ganzoo.hub.source import described as described
    from ganzoo.hub.source import is_here as is_here
    from ganzoo.hub.source import pull as pull

_HOMES = {
    "Progress": "fetch",
    "Pulled": "source",
    "check": "proof",
    "described": "source",
    "forget": "client",
    "is_here": "source",
    "pull": "source",
}
__all__ = ["cache_folder", "expanded", "is_offline", "is_path", "is_repository", "short", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ganzoo.hub' has no attribute {name!r}")
    return getattr(import_module(f"ganzoo.hub.{_HOMES[name]}"), name)
