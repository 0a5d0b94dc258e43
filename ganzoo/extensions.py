"""Entry points of installed distributions, by group: plugins, and what else strangers may add.

Nothing is loaded until it is used, and one broken extension does not affect the others.

    points = extensions.find("ganzoo.plugins")
    plugin = extensions.load(points["dcgan"], Plugin)
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from ganzoo.errors import BrokenPlugin, GanzooError, PluginClash

T = TypeVar("T")
OWN_DISTRIBUTION = "ganzoo-torch"


def find(group: str) -> dict[str, list[EntryPoint]]:
    """Entry points of a group by name; more than one under a name when distributions clash.

    Ganzoo's own entry point is the first of them."""
    return _find(group, tuple(sys.path))


def load(points: Sequence[EntryPoint], kind: type[T], noun: str = "plugin") -> T:
    """The object that an entry point of `find` names. Raises PluginClash or BrokenPlugin.

    Ganzoo's own object is used even if other distributions claim its name. `noun`: what it is, for
    the errors."""
    point = points[0]
    if len(points) > 1:
        claims = sorted(identify(each)[0] for each in points)
        if claims.count(OWN_DISTRIBUTION) != 1:
            raise PluginClash(point.name, claims, noun)
    try:
        found = point.load()
    except Exception as error:  # whatever the module raises, other extensions must still work
        reason = f"{type(error).__name__}: {error}"
        raise BrokenPlugin(point.name, identify(point)[0], reason, noun) from error
    if not isinstance(found, kind):
        expected = f"{kind.__module__}.{kind.__qualname__}"
        reason = f"{point.value} is a {type(found).__name__}, not a {expected}"
        raise BrokenPlugin(point.name, identify(point)[0], reason, noun)
    return found


@contextmanager
def blame(point: EntryPoint, noun: str) -> Iterator[None]:
    """Raise BrokenPlugin, which names the extension, for its errors.

    Errors for the user and of memory stay as they are."""
    try:
        yield
    except Exception as error:
        is_memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
        if is_memory or isinstance(error, GanzooError):
            raise
        reason = f"{type(error).__name__}: {error}"
        raise BrokenPlugin(point.name, identify(point)[0], reason, noun) from error


def list_ignored(group: str) -> dict[str, list[str]]:
    """Names that ganzoo has itself -> other distributions that claim them and are not used."""
    ignored = {}
    for name, points in find(group).items():
        owners = [identify(point)[0] for point in points] if len(points) > 1 else []
        if owners.count(OWN_DISTRIBUTION) == 1:
            ignored[name] = sorted(owners[1:])
    return ignored


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
            found[name] = sorted(
                distinct.values(), key=lambda point: identify(point)[0] != OWN_DISTRIBUTION
            )
    return found
