"""How models are named, and where the Hub client keeps them: the documented layout of its cache, read without the client.

    models--<owner>--<name>/blobs/<etag>                          bytes; <etag>.<...>.incomplete while they come
                            snapshots/<commit>/<file>             a link to a blob, or the file itself
                            refs/<branch or tag>                  a commit

A large file's etag is its sha256, a small one's the hash that git gives it. A blob may itself be a link into a store that all
repositories share. Light: no torch, no numpy, no client.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ganzoo.errors import UsageError
from ganzoo.zoo import manifest

PREFIX = "models--"
COMMIT = re.compile(r"[0-9a-f]{40}")
_TRUE = {"1", "ON", "YES", "TRUE"}


@dataclass(frozen=True)
class Reference:
    """`owner/name@revision`: a repository, and a branch, tag or commit of it (None: its main branch)."""

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.repository if self.revision is None else f"{self.repository}@{self.revision}"


def is_path(name: str) -> bool:
    """A path begins with ./ ../ / or ~."""
    return name.startswith(("./", "../", "/", "~")) or name in (".", "..")


def is_repository(name: str) -> bool:
    """Whether a name means a repository of the Hub."""
    return "/" in name and not is_path(name)


def expanded(name: str) -> Path:
    """A path with its ~ resolved; UsageError for the home of a user who is not here."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise UsageError(f"no folder {name}") from None


def short(name: str) -> str:
    """What files made from a model are called after: the last part of its folder, or of its name."""
    return expanded(name).resolve().name if is_path(name) else Path(name).name


def reference(name: str) -> Reference:
    """What `owner/name` or `owner/name@revision` refers to; UsageError for anything that the Hub would not name so."""
    repository, at, revision = name.partition("@")
    if (
        not re.fullmatch(manifest.REPOSITORY, repository)
        or "--" in repository
        or ".." in repository
    ):
        raise UsageError(
            f"{name!r} is no repository (owner/name or owner/name@revision); a folder begins with ./"
        )
    if at and not is_revision(revision):
        raise UsageError(f"{name!r}: {revision!r} is no branch, tag or commit")
    return Reference(repository, revision or None)


def is_revision(text: str) -> bool:
    """A name that git takes for a branch or tag and that cannot lead out of a folder, or a commit."""
    parts = text.split("/")
    return bool(re.fullmatch(r"[A-Za-z0-9._/-]{1,200}", text)) and not any(
        p in ("", ".", "..") or p[0] in ".-" for p in parts
    )


def cache_folder() -> Path:
    """Where the client keeps what it downloaded, by the environment variables that it reads. It need not exist."""
    home = os.environ.get("HF_HOME") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache"), "huggingface"
    )
    place = (
        os.environ.get("HF_HUB_CACHE")
        or os.environ.get("HUGGINGFACE_HUB_CACHE")
        or os.path.join(home, "hub")
    )
    return Path(os.path.expandvars(os.path.expanduser(place)))


def is_offline() -> bool:
    """Whether the user keeps the client from the network."""
    asked = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return asked.upper() in _TRUE


def repository_folder(repository: str) -> Path:
    """Of the cache."""
    return cache_folder() / (PREFIX + repository.replace("/", "--"))


def snapshot(repository: str, commit: str) -> Path:
    """The folder of a commit's files; it need not exist."""
    return repository_folder(repository) / "snapshots" / commit


def known_commit(where: Reference) -> str | None:
    """The commit that a reference had when the client last asked the Hub; None where it never did."""
    revision = where.revision or "main"
    if COMMIT.fullmatch(revision):
        return revision
    try:
        commit = (
            (repository_folder(where.repository) / "refs" / revision)
            .read_text("ascii", "replace")
            .strip()
        )
    except OSError:
        return None
    return commit if COMMIT.fullmatch(commit) else None


def etag(path: Path) -> str | None:
    """What the client says of a file's content, by the name of its blob; None where the file is no link. Only the first link
    is followed: the shared store names by another hash."""
    name = os.path.basename(os.readlink(path)) if path.is_symlink() else ""
    return name if re.fullmatch("[0-9a-f]{64}|[0-9a-f]{40}", name) else None


def remember(where: Reference, commit: str) -> None:
    """Note a branch's or tag's commit where the client does: files are fetched by commit, which leaves no such note."""
    revision = where.revision or "main"
    if COMMIT.fullmatch(revision) or known_commit(where) == commit:
        return
    path = repository_folder(where.repository) / "refs" / revision
    with suppress(OSError):  # a cache that is only read
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commit, "ascii")


def discard(path: Path) -> None:
    """Take a file whose content is wrong out of the cache, its blob with it."""
    with suppress(OSError):
        for part in dict.fromkeys((path, path.resolve())):
            part.unlink(missing_ok=True)
