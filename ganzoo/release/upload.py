"""A folder's files as one commit of a Hub repository: all of them or none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError, HubError, NotAvailable, Unreachable, UsageError
from ganzoo.version import VERSION
from ganzoo.zoo import client, failure, place
from ganzoo.zoo.client import Facts
from ganzoo.zoo.manifest import Entry
from ganzoo.zoo.place import Reference
from ganzoo.zoo.proof import check


@dataclass(frozen=True)
class Published:
    """`commit` holds the files; `uploaded`, `removed`: what had to be changed for that, nothing where they were there; `entry`:
    the model as a manifest would have it, pinned to the commit."""

    repository: str
    url: str
    commit: str
    uploaded: tuple[str, ...]
    removed: tuple[str, ...] = ()
    entry: Entry | None = None


def publish(
    folder: Path,
    repository: str,
    names: Sequence[str],
    *,
    ours: Sequence[str] = (),
    private: bool = False,
    tag: str | None = None,
) -> Published:
    """Make the repository hold these files of a folder, in one commit, and check that it does. `ours`: names under which an
    earlier release may have left files that go now; whatever else lies there stays. Nothing is committed where all is there.

    Raises UsageError, HubError or NotAvailable; half a model is never visible."""
    where = place.reference(repository)
    if where.revision:
        raise UsageError(f"{repository}: publish goes to the main branch")
    if tag is not None and not place.is_revision(tag):
        raise UsageError(f"{tag!r} is no name of a tag")
    if place.is_offline():
        raise HubError(f"{repository}: HF_HUB_OFFLINE forbids to publish")
    _made(repository, private)
    pinned = _tagged(repository, tag) if tag is not None else None
    added, removed, commit = _agreed(
        folder, where, names, ours, f"tag {tag!r} exists at {pinned[:12]}" if pinned else ""
    )
    if pinned not in (None, commit):
        raise HubError(f"{repository}: tag {tag!r} exists at {str(pinned)[:12]}; choose another")
    if tag is not None and pinned is None:
        with failure.worded(repository):
            failure.again(
                lambda: client.api().create_tag(repository, tag=tag, revision=commit, exist_ok=True)
            )
    return Published(
        repository, f"{failure.endpoint()}/{repository}", commit, tuple(added), tuple(removed)
    )


def _agreed(
    folder: Path, where: Reference, names: Sequence[str], ours: Sequence[str], fixed: str
) -> tuple[list[str], list[str], str]:
    """What had to be added and removed until the repository holds the files, and the commit at which it does. `fixed`: why
    nothing may change."""
    changed: tuple[list[str], list[str]] = ([], [])
    lost: Unreachable | None = None
    for number in range(failure.TRIES + 1):
        there = _there(where)
        added, removed = _differences(folder, names, ours, there)
        if not added and not removed:
            return *changed, there.commit
        if fixed:
            raise HubError(f"{where}: {fixed}, which holds other files; choose another")
        if number == failure.TRIES:
            break
        changed = (added, removed)
        try:
            _commit(where.repository, folder, added, removed, there.commit)
            lost = None
        except (
            Unreachable
        ) as error:  # the answer may be lost and the commit made: the next look tells
            lost = error
            time.sleep(failure.PAUSE * 2**number)
    raise lost or HubError(f"{where}: somebody else changes it at the same time; try again")


def _made(repository: str, private: bool) -> None:
    """The repository exists. HubError where it is public and must not be."""
    with failure.worded(repository):
        failure.again(
            lambda: client.api().create_repo(repository, private=private or None, exist_ok=True)
        )
        if private and not failure.again(lambda: client.api().model_info(repository)).private:
            raise HubError(
                f"{repository} exists and is public; make it private first, or leave --private out"
            )


def _there(where: Reference) -> Facts:
    try:
        return client.facts(where)
    except NotAvailable:
        return Facts("", {})  # a repository without a first commit


def _differences(
    folder: Path, names: Sequence[str], ours: Sequence[str], there: Facts
) -> tuple[list[str], list[str]]:
    """Files that are not there with this content, and files of ours that should not be there any more."""
    added = []
    for name in names:
        try:
            check(folder / name, there.files[name])
        except (KeyError, GanzooError):
            added.append(name)
    return added, [name for name in ours if name in there.files and name not in names]


def _commit(
    repository: str, folder: Path, added: list[str], removed: list[str], parent: str
) -> None:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations: list[Any] = [CommitOperationAdd(name, folder / name) for name in added]
    operations += [CommitOperationDelete(name) for name in removed]
    message = f"ganzoo {VERSION}: {', '.join(added + removed)}"
    with failure.worded(repository):
        client.api().create_commit(
            repository, operations, commit_message=message, parent_commit=parent or None
        )


def _tagged(repository: str, tag: str) -> str | None:
    """The commit that a tag points to, if there is such a tag: it never moves."""
    with failure.worded(repository):
        tags = failure.again(lambda: client.api().list_repo_refs(repository)).tags
    return next((other.target_commit for other in tags if other.name == tag), None)
