"""What a safetensors file says of itself, checked against its size before anything else is read. Light: no torch."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, get_args

import msgspec

from ganzoo.errors import WeightsError
from ganzoo.files import Record, decode_json, open_regular

HEADER_LIMIT = 4_000_000
"""Bytes: some 40,000 tensors."""
Dtype = Literal["F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"]
BYTES: dict[Dtype, int] = dict(zip(get_args(Dtype), (8, 4, 2, 2, 8, 4, 2, 1, 1, 1), strict=True))
_TORCH = (
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
)
TORCH: dict[Dtype, str] = dict(zip(get_args(Dtype), _TORCH, strict=True))
"""torch's names of the dtypes."""
_Size = Annotated[int, msgspec.Meta(ge=0, le=1 << 50)]
_Name = Annotated[
    str, msgspec.Meta(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f-\x9f]*\Z")
]
_Metadata = dict[
    Annotated[str, msgspec.Meta(max_length=256)], Annotated[str, msgspec.Meta(max_length=1_000_000)]
]


class _Place(Record, frozen=True):
    """What a safetensors header says of one tensor; the offsets count from the header's end."""

    dtype: Dtype
    shape: Annotated[tuple[_Size, ...], msgspec.Meta(max_length=8)]
    data_offsets: tuple[_Size, _Size]


@dataclass(frozen=True)
class Header:
    """Dtype and shape by tensor name, and the file's metadata."""

    tensors: dict[str, tuple[Dtype, tuple[int, ...]]]
    metadata: dict[str, str]


def read_header(path: Path) -> Header:
    """The header of a safetensors file. WeightsError unless it is one, whole, whose tensors fill it without gap or overlap.

    The sum of all tensors is therefore never more than the file."""
    try:
        with open_regular(path) as file:
            size = file.seek(0, 2)
            entries, metadata, length = _parsed(path, file, size)
    except FileNotFoundError:
        raise WeightsError(path, "no such file") from None
    except OSError as error:
        raise WeightsError(path, f"cannot be read ({error.strerror})") from None
    except msgspec.DecodeError as error:
        raise WeightsError(path, f"not a readable safetensors file ({error})") from None
    whole = 8 + length + _laid_out(path, entries)
    if size != whole:
        raise WeightsError(path, f"{size} bytes, its header says {whole}: cut short or altered")
    return Header({name: (entry.dtype, entry.shape) for name, entry in entries.items()}, metadata)


def _parsed(path: Path, file: BinaryIO, size: int) -> tuple[dict[str, _Place], dict[str, str], int]:
    """Entries, metadata, and the header's length."""
    file.seek(0)
    first = file.read(8)
    length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
    if not 2 <= length <= min(HEADER_LIMIT, size - 8):
        raise WeightsError(path, "not a safetensors file, or cut short; pull it again")
    raw = decode_json(file.read(length), dict[str, Any])
    metadata = msgspec.convert(raw.pop("__metadata__", {}), _Metadata)
    return msgspec.convert(raw, dict[_Name, _Place]), metadata, length


def _laid_out(path: Path, entries: Mapping[str, _Place]) -> int:
    """Bytes of all tensors, which must lie one after the other and be as long as dtype and shape say."""
    end = 0
    for name, place in sorted(entries.items(), key=lambda entry: entry[1].data_offsets):
        begin, stop = place.data_offsets
        if begin != end:
            raise WeightsError(path, f"tensor {name!r} begins at byte {begin}, not {end}: altered")
        end = begin + BYTES[place.dtype] * math.prod(place.shape)
        if stop != end:
            raise WeightsError(
                path,
                f"tensor {name!r} of {place.dtype} {list(place.shape)} ends at byte {stop}, not {end}: altered",
            )
    return end
