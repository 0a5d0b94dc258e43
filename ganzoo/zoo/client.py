"""The Hub, through its own client (huggingface_hub 1.x and 2.x), imported on first use."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.errors import HubError
from ganzoo.version import VERSION
from ganzoo.zoo import cache
from ganzoo.zoo.failure import get_endpoint, retry, translate_errors
from ganzoo.zoo.integrity import Expected
from ganzoo.zoo.reference import COMMIT, Reference

if TYPE_CHECKING:
    from huggingface_hub import HfApi

OnBytes = Callable[[int, int | None], None]
"""Called with newly received bytes, and total bytes if known."""


@dataclass(frozen=True)
class RemoteFiles:
    """A commit, and the size and hash of each of its files."""

    commit: str
    files: dict[str, Expected]


def connect() -> HfApi:
    """The client's API, without its progress bars and warnings."""
    _silence()
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS") is None:  # else the client warns
        disable_progress_bars()
    return HfApi(library_name="ganzoo", library_version=VERSION)


def list_files(where: Reference) -> RemoteFiles:
    """Commit and files of a repository. Raises HubError or NotAvailable."""
    with translate_errors(str(where)):
        found = retry(
            lambda: connect().model_info(
                where.repository, revision=where.revision, files_metadata=True
            )
        )
    files = {}
    for sibling in found.siblings or []:
        digest = sibling.lfs.sha256 if sibling.lfs else None
        files[sibling.rfilename] = Expected(digest or sibling.blob_id, sibling.size, "the Hub")
    if not found.sha or not COMMIT.fullmatch(found.sha):
        raise HubError(f"{where}: the answer has no commit; is {get_endpoint()} a Hub?")
    return RemoteFiles(found.sha, files)


def download_file(
    repository: str,
    commit: str,
    name: str,
    *,
    force: bool = False,
    progress: OnBytes | None = None,
) -> Path:
    """Download a file into the cache, with retries. Its content is not checked here."""
    _silence()
    from huggingface_hub import hf_hub_download

    _remove_partial_files(cache.repository_folder(repository))
    options: dict[str, Any] = {
        "force_download": force,
        "library_name": "ganzoo",
        "library_version": VERSION,
        "cache_dir": cache.cache_folder(),
    }
    if "tqdm_class" in signature(hf_hub_download).parameters:  # not in early 1.x
        options["tqdm_class"] = _build_bar(progress)
    with translate_errors(f"{repository}, {name}"):
        path = retry(lambda: hf_hub_download(repository, name, revision=commit, **options))
    return Path(path)


def _silence() -> None:
    """The client logs warnings with tracebacks; show errors only."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)


def _remove_partial_files(folder: Path) -> None:
    """Remove partial files of killed downloads, which the client never reuses.

    A running download holds the file's lock."""
    from filelock import FileLock, Timeout

    for path in (folder / "blobs").glob("*.incomplete"):
        lock = folder.parent / ".locks" / folder.name / f"{path.name.partition('.')[0]}.lock"
        with suppress(Timeout, OSError, NotImplementedError), FileLock(lock, timeout=0):
            path.unlink(missing_ok=True)


def _build_bar(progress: OnBytes | None) -> Any:
    """A class with tqdm's interface that reports to `progress`.

    The client builds one for each try; the bytes of a failed try are subtracted again."""
    received = 0

    class Bar:
        def __init__(self, *args: Any, **options: Any) -> None:
            self.total = options.get("total")
            self.update((options.get("initial") or 0) - received)

        def update(self, n: float = 1) -> None:
            nonlocal received
            received += int(n)
            if progress:
                progress(int(n), self.total)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def __getattr__(self, name: str) -> Any:
            return lambda *args, **options: None

    return Bar
