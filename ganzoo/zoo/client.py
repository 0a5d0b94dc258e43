"""The Hub itself, through its own client (huggingface_hub 1.x and 2.x), which is imported when it is needed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.errors import HubError
from ganzoo.version import VERSION
from ganzoo.zoo import place
from ganzoo.zoo.failure import again, endpoint, worded
from ganzoo.zoo.proof import Expected

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Progress = Callable[[int, int | None], None]
"""Called with how many more bytes have come, and how many there are in all, if that is known."""


@dataclass(frozen=True)
class Facts:
    """A revision of a repository: its commit, and size and digest of each file."""

    commit: str
    files: dict[str, Expected]


def api() -> HfApi:
    """The client's own interface. Its talk is kept down: ganzoo words what goes wrong, and shows what is going on."""
    _hush()
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if (
        os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS") is None
    ):  # the client warns where the user has decided
        disable_progress_bars()
    return HfApi(library_name="ganzoo", library_version=VERSION)


def facts(where: place.Reference) -> Facts:
    """What the Hub says of a repository. HubError or NotAvailable that say what to do."""
    with worded(str(where)):
        found = again(
            lambda: api().model_info(where.repository, revision=where.revision, files_metadata=True)
        )
    files = {}
    for sibling in found.siblings or []:
        large = sibling.lfs.sha256 if sibling.lfs else None
        files[sibling.rfilename] = Expected(large or sibling.blob_id, sibling.size, "the Hub")
    if not found.sha or not place.COMMIT.fullmatch(found.sha):
        raise HubError(f"{where}: the Hub names no commit; is {endpoint()} a Hub?")
    return Facts(found.sha, files)


def download(
    repository: str,
    commit: str,
    name: str,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """A file of a commit in the client's cache. Connections that break are tried again; what a killed process left is cleared.

    Its content is not checked here."""
    _hush()
    from huggingface_hub import hf_hub_download

    _clear(place.repository_folder(repository))
    options: dict[str, Any] = {
        "force_download": force,
        "library_name": "ganzoo",
        "library_version": VERSION,
    }
    if (
        "tqdm_class" in signature(hf_hub_download).parameters
    ):  # early 1.x shows its own bar, or none
        options["tqdm_class"] = _bar(progress)
    with worded(f"{repository}, {name}"):
        path = again(
            lambda: hf_hub_download(
                repository, name, revision=commit, cache_dir=place.cache_folder(), **options
            )
        )
    return Path(path)


def forget(repositories: Iterable[Path]) -> None:
    """Delete folders of the cache as the client does it, blobs that several repositories share when the last one goes.

    The client reports nothing: what could not be deleted is still there."""
    from dataclasses import fields

    from huggingface_hub import DeleteCacheStrategy

    _hush()
    nothing: frozenset[Path] = frozenset()
    facts = {
        "expected_freed_size": 0, "repos": frozenset(repositories), "blobs": nothing, "refs": nothing, "snapshots": nothing,
        "cache_dir": place.cache_folder().resolve(),
    }  # fmt: skip
    known = {field.name for field in fields(DeleteCacheStrategy)}  # 1.x has no cache_dir
    DeleteCacheStrategy(**{key: value for key, value in facts.items() if key in known}).execute()  # type: ignore[arg-type]


def _hush() -> None:
    """The client's log, which warns with tracebacks, shows errors alone."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)


def _clear(folder: Path) -> None:
    """Remove the partial files of downloads that were killed: the client never uses them again. The lock that a download holds
    tells which are alive."""
    from filelock import FileLock, Timeout

    for path in (folder / "blobs").glob("*.incomplete"):
        lock = folder.parent / ".locks" / folder.name / f"{path.name.partition('.')[0]}.lock"
        with suppress(Timeout, OSError, NotImplementedError), FileLock(lock, timeout=0):
            path.unlink(missing_ok=True)


def _bar(progress: Progress | None) -> Any:
    """What the client takes for a progress bar. A try that failed is taken back when the next one begins."""
    told = 0

    class Bar:
        def __init__(self, *args: Any, **options: Any) -> None:
            self.total = options.get("total")
            self.update((options.get("initial") or 0) - told)

        def update(self, n: float = 1) -> None:
            nonlocal told
            told += int(n)
            if progress:
                progress(int(n), self.total)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def __getattr__(self, name: str) -> Any:
            return lambda *args, **options: None

    return Bar
