"""Plugins by name, found through entry points and loaded when first used.

`GANZOO_PLUGINS=dcgan,wgan` limits which plugins are found; an empty value hides all.
"""

from __future__ import annotations

import os
import re
from importlib.metadata import EntryPoint, PackageNotFoundError, version
from typing import Any

from ganzoo import extensions
from ganzoo.errors import BrokenPlugin, MissingPlugin, UnknownPlugin
from ganzoo.plugin import Plugin

GROUP = "ganzoo.plugins"
DISTRIBUTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
"""A distribution name as PyPI allows it, at most 64 characters."""


def list_names() -> list[str]:
    """Names of all plugins, sorted; none is loaded."""
    return sorted(_find())


def get(name: str) -> Plugin[Any]:
    """The plugin called `name`. Raises UnknownPlugin, PluginClash or BrokenPlugin."""
    points = _points(name)
    plugin: Plugin[Any] = extensions.load(points, Plugin)
    if plugin.name != name:
        raise BrokenPlugin(
            name, extensions.identify(points[0])[0], f"its record is named {plugin.name!r}"
        )
    return plugin


def require(plugin: str, distribution: str) -> Plugin[Any]:
    """Like `get`, for the plugin that a config.json names; MissingPlugin if it is not installed.

    `distribution`: where config.json says the plugin comes from; shown only if PyPI allows the
    name."""
    if plugin not in extensions.find(GROUP):
        source = distribution if DISTRIBUTION.fullmatch(distribution) else None
        raise MissingPlugin(plugin, source, installed=source is not None and _is_installed(source))
    return get(plugin)


def get_distribution(name: str) -> tuple[str, str]:
    """Name and version of the distribution that provides the plugin `name`."""
    return extensions.identify(_points(name)[0])


def list_distributions(name: str) -> str:
    """Names of all distributions that provide the plugin `name`, joined by "and"."""
    return " and ".join(extensions.identify(point)[0] for point in _points(name))


def _find() -> dict[str, list[EntryPoint]]:
    """The plugins that GANZOO_PLUGINS leaves visible."""
    found = extensions.find(GROUP)
    visible = os.environ.get("GANZOO_PLUGINS")
    if visible is None:
        return found
    allowed = {name.strip() for name in visible.split(",")}
    return {name: points for name, points in found.items() if name in allowed}


def _points(name: str) -> list[EntryPoint]:
    found = _find()
    if name not in found:
        raise UnknownPlugin(name, found, hidden=name in extensions.find(GROUP))
    return found[name]


def _is_installed(distribution: str) -> bool:
    try:
        return bool(version(distribution))
    except PackageNotFoundError:
        return False
