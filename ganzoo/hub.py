"""Where a model's bytes come from, checked before anything reads them. The only place that will know huggingface_hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ganzoo import manifest
from ganzoo.errors import HashMismatch, NotAvailable, UsageError, WeightsError
from ganzoo.manifest import Entry


@dataclass(frozen=True)
class Pulled:
    """A model's folder, every file of it checked. `origin`: where the bytes came from; `entry`: None for a user's folder."""

    name: str
    folder: Path
    origin: Literal["bundle", "folder"]
    entry: Entry | None


def pull(name: str) -> Pulled:
    """The folder of a model: a path (./x, ../x, /x) as it is, a manifest name checked file by file against its hashes.

    Raises UnknownModel, NotAvailable, or HashMismatch before a wrong byte is loaded."""
    if is_path(name):
        folder = expanded(name)
        if not folder.is_dir():
            raise UsageError(f"no folder {name}")
        return Pulled(folder.resolve().name, folder, "folder", None)
    if "/" in name:
        raise NotAvailable(f"{name}: models of other people's Hub repositories cannot be pulled yet; a folder begins with ./")
    entry = manifest.entry(name)
    folder = manifest.bundled(name)
    if not folder.is_dir():
        raise NotAvailable(f"{name} did not come with this package and is not on the Hub yet (its revision is null)")
    for file, expected in entry.files.items():
        check(folder / file, expected)
    return Pulled(name, folder, "bundle", entry)


def is_path(name: str) -> bool:
    """A path begins with ./ ../ / or ~."""
    return name.startswith(("./", "../", "/", "~")) or name in (".", "..")


def expanded(name: str) -> Path:
    """A path with its ~ resolved; UsageError for the home of a user who is not here."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise UsageError(f"no folder {name}") from None


def check(path: Path, expected: manifest.File) -> None:
    """WeightsError or HashMismatch unless the file has the manifest's size and sha256."""
    try:
        size = path.stat().st_size
    except OSError:
        raise WeightsError(path, "missing; reinstall ganzoo-torch") from None
    if size != expected.bytes:
        raise WeightsError(path, f"{size} bytes, the manifest says {expected.bytes}; the file was not loaded")
    actual = manifest.sha256(path)
    if actual != expected.sha256:
        raise HashMismatch(path, expected.sha256, actual)
