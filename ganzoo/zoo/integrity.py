"""Checks of files against their expected size and hash.

The Hub client only compares sizes, so every file is hashed here before anything parses it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ganzoo.errors import HashMismatch, WeightsError
from ganzoo.zoo.manifest import File

PULL_AGAIN = "pull it again"


@dataclass(frozen=True)
class Expected:
    """`digest`: sha256 (64 digits) or git's sha1 of a blob (40 digits); None if only the size is
    known. `source`: who states them."""

    digest: str | None
    size: int | None = None
    source: str = "the manifest"


def expect(files: Mapping[str, File], source: str = "the manifest") -> dict[str, Expected]:
    """What a manifest entry or config.json states about its files."""
    return {name: Expected(file.sha256, file.bytes, source) for name, file in files.items()}


def check_file(path: Path, expected: Expected, remedy: str = "reinstall ganzoo-torch") -> None:
    """Raise WeightsError or HashMismatch unless the file has the expected size and hash."""
    try:
        size = path.stat().st_size
    except OSError:
        raise WeightsError(path, f"missing; {remedy}") from None
    if expected.size is not None and size != expected.size:
        raise WeightsError(
            path, f"{size} bytes, {expected.source} says {expected.size}; the file was not loaded"
        )
    if expected.digest is None:
        return
    actual = compute_digest(path, expected.digest)
    if actual != expected.digest:
        raise HashMismatch(path, expected.digest, actual, expected.source)


def check_files(
    folder: Path, expected: Mapping[str, Expected], remedy: str = "reinstall ganzoo-torch"
) -> None:
    """Raise WeightsError or HashMismatch for the first file that is missing or altered."""
    for name, one in expected.items():
        check_file(folder / name, one, remedy)


def compute_digest(path: Path, like: str) -> str:
    """Digest of a file, by the algorithm that `like` was made with. Raises WeightsError."""
    try:
        with path.open("rb") as file:
            if len(like) == 64:
                return hashlib.file_digest(file, "sha256").hexdigest()
            blob = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
            return hashlib.file_digest(file, lambda: blob).hexdigest()
    except OSError as error:
        raise WeightsError(path, f"cannot be read ({error.strerror or error})") from None
