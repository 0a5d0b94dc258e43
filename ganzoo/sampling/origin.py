"""The origin of a sample: what is needed to generate it again. Contains no paths.

A PNG carries it as JSON in the text entry `ganzoo`. Light: no torch.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

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
HEAD = 1 << 24
"""Bytes of a file within which the entry must stand; color profiles may come before it."""
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
        """As JSON."""
        return msgspec.json.encode(self).decode()

    def png_text(self) -> dict[str, str]:
        """The text entry of a PNG."""
        return {KEY: self.text()}


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
    """The origin recorded in a PNG. UsageError where there is none or it is longer than LONGEST.

    Only the part before the pixels is parsed, at most HEAD bytes of it; nothing is decoded.
    """
    from PIL.PngImagePlugin import PngImageFile, iTXt

    try:
        with opened(path) as file:
            head = file.read(HEAD)
    except OSError as error:
        raise GanzooError(f"{path}: {error.strerror}") from None
    if not head.startswith(SIGNATURE):
        raise UsageError(f"{path} is not a PNG; ganzoo writes the origin of samples into PNGs")
    try:
        text = PngImageFile(io.BytesIO(head)).info.get(KEY)  # an iTXt, or a str of Latin-1
    except (OSError, SyntaxError, ValueError):
        text = None
    if not isinstance(text, str) or len(text) > LONGEST:
        raise UsageError(
            f"{path} does not say how it was made: not written by ganzoo, or stripped on its way"
        )
    try:
        return decode(text.encode("utf-8" if isinstance(text, iTXt) else "latin-1"), Origin)
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: what it says of its making cannot be read ({error})") from None
