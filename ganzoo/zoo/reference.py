"""How models are named: a path, a name of the manifest, or a repository on the Hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ganzoo.errors import UsageError
from ganzoo.zoo import manifest

COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Reference:
    """`owner/name@revision`: a repository and a branch, tag or commit (None: the main branch)."""

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.repository if self.revision is None else f"{self.repository}@{self.revision}"

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, which never changes."""
        return self.revision is not None and COMMIT.fullmatch(self.revision) is not None


def is_path(name: str) -> bool:
    """Whether a name is a path: it begins with ./ ../ / or ~."""
    return name.startswith(("./", "../", "/", "~")) or name in (".", "..")


def is_repository(name: str) -> bool:
    """Whether a name is a repository on the Hub."""
    return "/" in name and not is_path(name)


def expand_path(name: str) -> Path:
    """A path with ~ expanded. Raises UsageError for the home folder of an unknown user."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise UsageError(f"no folder {name}") from None


def shorten(name: str) -> str:
    """Last part of a name or path; names the files made from a model."""
    return expand_path(name).resolve().name if is_path(name) else Path(name).name


def parse_reference(name: str) -> Reference:
    """Parse `owner/name` or `owner/name@revision`. UsageError if the Hub forbids the name."""
    repository, at, revision = name.partition("@")
    allowed = re.fullmatch(manifest.REPOSITORY, repository)
    if not allowed or "--" in repository or ".." in repository:
        raise UsageError(
            f"{name!r} is not a repository (owner/name or owner/name@revision); "
            "a folder begins with ./"
        )
    if at and not is_revision(revision):
        raise UsageError(f"{name!r}: {revision!r} is not a branch, tag or commit")
    return Reference(repository, revision or None)


def is_revision(text: str) -> bool:
    """Whether git accepts the text as a branch, tag or commit, and it is a safe relative path."""
    if not re.fullmatch(r"[A-Za-z0-9._/-]{1,200}", text):
        return False
    return not any(part in ("", ".", "..") or part[0] in ".-" for part in text.split("/"))
