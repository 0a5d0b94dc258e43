"""What a written picture says of its making: enough to make it again, and no path. Light: the PNG is walked by hand.

It stands in one text entry of the PNG, `ganzoo`, as JSON.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec

from ganzoo.errors import GanzooError, InputError, UsageError
from ganzoo.files import decode, opened
from ganzoo.inputs import Image, Input, Vector
from ganzoo.inputs.given import files_of

KEY = "ganzoo"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
LONGEST = 1 << 16
"""Bytes of the entry; what is longer is not read."""
VALUE = LONGEST // 4
"""Bytes of one input; of a longer one its digest is recorded."""
DIGEST = "digest"
CHUNKS = 4096
MOST = 65_536
"""Rows of one picture that are made again."""

Count = Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)]
Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class Origin(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """`weights`: sha256 of the model file; `seed`: of row 0 of `n`; `row`: which of them this picture is, None where it is a
    grid of all, `columns` wide. `inputs`: what was given, by name; None for what a picture cannot carry. `view`: of --show."""

    model: str
    plugin: str
    weights: str
    seed: Number
    n: Count
    columns: Count
    row: Number | None = None
    view: str | None = None
    inputs: dict[str, Any] = {}
    precision: str = ""
    device: str = ""
    version: str = ""
    torch: str = ""

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


def told(values: Mapping[str, Any], inputs: Mapping[str, Input]) -> dict[str, Any]:
    """What a picture carries of the inputs given: texts and numbers as they are, of long ones a digest; of files a hash, never a
    path."""
    return {
        name: _hashes(value, name) if _of_file(inputs.get(name), value) else _plain(value)
        for name, value in values.items()
    }


def _of_file(spec: Input | None, value: Any) -> bool:
    return isinstance(spec, Image) or (isinstance(spec, Vector) and bool(files_of(value)))


def unlike(
    recorded: Mapping[str, Any], values: Mapping[str, Any], inputs: Mapping[str, Input]
) -> str | None:
    """The first input whose value is not what was recorded, or None."""
    now = told(values, inputs)
    return next(
        (
            name
            for name in sorted(recorded.keys() | now.keys())
            if recorded.get(name) != now.get(name)
        ),
        None,
    )


def _plain(value: Any) -> Any:
    value = value.tolist() if hasattr(value, "tolist") else value
    try:
        kept = msgspec.json.encode(value)
    except (TypeError, UnicodeError, msgspec.MsgspecError):
        return None
    return (
        msgspec.json.decode(kept)
        if len(kept) <= VALUE
        else {DIGEST: hashlib.sha256(kept).hexdigest()}
    )


def _hashes(value: Any, name: str) -> dict[str, list[str]] | None:
    paths = files_of(value)
    if not paths:
        return None
    try:
        return {"sha256": [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]}
    except FileNotFoundError as error:
        raise InputError(name, f"no file {error.filename}") from None
    except OSError as error:
        raise InputError(name, f"{error.filename}: {error.strerror}") from None


def read(path: Path) -> Origin:
    """The origin in a PNG. UsageError where there is none; nothing but this one entry is read, and only if it is short."""
    try:
        with opened(path) as file:
            if file.read(8) != SIGNATURE:
                raise UsageError(
                    f"{path} is not a PNG; ganzoo writes the origin of samples into PNGs"
                )
            text = next((data for data in _texts(file) if data is not None), None)
    except OSError as error:
        raise GanzooError(f"{path}: {error.strerror}") from None
    if text is None:
        raise UsageError(
            f"{path} does not say how it was made: not written by ganzoo, or stripped on its way"
        )
    try:
        return decode(text, Origin)
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: what it says of its making cannot be read ({error})") from None


def _texts(file: BinaryIO) -> Iterator[bytes | None]:
    """The entries named ganzoo: tEXt and uncompressed iTXt, as PNG's chapter 11.3.4 lays them out."""
    for _ in range(CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"iTXt", b"tEXt") and length <= LONGEST:
            data = file.read(length)
            if file.read(4) != struct.pack(">I", zlib.crc32(kind + data)):
                raise UsageError(
                    f"{file.name} is damaged: the checksum of its {kind.decode()} entry is wrong"
                )
            yield _entry(kind, data)
        elif kind == b"IEND":
            return
        else:
            file.seek(length + 4, 1)


def _entry(kind: bytes, data: bytes) -> bytes | None:
    key, _, rest = data.partition(b"\0")
    if key != KEY.encode():
        return None
    if kind == b"tEXt":
        return rest
    if rest[:1] != b"\0":  # compressed: ours never is
        return None
    return rest[2:].split(b"\0", 2)[-1]
