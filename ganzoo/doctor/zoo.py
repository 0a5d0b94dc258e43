"""Checks of plugins and of packaged weights."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ganzoo import extensions
from ganzoo.doctor.findings import REINSTALL, Finding, InstallCheck
from ganzoo.errors import GanzooError, did_you_mean, near


def check_plugins() -> Iterator[Finding]:
    """Can every plugin be loaded, and does $GANZOO_PLUGINS name installed ones?"""
    from ganzoo.zoo import registry

    loaded = []
    for name in registry.list_names():
        try:
            registry.get(name)
        except GanzooError as error:
            yield Finding("plugins", "FAIL", str(error), _suggest_remedy(registry.GROUP, name))
        else:
            loaded.append(name)
    yield from _warn_of_ignored("plugins", registry.GROUP)
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


def check_extensions() -> Iterator[Finding]:
    """Can every data set, and every figure and extractor of another package, be loaded?"""
    from ganzoo.data.named import DATA_GROUP, find_named_set
    from ganzoo.evaluate.groups import ENTRY_POINTS, EXTRACTOR_POINTS, Group

    for check, group in (
        ("data sets", DATA_GROUP),
        ("figures", ENTRY_POINTS),
        ("extractors", EXTRACTOR_POINTS),
    ):
        loaded = []
        for name, points in sorted(extensions.find(group).items()):
            try:
                if group == DATA_GROUP:
                    find_named_set(name)
                else:
                    kind = Group if group == ENTRY_POINTS else object
                    extensions.load(points, kind, check.removesuffix("s"))
            except GanzooError as error:
                yield Finding(check, "FAIL", str(error), _suggest_remedy(group, name))
            else:
                loaded.append(name)
        yield from _warn_of_ignored(check, group)
        if loaded:
            yield Finding(check, "ok", f"{len(loaded)} load: {', '.join(loaded)}")


def _suggest_remedy(group: str, name: str) -> str:
    """For an entry point that is broken, or that several distributions claim."""
    owners = sorted(extensions.identify(point)[0] for point in extensions.find(group)[name])
    if extensions.OWN_DISTRIBUTION in owners:
        return REINSTALL
    if len(owners) > 1:
        return f"pip uninstall {owners[-1]}, or the other"
    return f"pip install --upgrade {owners[0]}, or pip uninstall {owners[0]}"


def _warn_of_ignored(check: str, group: str) -> Iterator[Finding]:
    for name, owners in extensions.list_ignored(group).items():
        detail = f"{name!r} of {' and '.join(owners)} is not used: ganzoo has its own {name!r}"
        yield Finding(check, "warn", detail, f"pip uninstall {owners[0]}, or rename its {name!r}")


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


ZOO_CHECKS: dict[str, InstallCheck] = {
    "plugins": check_plugins,
    "data sets": check_extensions,
    "weights": check_weights,
}
