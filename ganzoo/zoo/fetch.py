"""Files of a commit from the cache or the Hub, each with its size and hash checked.

Imports the Hub client only to download.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from ganzoo.errors import WeightsError
from ganzoo.zoo import cache
from ganzoo.zoo.integrity import PULL_AGAIN, Expected, check_file

Progress = Callable[[str, int, int | None], None]
"""Called with a file name, newly received bytes, and total bytes if known."""


def fetch_files(
    repository: str, commit: str, expected: Mapping[str, Expected], progress: Progress | None
) -> tuple[Path, bool]:
    """The snapshot's folder with all expected files, and whether any was downloaded.

    A corrupt cached file is downloaded again; offline it raises WeightsError."""
    folder, downloaded = cache.snapshot_folder(repository, commit), False
    for name, one in expected.items():
        if (folder / name).exists():
            try:
                check_file(folder / name, one, PULL_AGAIN)
                continue
            except WeightsError:
                if cache.is_offline():
                    raise
        _download(repository, commit, name, one, progress)
        downloaded = True
    return folder, downloaded


def _download(
    repository: str, commit: str, name: str, expected: Expected, progress: Progress | None
) -> None:
    """Download a file. A corrupt one is downloaded once more, then discarded and refused."""
    from ganzoo.zoo import client

    report = (lambda n, total: progress(name, n, total)) if progress else None
    path = cache.snapshot_folder(repository, commit) / name
    for last in (False, True):
        force = last or path.exists()
        with suppress(OSError):
            path.unlink()  # the client would keep what is there, whatever it downloads
        path = client.download_file(repository, commit, name, force=force, progress=report)
        try:
            check_file(path, expected, PULL_AGAIN)
            return
        except WeightsError:
            if last:
                cache.discard_file(path)
                raise
