"""Entry points of installed distributions, by group: plugins, and what else strangers may add.

Nothing is loaded until it is used, and one broken extension does not affect the others.

    points = extensions.find("ganzoo.plugins")
    plugin = extensions.load(points["dcgan"], Plugin)
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from ganzoo.errors import BrokenPlugin, PluginClash

T = TypeVar("T")


def find(group: str) -> dict[str, list[EntryPoint]]:
    """Entry points of a group by name; more than one under a name when distributions clash."""
    return _find(group, tuple(sys.path))


def load(points: Sequence[EntryPoint], kind: type[T]) -> T:
    """The object that an entry point of `find` names. Raises PluginClash or BrokenPlugin."""
    if len(points) > 1:
        raise PluginClash(points[0].name, sorted(identify(point)[0] for point in points))
    point = points[0]
    try:
        found = point.load()
    except Exception as error:  # whatever the module raises, other extensions must still work
        reason = f"{type(error).__name__}: {error}"
        raise BrokenPlugin(point.name, identify(point)[0], reason) from error
    if not isinstance(found, kind):
        expected = f"{kind.__module__}.{kind.__qualname__}"
        reason = f"{point.value} is a {type(found).__name__}, not a {expected}"
        raise BrokenPlugin(point.name, identify(point)[0], reason)
    return found


def identify(point: EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution that announces an entry point.

    Taken from the name of its .dist-info folder if possible: reading the metadata takes 10 ms."""
    if point.dist is None:
        return "an unknown distribution", "0"
    folder = getattr(getattr(point.dist, "_path", None), "name", "")
    name, _, version = folder.removesuffix(".dist-info").partition("-")
    if folder.endswith(".dist-info") and version:
        return name.replace("_", "-"), version
    return point.dist.name, point.dist.version


@cache
def _find(group: str, _: tuple[str, ...]) -> dict[str, list[EntryPoint]]:
    """Cached for each search path: a search reads a file of every distribution."""
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, []).append(point)
    for name, points in found.items():
        if len(points) > 1:  # an editable install can announce the same line twice
            distinct = {(identify(point)[0], point.value): point for point in points}
            found[name] = list(distinct.values())
    return found
