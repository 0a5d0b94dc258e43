"""Checks of plugins and of packaged weights."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ganzoo.doctor.findings import OWN_DISTRIBUTION, REINSTALL, Finding, InstallCheck
from ganzoo.errors import BrokenPlugin, GanzooError, PluginClash, did_you_mean, near


def check_plugins() -> Iterator[Finding]:
    """Can every plugin be loaded, and does $GANZOO_PLUGINS name installed ones?"""
    from ganzoo.zoo import registry

    loaded = []
    for name in registry.list_names():
        try:
            registry.get(name)
        except BrokenPlugin as error:
            owner = error.distribution
            remedy = f"pip install --upgrade {owner}, or pip uninstall {owner}"
            if owner == OWN_DISTRIBUTION:
                remedy = REINSTALL
            yield Finding("plugins", "FAIL", str(error), remedy)
        except PluginClash as error:
            remedy = f"pip uninstall {error.distributions[-1]}, or the other"
            yield Finding("plugins", "FAIL", str(error), remedy)
        else:
            loaded.append(name)
    selected = os.environ.get("GANZOO_PLUGINS")
    names = {name.strip() for name in (selected or "").split(",")} - {""}
    for name in sorted(names.difference(registry.list_names())):
        detail = f"GANZOO_PLUGINS names {name!r}, which is not installed"
        detail += did_you_mean(near(name, registry.list_names()))
        yield Finding("plugins", "warn", detail, "correct or unset it")
    if loaded:
        yield Finding("plugins", "ok", f"{len(loaded)} load: {', '.join(loaded)}")
    elif not registry.list_names():
        remedy = REINSTALL if selected is None else "unset GANZOO_PLUGINS"
        yield Finding("plugins", "warn", "none found", remedy)


def check_weights() -> Iterator[Finding]:
    """Do the packaged weights have the sizes and hashes of the manifest?"""
    from ganzoo.zoo import integrity, manifest

    intact, remote, size = 0, 0, 0
    for name, entry in manifest.list_models().items():
        folder = manifest.bundle_folder(name)
        remedy = f"pip install --force-reinstall --no-deps {entry.distribution}"
        if not folder.is_dir():
            if entry.revision is None:
                detail = f"{name} did not come with its package and is not on the Hub"
                yield Finding("weights", "FAIL", detail, remedy)
            else:
                remote += 1
            continue
        try:
            integrity.check_files(folder, integrity.expect(entry.files))
        except GanzooError as error:
            yield Finding("weights", "FAIL", f"{name}: {error}", remedy)
        else:
            intact += 1
            size += sum(file.bytes for file in entry.files.values())
    detail = f"{intact} came with their packages, {size / 1e6:.1f} MB, hashes match"
    if remote:
        detail += f", {remote} more on the Hub"
    yield Finding("weights", "ok", detail)


ZOO_CHECKS: dict[str, InstallCheck] = {"plugins": check_plugins, "weights": check_weights}
