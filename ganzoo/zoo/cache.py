"""The Hub client's cache, read and listed by its documented layout, without the client.

    models--<owner>--<name>/blobs/<etag>                   content; <etag>.<...>.incomplete: partial
                            snapshots/<commit>/<file>      a link to a blob, or the file itself
                            refs/<branch or tag>           a commit

The etag of a large file is its sha256, that of a small one git's hash. A blob may be a link into a
store that all repositories share. Imports no torch or numpy.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ganzoo.zoo import manifest
from ganzoo.zoo.reference import COMMIT, Reference
from ganzoo.zoo.weights import CONFIG, CONFIG_LIMIT, MODEL

PREFIX = "models--"


@dataclass(frozen=True)
class CachedModel:
    """A cached repository that holds a model.

    `names`: its names in the manifest; `revisions`: branches and tags by commit; `used`: last
    access, in seconds since 1970; `unfinished`: bytes of partial downloads; `problem`: why the
    model cannot be loaded."""

    repository: str
    names: tuple[str, ...]
    folder: Path
    plugin: str
    bytes: int
    revisions: dict[str, tuple[str, ...]]
    used: float
    unfinished: int
    problem: str | None


def cache_folder() -> Path:
    """The cache's folder, by the client's environment variables; it may not exist."""
    xdg = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    home = os.environ.get("HF_HOME") or os.path.join(xdg, "huggingface")
    folder = (
        os.environ.get("HF_HUB_CACHE")
        or os.environ.get("HUGGINGFACE_HUB_CACHE")
        or os.path.join(home, "hub")
    )
    return Path(os.path.expandvars(os.path.expanduser(folder)))


def is_offline() -> bool:
    """Whether the environment forbids the client to use the network."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in ("1", "ON", "YES", "TRUE")


def repository_folder(repository: str) -> Path:
    return cache_folder() / (PREFIX + repository.replace("/", "--"))


def snapshot_folder(repository: str, commit: str) -> Path:
    """Folder of a commit's files; it may not exist."""
    return repository_folder(repository) / "snapshots" / commit


def read_commit(where: Reference) -> str | None:
    """Commit of a reference when the client last asked the Hub; None if it never did."""
    if where.is_pinned:
        return where.revision
    path = repository_folder(where.repository) / "refs" / (where.revision or "main")
    try:
        commit = path.read_text("ascii", "replace").strip()
    except OSError:
        return None
    return commit if COMMIT.fullmatch(commit) else None


def remember_commit(where: Reference, commit: str) -> None:
    """Record a branch or tag's commit; the client records none if files are pulled by commit."""
    if read_commit(where) == commit or where.is_pinned:
        return
    path = repository_folder(where.repository) / "refs" / (where.revision or "main")
    with suppress(OSError):  # the cache may be read-only
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commit, "ascii")


def read_etag(path: Path) -> str | None:
    """Hash in the name of a file's blob; None if the file is not a link.

    Only the first link counts: the shared store uses another hash."""
    name = os.path.basename(os.readlink(path)) if path.is_symlink() else ""
    return name if re.fullmatch("[0-9a-f]{64}|[0-9a-f]{40}", name) else None


def discard_file(path: Path) -> None:
    """Remove a corrupt file and its blob."""
    with suppress(OSError):
        for part in dict.fromkeys((path, path.resolve())):
            part.unlink(missing_ok=True)


def scan() -> tuple[list[CachedModel], dict[str, str]]:
    """Cached models, and errors by repository. Raises OSError if the cache cannot be read."""
    found: list[CachedModel] = []
    unreadable: dict[str, str] = {}
    folder = cache_folder()
    if not folder.exists():
        return found, unreadable
    names: dict[str, tuple[str, ...]] = {}
    for name, entry in manifest.list_models().items():
        names[entry.repository] = (*names.get(entry.repository, ()), name)
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(PREFIX):
            continue
        repository = path.name.removeprefix(PREFIX).replace("--", "/")
        try:
            model = _read_model(path, repository, names.get(repository, ()))
        except OSError as error:
            unreadable[repository] = error.strerror or str(error)
            continue
        if model:
            found.append(model)
    return found, unreadable


def _read_model(folder: Path, repository: str, names: tuple[str, ...]) -> CachedModel | None:
    """A repository, if one of its snapshots is a ganzoo model, complete or partial."""
    if not (folder / "snapshots").is_dir():
        return None
    snapshots = sorted(path for path in (folder / "snapshots").iterdir() if path.is_dir())
    plugins = [plugin for plugin in map(_read_plugin, snapshots) if plugin]
    unfinished = sum(path.lstat().st_size for path in (folder / "blobs").glob("*.incomplete"))
    files = [path for snapshot in snapshots for path in _walk(snapshot)]
    weights = [path for path in files if path.name == MODEL]
    if not plugins or not (unfinished or weights):
        return None
    problem = None
    if not weights:
        problem = f"{MODEL}: download is incomplete"
    elif not any(path.exists() for path in weights):
        problem = f"{MODEL}: its blob is missing"
    refs: dict[str, list[str]] = {}
    for path in _walk(folder / "refs"):
        commit = path.read_text("utf-8", "replace").strip()
        refs.setdefault(commit, []).append(path.relative_to(folder / "refs").as_posix())
    targets = {path.resolve() for path in _walk(folder)}  # of links, each counted once
    accessed = [path.stat().st_atime for path in files if path.exists()]
    return CachedModel(
        repository=repository,
        names=names,
        folder=folder,
        plugin=plugins[-1],
        bytes=sum(path.stat().st_size for path in targets if path.is_file()),
        revisions={path.name: tuple(refs.get(path.name, ())) for path in snapshots},
        used=max(accessed, default=folder.stat().st_mtime),
        unfinished=unfinished,
        problem=problem,
    )


def _read_plugin(snapshot: Path) -> str | None:
    """The plugin that config.json names; None if it is not a ganzoo model."""
    try:
        with (snapshot / CONFIG).open("rb") as file:
            found: Any = msgspec.json.decode(file.read(CONFIG_LIMIT))
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    if not isinstance(found, dict) or found.get("library_name", "ganzoo") != "ganzoo":
        return None
    return str(found["plugin"]) if "plugin" in found else None


def _walk(folder: Path) -> Iterator[Path]:
    """Files and links below a folder, sorted."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield Path(parent) / name
