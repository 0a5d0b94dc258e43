"""Where a model's bytes come from, checked before anything reads them. The only place that will know huggingface_hub."""

from __future__ import annotations

from collections.abc import Iterable
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


def is_here(name: str) -> bool:
    """Whether the model of this name can be loaded without asking the network."""
    return manifest.bundled(name).is_dir()


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


def cache_folder() -> Path:
    """Where the Hub client keeps what it downloaded: HF_HUB_CACHE, else hub/ in HF_HOME. It need not exist."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE keeps the Hub client from the network."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def forget(repositories: Iterable[Path]) -> None:
    """Delete folders of the cache as the client does it, blobs that several repositories share when the last one goes.

    The client reports nothing: what could not be deleted is still there."""
    import logging
    from dataclasses import fields

    from huggingface_hub import DeleteCacheStrategy

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it would warn with a traceback
    nothing: frozenset[Path] = frozenset()
    facts = {
        "expected_freed_size": 0, "repos": frozenset(repositories), "blobs": nothing, "refs": nothing, "snapshots": nothing,
        "cache_dir": cache_folder().resolve(),
    }  # fmt: skip
    known = {field.name for field in fields(DeleteCacheStrategy)}  # 1.x has no cache_dir
    DeleteCacheStrategy(**{key: value for key, value in facts.items() if key in known}).execute()  # type: ignore[arg-type]
