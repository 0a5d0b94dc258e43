"""What a sample's origin records of a given input: short values, digests of long ones, no paths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ganzoo.errors import InputError

LONGEST_VALUE = 1 << 14
"""Bytes of a recorded value; of a longer one only the digest is recorded."""
DIGEST = "digest"
"""Key of the digest that stands for a long value."""


def list_paths(value: Any) -> list[Path]:
    """The given paths; empty where `value` is anything but a path or a list of paths."""
    values = value if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(one, (str, Path)) for one in values):
        return []
    return [Path(one) for one in values]


def record_value(value: Any) -> Any:
    """`value` as JSON data, a digest where it is long, or None where JSON cannot hold it."""
    import hashlib

    if hasattr(value, "tolist"):
        value = value.tolist()
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, UnicodeError, msgspec.MsgspecError):
        return None
    if len(encoded) > LONGEST_VALUE:
        return {DIGEST: hashlib.sha256(encoded).hexdigest()}
    return msgspec.json.decode(encoded)


def record_files(paths: Sequence[Path], name: str) -> dict[str, list[str]]:
    """The hashes of files. InputError for one that cannot be read."""
    import hashlib

    try:
        return {"sha256": [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]}
    except FileNotFoundError as error:
        raise InputError(name, f"no file {error.filename}") from None
    except OSError as error:
        raise InputError(name, f"{error.filename}: {error.strerror}") from None
