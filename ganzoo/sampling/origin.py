"""The origin of a sample: what is needed to generate it again. Contains no paths.

A PNG carries it as JSON in the text entry `ganzoo`. Light: no torch.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ganzoo.errors import GanzooError, UsageError
from ganzoo.files import decode_json, open_regular
from ganzoo.inputs import Input
from ganzoo.inputs.record import record_value

KEY = "ganzoo"
"""Name of the PNG's text entry."""
SIGNATURE = b"\x89PNG\r\n\x1a\n"
ORIGIN_LIMIT = 1 << 16
"""Longest entry that is read."""
HEAD = 1 << 24
"""Bytes of the file in which the entry must stand; a color profile may come before it."""
REPLAY_LIMIT = 65_536
"""Most rows and columns that are generated again."""

Count = Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)]
Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class Origin(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """How samples were made.

    `weights`: sha256 of the model file. `seed`: of row 0 of `n`. `row`: the row that this image
    shows; None for a grid of all rows, `columns` wide. `inputs`: the given ones by name, None for
    a value that cannot be recorded. `view`: of --show.
    """

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


def record_inputs(values: Mapping[str, Any], inputs: Mapping[str, Input]) -> dict[str, Any]:
    """What the origin keeps of the given inputs; see `Input.record`."""
    recorded = {}
    for name, value in values.items():
        spec = inputs.get(name)
        recorded[name] = record_value(value) if spec is None else spec.record(value, name)
    return recorded


def find_difference(
    recorded: Mapping[str, Any], values: Mapping[str, Any], inputs: Mapping[str, Input]
) -> str | None:
    """The first input whose value is not the recorded one, or None."""
    now = record_inputs(values, inputs)
    names = sorted(recorded.keys() | now.keys())
    return next((name for name in names if recorded.get(name) != now.get(name)), None)


def read_origin(path: Path) -> Origin:
    """The origin in a PNG. UsageError where there is none or it is longer than ORIGIN_LIMIT.

    Only the part before the pixels is parsed, at most HEAD bytes of it; nothing is decoded.
    """
    from PIL.PngImagePlugin import PngImageFile, iTXt

    try:
        with open_regular(path) as file:
            head = file.read(HEAD)
    except OSError as error:
        raise GanzooError(f"{path}: {error.strerror}") from None
    if not head.startswith(SIGNATURE):
        raise UsageError(f"{path} is not a PNG; ganzoo writes the origin of samples into PNGs")
    try:
        text = PngImageFile(io.BytesIO(head)).info.get(KEY)  # an iTXt, or a str of Latin-1
    except (OSError, SyntaxError, ValueError):
        text = None
    if not isinstance(text, str) or len(text) > ORIGIN_LIMIT:
        raise UsageError(
            f"{path} does not say how it was made: ganzoo did not write it, or its text was removed"
        )
    try:
        return decode_json(text.encode("utf-8" if isinstance(text, iTXt) else "latin-1"), Origin)
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: its origin cannot be read ({error})") from None
