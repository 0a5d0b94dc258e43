"""Files from outside: regular ones only, never longer than they may be; JSON in which no key stands twice. Light."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec

T = TypeVar("T")


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what is written as JSON: unknown keys are errors."""


def opened(path: Path) -> BinaryIO:
    """A regular file, or a link to one (the Hub client's cache is made of links), open for reading.

    OSError, whose `strerror` says it in words, for a folder, a pipe, a socket or a device: without waiting for it."""
    _regular(path, path.stat().st_mode)  # opening some devices does something
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _regular(path, os.fstat(handle).st_mode)  # what stands there now may be another file
        return os.fdopen(handle, "rb")
    except OSError:
        os.close(handle)
        raise


def read(path: Path, limit: int) -> bytes:
    """The bytes of a regular file; OSError, as of `opened`, when there are more than `limit`."""
    with opened(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(
            errno.EFBIG, f"longer than {limit:,} bytes, which no file of its kind is", str(path)
        )
    return data


def decode(data: bytes, kind: type[T]) -> T:
    """JSON as a `kind`. msgspec.DecodeError for whatever is wrong with it, a key that stands twice in one object included:
    of two values, one program takes the first and another the last."""
    import json

    try:
        found = msgspec.json.decode(data, type=kind)
        json.loads(data, object_pairs_hook=_once)
    except msgspec.DecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from None
    return found


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """JSON, indented, in one atomic step."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
    with replacing(path) as temporary:
        temporary.write_bytes(text)


class replacing:
    """Context giving a temporary path; on success it takes the place of `path` at once, on failure it is removed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")

    def __enter__(self) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.temporary

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if error is not None:
            self.temporary.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.filename is None:  # a full disk names no file
                error.filename = str(self.path)
            return
        self.temporary.chmod(0o644)  # safetensors writes for the owner alone
        with self.temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(self.temporary, self.path)


def _regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
        kind = next((name for check, name in kinds if check(mode)), "a device")
        raise OSError(errno.EINVAL, f"{kind}, not a file; nothing was read", str(path))


def _once(pairs: Sequence[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(
            f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object"
        )
