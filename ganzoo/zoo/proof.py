"""What a file must be, and the check of it. The Hub client compares sizes alone, so every byte is hashed here before it is read
as anything. Light: no torch, no numpy, no client."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ganzoo.errors import HashMismatch, WeightsError
from ganzoo.files import sha256
from ganzoo.zoo.manifest import File


@dataclass(frozen=True)
class Expected:
    """`digest`: sha256 (64 digits), or the sha1 that git gives a file (40 digits); None where only the size is known."""

    digest: str | None
    size: int | None = None
    source: str = "the manifest"

    @classmethod
    def of(cls, file: File) -> Expected:
        return cls(file.sha256, file.bytes)


def check(path: Path, expected: File | Expected, remedy: str = "reinstall ganzoo-torch") -> None:
    """WeightsError or HashMismatch unless the file is there with the size and the digest it must have."""
    wanted = Expected.of(expected) if isinstance(expected, File) else expected
    try:
        size = path.stat().st_size
    except OSError:
        raise WeightsError(path, f"missing; {remedy}") from None
    if wanted.size is not None and size != wanted.size:
        raise WeightsError(
            path, f"{size} bytes, {wanted.source} says {wanted.size}; the file was not loaded"
        )
    if wanted.digest is None:
        return
    actual = digest(path, wanted.digest)
    if actual != wanted.digest:
        raise HashMismatch(path, wanted.digest, actual, wanted.source)


def digest(path: Path, like: str) -> str:
    """Of a file, by the algorithm that `like` was made with. WeightsError when it cannot be read."""
    try:
        if len(like) == 64:
            return sha256(path)
        with path.open("rb") as file:
            head = b"blob %d\0" % path.stat().st_size
            return hashlib.file_digest(
                file, lambda: hashlib.sha1(head, usedforsecurity=False)
            ).hexdigest()
    except OSError as error:
        raise WeightsError(path, f"cannot be read ({error.strerror or error})") from None
