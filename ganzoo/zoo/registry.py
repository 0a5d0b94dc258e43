"""Plugins by name, found through entry points: lazy, and each one's failure is its own.

`GANZOO_PLUGINS=dcgan,wgan` loads only these; set but empty, none.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Any

from ganzoo.errors import BrokenPlugin, MissingPlugin, PluginClash, UnknownPlugin
from ganzoo.plugin import Plugin

GROUP = "ganzoo.plugins"
DISTRIBUTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
"""A distribution's name as PyPI allows it, of at most 64 characters."""


def names() -> list[str]:
    """Names of all announced plugins, sorted; none of them is loaded."""
    return sorted(_announced())


def get(name: str) -> Plugin[Any]:
    """The plugin called `name`. Raises UnknownPlugin, PluginClash or BrokenPlugin."""
    found = _announced()
    if name not in found:
        raise UnknownPlugin(name, found, hidden=name in _found(None, tuple(sys.path)))
    if len(found[name]) > 1:
        raise PluginClash(name, sorted(_distribution(point) for point in found[name]))
    return _load(found[name][0])


def required(plugin: str, distribution: str) -> Plugin[Any]:
    """The plugin that a model's config.json names, with the errors of `get`; MissingPlugin where it is not installed.

    `distribution`: what the model says brings it; passed on only if it is spelt as PyPI spells names."""
    if plugin not in _found(None, tuple(sys.path)):
        brings = distribution if DISTRIBUTION.fullmatch(distribution) else None
        raise MissingPlugin(plugin, brings, installed=brings is not None and _is_installed(brings))
    return get(plugin)


def distribution(name: str) -> tuple[str, str]:
    """Name and version of the distribution that brings the plugin `name`."""
    found = _announced()
    if name not in found:
        raise UnknownPlugin(name, found)
    return _identity(found[name][0])


def origin(name: str) -> str:
    """Name of the distribution that brings the plugin `name`; cheaper than `distribution`, which looks for the version."""
    found = _announced()
    if name not in found:
        raise UnknownPlugin(name, found)
    return " and ".join(_distribution(point) for point in found[name])


@cache
def _load(point: EntryPoint) -> Plugin[Any]:
    try:
        plugin = point.load()
    except Exception as error:  # whatever a stranger's module raises, the others must go on
        raise BrokenPlugin(
            point.name, _distribution(point), f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(plugin, Plugin):
        raise BrokenPlugin(
            point.name,
            _distribution(point),
            f"{point.value} is a {type(plugin).__name__}, not a ganzoo.plugin.Plugin",
        )
    if plugin.name != point.name:
        raise BrokenPlugin(point.name, _distribution(point), f"its record is named {plugin.name!r}")
    return plugin


def _announced() -> dict[str, list[EntryPoint]]:
    return _found(os.environ.get("GANZOO_PLUGINS"), tuple(sys.path))


@cache
def _found(wanted: str | None, _: tuple[str, ...]) -> dict[str, list[EntryPoint]]:
    """Announced plugins by name; looked for once for each search path, since that reads a file of every distribution."""
    allowed = None if wanted is None else {name.strip() for name in wanted.split(",")}
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        if allowed is None or point.name in allowed:
            found.setdefault(point.name, []).append(point)
    return {
        name: _distinct(points) if len(points) > 1 else points for name, points in found.items()
    }


def _distinct(points: list[EntryPoint]) -> list[EntryPoint]:
    """One entry a distribution: an editable install can announce the same line twice."""
    return list({(_distribution(point), point.value): point for point in points}.values())


def _is_installed(distribution: str) -> bool:
    try:
        return bool(version(distribution))
    except PackageNotFoundError:
        return False


def _distribution(point: EntryPoint) -> str:
    return _identity(point)[0]


def _identity(point: EntryPoint) -> tuple[str, str]:
    """Name and version of a distribution, from its folder's name where there is one: reading its metadata takes 10 ms."""
    if point.dist is None:
        return "an unknown distribution", "0"
    folder = getattr(getattr(point.dist, "_path", None), "name", "")
    name, _, version = folder.removesuffix(".dist-info").partition("-")
    if folder.endswith(".dist-info") and version:
        return name.replace("_", "-"), version
    return point.dist.name, point.dist.version
