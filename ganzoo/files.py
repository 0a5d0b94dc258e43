"""Reading files with limits, strict JSON, and atomic writing. Light."""

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
    """Base of what is written as JSON; unknown keys are errors."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file, or a link to one, for reading.

    Raises OSError at once for a folder, a pipe, a socket or a device; `strerror` names it.
    """
    check_regular(path, path.stat().st_mode)  # before opening, to which some devices react
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        check_regular(path, os.fstat(handle).st_mode)  # the file may be another one by now
        return os.fdopen(handle, "rb")
    except OSError:
        os.close(handle)
        raise


def read_limited(path: Path, limit: int) -> bytes:
    """The bytes of a regular file. OSError where there are more than `limit`."""
    with open_regular(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"longer than {limit:,} bytes, the limit for it", str(path))
    return data


def decode_json(data: bytes, kind: type[T]) -> T:
    """JSON as a `kind`. msgspec.DecodeError for anything wrong, a repeated key included.

    Programs differ in which value of a repeated key they take.
    """
    import json

    try:
        found = msgspec.json.decode(data, type=kind)
        json.loads(data, object_pairs_hook=_check_keys)
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
    """Write indented JSON atomically."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
    with replacing(path) as temporary:
        temporary.write_bytes(text)


class replacing:
    """Context with a temporary path, which replaces `path` on success and is removed on failure."""

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


def check_regular(path: Path, mode: int) -> None:
    """OSError, with its kind in words, for anything but a regular file."""
    if stat.S_ISREG(mode):
        return
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    kind = kinds.get(stat.S_IFMT(mode), "a device")
    raise OSError(errno.EINVAL, f"{kind}, not a file; nothing was read", str(path))


def _check_keys(pairs: Sequence[tuple[str, Any]]) -> None:
    """ValueError for a key that an object has twice."""
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise ValueError(f"the key {key!r} stands twice in one object")
        seen.add(key)
