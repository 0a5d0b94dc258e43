"""Headers of safetensors files, checked against the file size before any tensor is read.

Imports no torch.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec

from ganzoo.errors import WeightsError
from ganzoo.files import Record, decode_json, open_regular

HEADER_LIMIT = 4_000_000
"""Bytes; enough for 40,000 tensors."""
Dtype = Literal["F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"]
ITEM_SIZES: dict[Dtype, int] = dict(
    zip(get_args(Dtype), (8, 4, 2, 2, 8, 4, 2, 1, 1, 1), strict=True)
)
TORCH_NAMES: dict[Dtype, str] = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}
_Size = Annotated[int, msgspec.Meta(ge=0, le=1 << 50)]
_Name = Annotated[
    str, msgspec.Meta(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f-\x9f]*\Z")
]
_Metadata = dict[
    Annotated[str, msgspec.Meta(max_length=256)], Annotated[str, msgspec.Meta(max_length=1_000_000)]
]


class TensorRecord(Record, frozen=True):
    """One tensor in a header; the offsets count from the end of the header."""

    dtype: Dtype
    shape: Annotated[tuple[_Size, ...], msgspec.Meta(max_length=8)]
    data_offsets: tuple[_Size, _Size]


@dataclass(frozen=True)
class Header:
    """Dtype and shape by tensor name, and the file's metadata."""

    tensors: dict[str, tuple[Dtype, tuple[int, ...]]]
    metadata: dict[str, str]


def read_header(path: Path) -> Header:
    """The header of a safetensors file.

    Raises WeightsError unless the tensors fill the file without gap or overlap, so that all
    tensors together are never larger than the file."""
    try:
        with open_regular(path) as file:
            size = file.seek(0, 2)
            file.seek(0)
            prefix = file.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
            if not 2 <= length <= min(HEADER_LIMIT, size - 8):
                raise WeightsError(path, "not a safetensors file, or cut short; pull it again")
            raw = decode_json(file.read(length), dict[str, Any])
        metadata = msgspec.convert(raw.pop("__metadata__", {}), _Metadata)
        records = msgspec.convert(raw, dict[_Name, TensorRecord])
    except FileNotFoundError:
        raise WeightsError(path, "no such file") from None
    except OSError as error:
        raise WeightsError(path, f"cannot be read ({error.strerror})") from None
    except msgspec.DecodeError as error:
        raise WeightsError(path, f"not a readable safetensors file ({error})") from None
    expected = 8 + length + _check_layout(path, records)
    if size != expected:
        raise WeightsError(path, f"{size} bytes, its header says {expected}: cut short or altered")
    return Header({name: (one.dtype, one.shape) for name, one in records.items()}, metadata)


def _check_layout(path: Path, records: Mapping[str, TensorRecord]) -> int:
    """Total bytes of all tensors; WeightsError unless they are contiguous and as long as stated."""
    end = 0
    for name, record in sorted(records.items(), key=lambda item: item[1].data_offsets):
        start, stop = record.data_offsets
        if start != end:
            raise WeightsError(path, f"tensor {name!r} begins at byte {start}, not {end}: altered")
        end = start + ITEM_SIZES[record.dtype] * math.prod(record.shape)
        if stop != end:
            raise WeightsError(
                path,
                f"tensor {name!r} of {record.dtype} {list(record.shape)} ends at byte {stop}, "
                f"not {end}: altered",
            )
    return end
