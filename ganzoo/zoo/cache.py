"""What the Hub client's cache holds of ganzoo's models, read by its layout alone (`ganzoo.zoo.place`). Light."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ganzoo.errors import NotCached, WeightsError
from ganzoo.zoo import client, manifest
from ganzoo.zoo.place import PREFIX, cache_folder, etag
from ganzoo.zoo.proof import digest
from ganzoo.zoo.weights import CONFIG, MODEL

CONFIG_LIMIT = 1_000_000


@dataclass(frozen=True)
class Cached:
    """A repository of the cache that holds a model.

    `names`: what the manifest calls it; `revisions`: branches and tags by commit; `used`: seconds since 1970; `unfinished`:
    bytes of downloads that were not finished; `problem`: why it cannot be loaded."""

    repository: str
    names: tuple[str, ...]
    folder: Path
    plugin: str
    bytes: int
    revisions: dict[str, tuple[str, ...]]
    used: float
    unfinished: int
    problem: str | None


def scan() -> tuple[list[Cached], dict[str, str]]:
    """The cached models, and why other repositories of the cache could not be looked into. OSError when none could be."""
    found, unreadable = [], {}
    folder = cache_folder()
    names = _names() if folder.exists() else {}
    for path in sorted(folder.iterdir()) if folder.exists() else []:
        if not path.name.startswith(PREFIX):
            continue
        repository = path.name.removeprefix(PREFIX).replace("--", "/")
        try:
            model = _model(path, repository, names.get(repository, ()))
        except OSError as error:
            unreadable[repository] = error.strerror or str(error)
            continue
        if model:
            found.append(model)
    return found, unreadable


def chosen(names: Sequence[str], models: Sequence[Cached]) -> list[Cached]:
    """The models of these names or repositories, each once; NotCached with near names."""
    known = {key: model for model in models for key in (model.repository, *model.names)}
    for name in names:
        if name not in known:
            raise NotCached(name, known)
    return list({known[name].repository: known[name] for name in names}.values())


def remove(models: Sequence[Cached]) -> tuple[int, list[Cached]]:
    """Delete models; gives the bytes that became free and the models that are still there."""
    sizes = {path: size for model in models for path, size in _bytes(model.folder).items()}
    client.forget([model.folder for model in models])
    freed = sum(size for path, size in sizes.items() if not os.path.lexists(path))
    return freed, [model for model in models if os.path.lexists(model.folder)]


@dataclass(frozen=True)
class Verdict:
    """`checked`, `unknown`: how many files had a known hash and how many none; `faults`: `file: what is wrong with it`."""

    checked: int
    unknown: int
    faults: list[str]


def verify(model: Cached) -> Verdict:
    """Compare every file with the manifest's sha256, or with the hash that its blob is named by."""
    faults, hashes = [model.problem] if model.problem else [], _hashes(model)
    checked = unknown = 0
    for commit in model.revisions:
        snapshot = model.folder / "snapshots" / commit
        for path in _entries(snapshot):
            name = path.relative_to(snapshot).as_posix()
            expected = hashes.get((commit, name)) or etag(path)
            if not path.exists():
                faults.append(f"{name}: its bytes are missing")
            elif expected is None:
                unknown += 1
            else:
                checked += 1
                faults += _fault(path, name, expected)
    return Verdict(checked, unknown, list(dict.fromkeys(faults)))


def _model(folder: Path, repository: str, names: tuple[str, ...]) -> Cached | None:
    """A repository, if one of its snapshots is a model of ours, whole or on its way."""
    if not (folder / "snapshots").is_dir():
        return None
    snapshots = sorted(path for path in (folder / "snapshots").iterdir() if path.is_dir())
    plugins = [plugin for plugin in map(_plugin, snapshots) if plugin]
    unfinished = sum(path.lstat().st_size for path in (folder / "blobs").glob("*.incomplete"))
    entries = [path for snapshot in snapshots for path in _entries(snapshot)]
    if not plugins or not (unfinished or any(path.name == MODEL for path in entries)):
        return None
    refs = _refs(folder / "refs")
    return Cached(
        repository=repository,
        names=names,
        folder=folder,
        plugin=plugins[-1],
        bytes=sum(_bytes(folder).values()),
        revisions={
            path.name: tuple(ref for ref, commit in refs.items() if commit == path.name)
            for path in snapshots
        },
        used=max(
            (path.stat().st_atime for path in entries if path.exists()),
            default=folder.stat().st_mtime,
        ),
        unfinished=unfinished,
        problem=_problem(entries),
    )


def _problem(entries: Iterable[Path]) -> str | None:
    """Why no snapshot can be loaded, or None."""
    weights = [path for path in entries if path.name == MODEL]
    if not weights:
        return f"{MODEL}: not downloaded in full"
    return None if any(path.exists() for path in weights) else f"{MODEL}: its bytes are missing"


def _plugin(snapshot: Path) -> str | None:
    """The plugin that config.json names, if it is one of ours."""
    try:
        with (snapshot / CONFIG).open("rb") as file:
            found: Any = msgspec.json.decode(file.read(CONFIG_LIMIT))
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    ours = isinstance(found, dict) and found.get("library_name", "ganzoo") == "ganzoo"
    return str(found["plugin"]) if ours and "plugin" in found else None


def _refs(folder: Path) -> dict[str, str]:
    """Commits by branch or tag."""
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8", "replace").strip()
        for path in _entries(folder)
    }


def _names() -> dict[str, tuple[str, ...]]:
    """The manifest's names of each repository."""
    found: dict[str, tuple[str, ...]] = {}
    for name, entry in manifest.models().items():
        found[entry.repository] = (*found.get(entry.repository, ()), name)
    return found


def _hashes(model: Cached) -> dict[tuple[str, str], str]:
    """sha256 by commit and file, of the revisions that the manifest pins."""
    entries = [manifest.entry(name) for name in model.names]
    return {
        (entry.revision, name): file.sha256
        for entry in entries
        if entry.revision
        for name, file in entry.files.items()
    }


def _fault(path: Path, name: str, expected: str) -> list[str]:
    try:
        actual = digest(path, expected)
    except WeightsError as error:
        return [f"{name}: {error.problem}"]
    kind = "sha256" if len(expected) == 64 else "git's hash"
    return (
        []
        if actual == expected
        else [f"{name}: {kind} is {actual[:16]}..., it must be {expected[:16]}..."]
    )


def _entries(folder: Path) -> Iterator[Path]:
    """Files and links below a folder, in order."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        yield from (Path(place) / name for name in sorted(files))


def _bytes(folder: Path) -> dict[Path, int]:
    """Sizes of the files that a repository leads to, each once."""
    places = {path.resolve() for path in _entries(folder)}
    return {path: path.stat().st_size for path in places if path.is_file()}
