"""Where a model's bytes come from: the client's cache, the package, the Hub. Every file is checked before anything reads it.

Light: the client is imported when the Hub has to be asked, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ganzoo.errors import HashMismatch, NotAvailable, Unreachable, UsageError, WeightsError
from ganzoo.zoo import manifest, place, weights
from ganzoo.zoo.fetch import AGAIN, Progress, fetched, whole
from ganzoo.zoo.manifest import Entry
from ganzoo.zoo.place import Reference, expanded, is_offline, is_path, is_repository
from ganzoo.zoo.proof import Expected, check

if TYPE_CHECKING:
    from ganzoo.zoo.client import Facts

Origin = Literal["bundle", "cache", "folder", "hub"]


@dataclass(frozen=True)
class Pulled:
    """A model's folder, every file of it checked. `origin`: where the bytes came from; `entry`: None where no manifest names
    it; `repository`, `commit`: where on the Hub it lies; `files`: how many were checked; `note`: what the user should know."""

    name: str
    folder: Path
    origin: Origin
    entry: Entry | None = None
    repository: str | None = None
    commit: str | None = None
    files: int = 0
    note: str = field(default="", compare=False)


def pull(
    name: str, *, refresh: bool = False, training: bool = False, progress: Progress | None = None
) -> Pulled:
    """The folder of a model, checked: a path (./x, ../x, /x), a manifest name, or a Hub repository (owner/name[@revision]).

    `refresh` asks the Hub which commit a branch or tag has now, even where an earlier one is cached; `training`: with the
    networks that only fine-tuning needs. Raises UnknownModel, NotAvailable, HubError, or HashMismatch before a wrong byte is
    loaded."""
    if is_path(name):
        return _folder(name)
    if is_repository(name):
        try:
            return _repository(place.reference(name), refresh, training, progress)
        except NotAvailable as error:
            if not expanded(name).is_dir():
                raise
            raise NotAvailable(f"{error}; for the folder that is here write ./{name}") from None
    if "@" in name:
        raise UsageError(
            f"{name!r}: weights of the manifest are pinned; a revision goes with owner/name"
        )
    return _known(name, manifest.entry(name), progress)


def is_here(name: str) -> bool:
    """Whether the model of this name can be loaded without asking the network."""
    if is_repository(name):
        commit = place.known_commit(place.reference(name))
        return (
            commit is not None
            and (place.snapshot(place.reference(name).repository, commit) / weights.MODEL).exists()
        )
    entry = manifest.entry(name)
    cached = entry.revision and place.snapshot(entry.repository, entry.revision)
    return manifest.bundled(name).is_dir() or bool(
        cached and all((cached / file).exists() for file in entry.files)
    )


def _folder(name: str) -> Pulled:
    folder = expanded(name)
    if not folder.is_dir():
        raise UsageError(f"no folder {name}")
    return Pulled(folder.resolve().name, folder, "folder")


def _known(name: str, entry: Entry, progress: Progress | None) -> Pulled:
    """A model of a manifest: cache, then package, then Hub at the pinned commit. Without one the Hub is never asked."""
    wanted = {file: Expected.of(facts) for file, facts in entry.files.items()}
    commit, repository = entry.revision, entry.repository
    bundled = manifest.bundled(name)
    if bundled.is_dir() and not (commit and whole(place.snapshot(repository, commit), wanted)):
        for file, expected in wanted.items():
            check(bundled / file, expected)
        return Pulled(name, bundled, "bundle", entry, files=len(wanted))
    if commit is None:
        raise NotAvailable(
            f"{name} did not come with this package and is not on the Hub yet (its revision is null)"
        )
    folder, origin = fetched(repository, commit, wanted, progress)
    return Pulled(name, folder, origin, entry, repository, commit, len(wanted))


def _repository(
    where: Reference, refresh: bool, training: bool, progress: Progress | None
) -> Pulled:
    """A model of somebody's repository, which no manifest describes."""
    commit, note = place.known_commit(where), ""
    known = commit is not None and _cached(where.repository, commit, training)
    moving = not (where.revision and place.COMMIT.fullmatch(where.revision))
    if known and is_offline() and refresh and moving:
        note = "HF_HUB_OFFLINE is set, so it may not be the newest"
    if not known or (refresh and moving and not is_offline()):
        try:
            return _asked(where, training, progress)
        except Unreachable as error:
            if not known:
                raise
            note = f"{error}; this is what was pulled before"
    commit = commit or ""
    wanted = _told(place.snapshot(where.repository, commit), training)
    folder, origin = fetched(where.repository, commit, wanted, progress)
    return Pulled(str(where), folder, origin, None, where.repository, commit, len(wanted), note)


def described(name: str) -> Pulled:
    """A repository's config.json alone, checked: what its model is, without the weights. What was pulled before is taken."""
    where = place.reference(name)
    commit = place.known_commit(where)
    if commit is not None and _is_sound(place.snapshot(where.repository, commit)):
        return Pulled(
            str(where),
            place.snapshot(where.repository, commit),
            "cache",
            None,
            where.repository,
            commit,
            1,
        )
    facts, folder, origin = _begun(where, None)
    place.remember(where, facts.commit)
    return Pulled(str(where), folder, origin, None, where.repository, facts.commit, 1)


def _is_sound(folder: Path) -> bool:
    """Whether a cached config.json is there as it came. WeightsError where it is not and nothing may be fetched."""
    try:
        _told(folder, False)
    except WeightsError:
        if is_offline() and (folder / weights.CONFIG).exists():
            raise
        return False
    return True


def _begun(where: Reference, progress: Progress | None) -> tuple[Facts, Path, Origin]:
    """The Hub's own word for commit, sizes and hashes, and config.json fetched by it."""
    from ganzoo.zoo import client

    facts = client.facts(where)
    for file in (weights.CONFIG, weights.MODEL):
        if file not in facts.files:
            raise WeightsError(str(where), _no_model(file, facts.files))
    config = facts.files[weights.CONFIG]
    if config.size is not None and config.size > weights.CONFIG_LIMIT:
        raise WeightsError(
            f"{where}/{weights.CONFIG}", f"{config.size:,} bytes, which no configuration needs"
        )
    return facts, *fetched(where.repository, facts.commit, {weights.CONFIG: config}, progress)


def _asked(where: Reference, training: bool, progress: Progress | None) -> Pulled:
    """A model as the Hub has it now."""
    facts, folder, first = _begun(where, progress)
    declared = weights.read_config(folder).files
    rest = {
        file: facts.files[file]
        for file in _names(training)
        if file in facts.files and file != weights.CONFIG
    }
    _agree(folder, declared, rest)
    folder, origin = fetched(where.repository, facts.commit, rest, progress)
    place.remember(where, facts.commit)
    origin = "cache" if (first, origin) == ("cache", "cache") else "hub"
    return Pulled(str(where), folder, origin, None, where.repository, facts.commit, len(rest) + 1)


def _agree(
    folder: Path, declared: Mapping[str, manifest.File], wanted: dict[str, Expected]
) -> None:
    """What config.json says of the files beside it holds too: a repository that was put together by halves is refused, before
    they are fetched where the Hub gives their sha256, and after it where it does not."""
    for file, facts in wanted.items():
        said = declared.get(file)
        if said is None:
            continue
        if facts.digest is None or len(facts.digest) != len(said.sha256):
            wanted[file] = Expected(said.sha256, said.bytes, f"{weights.CONFIG} beside it")
        elif facts.digest != said.sha256:
            raise HashMismatch(
                folder / file, said.sha256, facts.digest, f"{weights.CONFIG} beside it"
            )


def _cached(repository: str, commit: str, training: bool) -> bool:
    """Whether all files of a commit that are asked for lie in the cache, with a known hash for the weights."""
    folder = place.snapshot(repository, commit)
    if not (folder / weights.MODEL).exists() or not _is_sound(folder):
        return False
    wanted = _told(folder, training)
    return (
        all((folder / file).exists() for file in wanted)
        and wanted[weights.MODEL].digest is not None
    )


def _told(folder: Path, training: bool) -> dict[str, Expected]:
    """What the cached files of a commit must be: by the hashes in config.json, else by those that name their blobs.

    WeightsError where config.json itself is not what it was."""
    check(
        folder / weights.CONFIG,
        Expected(place.etag(folder / weights.CONFIG), None, "the cache"),
        AGAIN,
    )
    declared = weights.read_config(folder).files
    wanted = {}
    for file in _names(training):
        if file in declared:
            wanted[file] = Expected(
                declared[file].sha256, declared[file].bytes, f"{weights.CONFIG} beside it"
            )
        elif (folder / file).exists():
            wanted[file] = Expected(place.etag(folder / file), None, "the cache")
    return wanted


def _names(training: bool) -> tuple[str, ...]:
    return (weights.CONFIG, weights.MODEL, *((weights.TRAINING,) if training else ()))


def _no_model(missing: str, files: Iterable[str]) -> str:
    """Why a repository is no model of ours, and what it holds instead."""
    pickles = sorted(
        file for file in files if file.endswith((".bin", ".pt", ".pth", ".pkl", ".ckpt"))
    )
    if pickles and missing == weights.MODEL:
        return f"no {missing}, but {pickles[0]}, a pickle, which is never opened; `ganzoo import` turns one into a model"
    return f"not a ganzoo model (no {missing})"
