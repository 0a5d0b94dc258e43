"""Upload a folder's files to a Hub repository as one commit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError, HubError, NotAvailable, Unreachable, UsageError
from ganzoo.version import VERSION
from ganzoo.zoo import cache, client, failure
from ganzoo.zoo.client import RemoteFiles
from ganzoo.zoo.integrity import check_file
from ganzoo.zoo.manifest import ModelEntry
from ganzoo.zoo.reference import Reference, is_revision, parse_reference


@dataclass(frozen=True)
class Published:
    """`commit`: holds the files; `uploaded`, `removed`: changes it needed; `entry`: manifest entry
    pinned to the commit."""

    repository: str
    url: str
    commit: str
    uploaded: tuple[str, ...]
    removed: tuple[str, ...] = ()
    entry: ModelEntry | None = None


def upload_files(
    folder: Path,
    repository: str,
    names: Sequence[str],
    *,
    ours: Sequence[str] = (),
    private: bool = False,
    tag: str | None = None,
) -> Published:
    """Upload files of a folder in one commit and check the result; no commit if nothing differs.

    `ours`: names that an earlier release may have left and that are removed unless in `names`;
    other files stay. The repository never holds an incomplete model. Raises UsageError, HubError
    or NotAvailable."""
    where = parse_reference(repository)
    if where.revision:
        raise UsageError(f"{repository}: publish goes to the main branch")
    if tag is not None and not is_revision(tag):
        raise UsageError(f"{tag!r} is not a valid tag")
    if cache.is_offline():
        raise HubError(f"{repository}: HF_HUB_OFFLINE forbids uploads")
    api, tagged = client.connect(), None
    with failure.translate_errors(repository):
        failure.retry(lambda: api.create_repo(repository, private=private or None, exist_ok=True))
        if private and not failure.retry(lambda: api.model_info(repository)).private:
            raise HubError(
                f"{repository} exists and is public; make it private first, or omit --private"
            )
        if tag is not None:
            tags = failure.retry(lambda: api.list_repo_refs(repository)).tags
            for other in tags:
                if other.name == tag:
                    tagged = other.target_commit
    added, removed, commit = _synchronize(folder, where, names, ours, tag if tagged else None)
    if tagged not in (None, commit):
        raise HubError(f"{repository}: tag {tag!r} exists at {str(tagged)[:12]}; choose another")
    if tag is not None and tagged is None:
        with failure.translate_errors(repository):
            failure.retry(
                lambda: api.create_tag(repository, tag=tag, revision=commit, exist_ok=True)
            )
    url = f"{failure.get_endpoint()}/{repository}"
    return Published(repository, url, commit, tuple(added), tuple(removed))


def _synchronize(
    folder: Path, where: Reference, names: Sequence[str], ours: Sequence[str], tag: str | None
) -> tuple[list[str], list[str], str]:
    """Names added and removed until the repository holds the files, and the resulting commit.

    `tag`: an existing tag, which forbids changes. A commit whose answer is lost may have been
    made; the next comparison tells."""
    added: list[str] = []
    removed: list[str] = []
    lost: Unreachable | None = None
    for number in range(failure.TRIES + 1):
        try:
            remote = client.list_files(where)
        except NotAvailable:
            remote = RemoteFiles("", {})  # a repository without commits
        missing = [name for name in names if not _is_uploaded(folder, name, remote)]
        extra = [name for name in ours if name in remote.files and name not in names]
        if not missing and not extra:
            return added, removed, remote.commit
        if tag:
            raise HubError(f"{where}: tag {tag!r} exists and has other files; choose another")
        if number == failure.TRIES:
            break
        added, removed = missing, extra
        try:
            _commit(where.repository, folder, added, removed, remote.commit)
            lost = None
        except Unreachable as error:
            lost = error
            time.sleep(failure.PAUSE * 2**number)
    raise lost or HubError(f"{where}: others are changing it at the same time; try again")


def _is_uploaded(folder: Path, name: str, remote: RemoteFiles) -> bool:
    try:
        check_file(folder / name, remote.files[name])
    except (KeyError, GanzooError):
        return False
    return True


def _commit(
    repository: str, folder: Path, added: list[str], removed: list[str], parent: str
) -> None:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations: list[Any] = [CommitOperationAdd(name, folder / name) for name in added]
    operations += [CommitOperationDelete(name) for name in removed]
    with failure.translate_errors(repository):
        client.connect().create_commit(
            repository,
            operations,
            commit_message=f"ganzoo {VERSION}: {', '.join(added + removed)}",
            parent_commit=parent or None,
        )
