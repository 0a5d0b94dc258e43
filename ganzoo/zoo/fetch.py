"""Files of a commit, from the cache or the Hub, each right by size and hash. Light: no torch, no numpy, and the client only when
something has to be fetched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from ganzoo.errors import WeightsError
from ganzoo.zoo import place
from ganzoo.zoo.proof import Expected, check

Progress = Callable[[str, int, int | None], None]
"""Called with a file's name, how many more bytes of it have come, and how many it has in all, if that is known."""
AGAIN = "pull it again"


def whole(folder: Path, wanted: Mapping[str, Expected]) -> bool:
    """Whether a folder holds all files as they must be."""
    try:
        for file, expected in wanted.items():
            check(folder / file, expected)
    except WeightsError:
        return False
    return True


def fetched(
    repository: str, commit: str, wanted: Mapping[str, Expected], progress: Progress | None
) -> tuple[Path, Literal["cache", "hub"]]:
    """The snapshot's folder with all wanted files in it, right by size and hash. A broken cached file is fetched anew, once."""
    folder, origin = place.snapshot(repository, commit), "cache"
    for file, expected in wanted.items():
        if (folder / file).exists():
            try:
                check(folder / file, expected, AGAIN)
                continue
            except WeightsError:
                if place.is_offline():
                    raise
        _fetch(repository, commit, file, expected, progress)
        origin = "hub"
    return folder, origin  # type: ignore[return-value]


def _fetch(
    repository: str, commit: str, file: str, expected: Expected, progress: Progress | None
) -> None:
    """One file from the Hub. What comes altered is fetched once more, then refused and taken out of the cache."""
    from ganzoo.zoo import client

    told = (lambda n, total: progress(file, n, total)) if progress else None
    path = place.snapshot(repository, commit) / file
    for last in (False, True):
        force = last or path.exists()
        with suppress(OSError):
            path.unlink()  # where something stands, the client leaves it, whatever it has fetched
        path = client.download(repository, commit, file, force=force, progress=told)
        try:
            check(path, expected, AGAIN)
            break
        except WeightsError:
            if last:
                place.discard(path)
                raise
