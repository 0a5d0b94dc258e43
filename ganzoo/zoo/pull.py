"""Model files by name: from the cache, a package or the Hub, all checked before they are read.

Imports the Hub client only when the Hub is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ganzoo.errors import HashMismatch, NotAvailable, Unreachable, UsageError, WeightsError
from ganzoo.zoo import cache, manifest, weights
from ganzoo.zoo.fetch import Progress, fetch_files
from ganzoo.zoo.integrity import PULL_AGAIN, Expected, check_file, check_files, expect
from ganzoo.zoo.manifest import ModelEntry
from ganzoo.zoo.reference import Reference, expand_path, is_path, is_repository, parse_reference

if TYPE_CHECKING:
    from ganzoo.zoo.client import RemoteFiles

BESIDE = f"{weights.CONFIG} beside it"
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


@dataclass(frozen=True)
class Pulled:
    """A model's folder with all files checked.

    `origin`: where the files were; `entry`: the model in a manifest, if any; `repository`,
    `commit`: the model on the Hub, if any; `files`: number of files checked; `note`: a warning for
    the user."""

    name: str
    folder: Path
    origin: Literal["bundle", "cache", "folder", "hub"]
    entry: ModelEntry | None = None
    repository: str | None = None
    commit: str | None = None
    files: int = 0
    note: str = field(default="", compare=False)


def pull(
    name: str, *, refresh: bool = False, training: bool = False, progress: Progress | None = None
) -> Pulled:
    """Pull by path (./x, ../x, /x), manifest name or repository (owner/name[@revision]).

    `refresh`: ask the Hub for the current commit of a branch or tag even if one is cached;
    `training`: include the networks that fine-tuning needs. Raises UnknownModel, NotAvailable,
    HubError, or HashMismatch before corrupt files are loaded."""
    if is_path(name):
        folder = expand_path(name)
        if not folder.is_dir():
            raise UsageError(f"no folder {name}")
        return Pulled(folder.resolve().name, folder, "folder")
    if is_repository(name):
        try:
            return _pull_repository(parse_reference(name), refresh, training, progress)
        except NotAvailable as error:
            if not expand_path(name).is_dir():
                raise
            raise NotAvailable(f"{error}; for the local folder, use ./{name}") from None
    if "@" in name:
        raise UsageError(
            f"{name!r}: models of the manifest are pinned; only owner/name takes a revision"
        )
    return _pull_known(name, progress)


def pull_config(name: str) -> Pulled:
    """Pull only config.json of a repository, checked. The cached one is used if there is one."""
    where = parse_reference(name)
    commit = cache.read_commit(where)
    if commit is not None:
        folder = cache.snapshot_folder(where.repository, commit)
        if _has_config(folder):
            return Pulled(str(where), folder, "cache", None, where.repository, commit, 1)
    remote, folder, downloaded = _ask_hub(where, None)
    cache.remember_commit(where, remote.commit)
    origin: Literal["hub", "cache"] = "hub" if downloaded else "cache"
    return Pulled(str(where), folder, origin, None, where.repository, remote.commit, 1)


def is_local(name: str) -> bool:
    """Whether a model can be loaded without the network."""
    if is_repository(name):
        where = parse_reference(name)
        commit = cache.read_commit(where)
        if commit is None:
            return False
        return (cache.snapshot_folder(where.repository, commit) / weights.MODEL).exists()
    entry = manifest.get_entry(name)
    if manifest.bundle_folder(name).is_dir():
        return True
    if entry.revision is None:
        return False
    folder = cache.snapshot_folder(entry.repository, entry.revision)
    return all((folder / file).exists() for file in entry.files)


def _pull_known(name: str, progress: Progress | None) -> Pulled:
    """A model of a manifest: from the cache, the package, or the Hub at the pinned commit."""
    entry = manifest.get_entry(name)
    bundle = manifest.bundle_folder(name)
    expected, commit = expect(entry.files), entry.revision
    if bundle.is_dir() and not _is_complete(entry, expected):
        check_files(bundle, expected)
        return Pulled(name, bundle, "bundle", entry, files=len(expected))
    if commit is None:
        raise NotAvailable(
            f"{name} is not in this package and not on the Hub yet (its revision is null)"
        )
    folder, downloaded = fetch_files(entry.repository, commit, expected, progress)
    origin: Literal["hub", "cache"] = "hub" if downloaded else "cache"
    return Pulled(name, folder, origin, entry, entry.repository, commit, len(expected))


def _is_complete(entry: ModelEntry, expected: dict[str, Expected]) -> bool:
    """Whether the cache holds all files of a model, intact."""
    if entry.revision is None:
        return False
    try:
        check_files(cache.snapshot_folder(entry.repository, entry.revision), expected)
    except WeightsError:
        return False
    return True


def _pull_repository(
    where: Reference, refresh: bool, training: bool, progress: Progress | None
) -> Pulled:
    """A model that no manifest lists."""
    commit, note = cache.read_commit(where), ""
    cached = commit is not None and _is_cached(where.repository, commit, training)
    refresh = refresh and not where.is_pinned
    if cached and refresh and cache.is_offline():
        note = "HF_HUB_OFFLINE is set; the Hub may have a newer commit"
    elif refresh or not cached:
        try:
            return _pull_from_hub(where, training, progress)
        except Unreachable as error:
            if not cached:
                raise
            note = f"{error}; using the cached commit"
    commit = commit or ""  # known where cached
    expected = _expect_cached(cache.snapshot_folder(where.repository, commit), training)
    folder, downloaded = fetch_files(where.repository, commit, expected, progress)
    return Pulled(
        str(where),
        folder,
        "hub" if downloaded else "cache",
        None,
        where.repository,
        commit,
        len(expected),
        note,
    )


def _pull_from_hub(where: Reference, training: bool, progress: Progress | None) -> Pulled:
    """The current commit on the Hub.

    config.json states the hashes of the files beside it; a contradiction with the Hub's hash is
    refused before the download, and if the Hub states none, the file is checked after it."""
    remote, folder, config_downloaded = _ask_hub(where, progress)
    declared = weights.read_config(folder).files
    expected = {}
    for name in _needed_files(training):
        if name not in remote.files or name == weights.CONFIG:
            continue
        expected[name] = theirs = remote.files[name]
        if name not in declared:
            continue
        ours = declared[name]
        if theirs.digest is None or len(theirs.digest) != len(ours.sha256):
            expected[name] = Expected(ours.sha256, ours.bytes, BESIDE)
        elif theirs.digest != ours.sha256:
            raise HashMismatch(folder / name, ours.sha256, theirs.digest, BESIDE)
    folder, downloaded = fetch_files(where.repository, remote.commit, expected, progress)
    cache.remember_commit(where, remote.commit)
    return Pulled(
        str(where),
        folder,
        "hub" if config_downloaded or downloaded else "cache",
        None,
        where.repository,
        remote.commit,
        len(expected) + 1,
    )


def _ask_hub(where: Reference, progress: Progress | None) -> tuple[RemoteFiles, Path, bool]:
    """Commit, sizes and hashes on the Hub; config.json's folder and whether it was downloaded."""
    from ganzoo.zoo import client

    remote = client.list_files(where)
    for missing in (weights.CONFIG, weights.MODEL):
        if missing in remote.files:
            continue
        pickles = sorted(name for name in remote.files if name.endswith(PICKLES))
        if pickles and missing == weights.MODEL:
            raise WeightsError(
                str(where),
                f"no {missing}, but {pickles[0]}, a pickle, which ganzoo never loads; "
                "`ganzoo import` converts one",
            )
        raise WeightsError(str(where), f"not a ganzoo model (no {missing})")
    config = remote.files[weights.CONFIG]
    if config.size is not None and config.size > weights.CONFIG_LIMIT:
        raise WeightsError(
            f"{where}/{weights.CONFIG}", f"{config.size:,} bytes, too large for a config"
        )
    expected = {weights.CONFIG: config}
    return remote, *fetch_files(where.repository, remote.commit, expected, progress)


def _is_cached(repository: str, commit: str, training: bool) -> bool:
    """Whether all needed files of a commit are cached, with a known hash of the weights."""
    folder = cache.snapshot_folder(repository, commit)
    if not (folder / weights.MODEL).exists() or not _has_config(folder):
        return False
    expected = _expect_cached(folder, training)
    complete = all((folder / name).exists() for name in expected)
    return complete and expected[weights.MODEL].digest is not None


def _has_config(folder: Path) -> bool:
    """Whether a cached config.json is intact. Offline, a corrupt one raises WeightsError."""
    try:
        _expect_cached(folder, training=False)
    except WeightsError:
        if cache.is_offline() and (folder / weights.CONFIG).exists():
            raise
        return False
    return True


def _expect_cached(folder: Path, training: bool) -> dict[str, Expected]:
    """Hashes of a cached commit's files: those in config.json, or else of their blobs' names.

    Raises WeightsError if config.json itself is corrupt."""
    config = Expected(cache.read_etag(folder / weights.CONFIG), None, "the cache")
    check_file(folder / weights.CONFIG, config, PULL_AGAIN)
    declared = expect(weights.read_config(folder).files, BESIDE)
    expected = {}
    for name in _needed_files(training):
        if name in declared:
            expected[name] = declared[name]
        elif (folder / name).exists():
            expected[name] = Expected(cache.read_etag(folder / name), None, "the cache")
    return expected


def _needed_files(training: bool) -> tuple[str, ...]:
    if training:
        return weights.CONFIG, weights.MODEL, weights.TRAINING
    return weights.CONFIG, weights.MODEL
