"""Damage files, and read them independently of ganzoo."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

Number = Callable[[int, int], int]
"""(low, high) -> a number in [low, high], from a random generator or from hypothesis."""
HOSTILE = (
    *(
        "NaN",
        "Infinity",
        "1e999",
        "-1e999",
        "-1",
        "0",
        "1",
        "0.5",
        "1e2",
        "4.0",
        "9" * 30,
        "9" * 5000,
        "18446744073709551616",
    ),
    *(
        "null",
        "true",
        '""',
        '"x"',
        '"\\u0000"',
        '"\\u001b[2J"',
        '"../../x"',
        '"\\ud800"',
        '"F64"',
        '"' + "y" * 3000 + '"',
    ),
    *(
        "[]",
        "{}",
        "[[[[[[]]]]]]",
        "[1" + ",1" * 3000 + "]",
        "[0, 0]",
        "[0, 4]",
        '{"a": 1}',
        "[" * 2000 + "]" * 2000,
        "'",
        "\x00",
    ),
)
"""JSON values, and texts that are none, to replace others."""
TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


def damaged(data: bytes, number: Number) -> bytes:
    """Flip, cut, add, double, move or overwrite bytes."""
    kind, place = number(0, 5), number(0, max(0, len(data) - 1))
    length = number(1, 16)
    if kind == 0:
        return (
            data[:place] + bytes([data[place] ^ (1 << number(0, 7))]) + data[place + 1 :]
            if data
            else data
        )
    if kind == 1:
        return data[:place]
    if kind == 2:
        return data + bytes(number(0, 255) for _ in range(length))
    if kind == 3:
        return data[:place] + data[place : place + length] + data[place:]
    if kind == 4:
        to = number(0, len(data))
        return data[:to] + data[place : place + length] + data[to + length :]
    return (
        data[:place]
        + (b"\xff" * 8, b"\0" * 8, struct.pack("<Q", number(0, 1 << 40)))[number(0, 2)]
        + data[place + 8 :]
    )


def altered(value: Any, number: Number) -> bytes:
    """JSON of `value` with something replaced, dropped, renamed, doubled, swapped or changed."""
    places = list(_places(value))
    container, key = places[number(0, len(places) - 1)]
    kind, old = number(0, 6), container[key]
    if kind == 0:
        new = HOSTILE[number(0, len(HOSTILE) - 1)]
        return json.dumps(_put(value, container, key, "@@")).replace('"@@"', new).encode()
    if kind == 1:
        return json.dumps(_without(value, container, key)).encode()
    if kind == 2:
        other, there = places[number(0, len(places) - 1)]
        return json.dumps(
            _put(_put(value, container, key, other[there]), other, there, old)
        ).encode()
    if kind == 3 and isinstance(old, int):
        return json.dumps(_put(value, container, key, old + number(-9, 9))).encode()
    if kind == 4 and isinstance(container, dict):
        return (
            json.dumps(_put(value, container, key, {"@@": old}))
            .encode()
            .replace(b'"@@":', b'"a": 1, "a":', 1)
        )
    if kind == 5 and isinstance(container, dict):
        text, twice = json.dumps(value), json.dumps(key) + ": " + json.dumps(old)
        return text.replace(twice, f"{twice}, {twice}", 1).encode()
    if kind == 6 and isinstance(container, dict):
        return (
            json.dumps(value)
            .replace(json.dumps(key) + ": ", json.dumps(f"{key}_") + ": ", 1)
            .encode()
        )
    return json.dumps(_put(value, container, key, places[number(0, len(places) - 1)][0])).encode()


def safetensors(header: bytes, body: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + body


def parts(data: bytes) -> tuple[Any, bytes]:
    """Header and body of a valid safetensors file."""
    (length,) = struct.unpack("<Q", data[:8])
    return strict(data[8 : 8 + length]), data[8 + length :]


def tensors(data: bytes) -> dict[str, Any]:
    """The arrays of a safetensors file."""
    header, body = parts(data)
    header.pop("__metadata__", None)
    return {name: _array(place, body) for name, place in header.items()}


def png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG file of these chunks, with valid checksums."""
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def texts(data: bytes) -> list[bytes]:
    """Values of `ganzoo` in uncompressed text chunks of a PNG with valid checksums."""
    found = []
    for match in re.finditer(rb"tEXtganzoo\0|iTXtganzoo\0\0.[^\0]*\0[^\0]*\0", data, re.DOTALL):
        at = match.start()
        end = at + 4 + int.from_bytes(data[at - 4 : at], "big")
        if data[end : end + 4] == struct.pack(">I", zlib.crc32(data[at:end])):
            found.append(data[match.end() : end])
    return found


def strict(data: bytes) -> Any:
    """Parse JSON; AssertionError for a duplicate key."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs), "a duplicate key was read"
        return dict(pairs)

    return json.loads(data, object_pairs_hook=once)


def says(told: Any, found: Any) -> bool:
    """Whether `found` has all of `told`; what `told` lacks has its default."""
    if isinstance(told, dict):
        return isinstance(found, dict) and all(
            key in found and says(value, found[key]) for key, value in told.items()
        )
    if isinstance(told, list):
        return (
            isinstance(found, (list, tuple))
            and len(told) == len(found)
            and all(map(says, told, found))
        )
    return bool(told == found)


def _array(place: Any, body: bytes) -> Any:
    begin, end = place["data_offsets"]
    raw = body[begin:end]
    if place["dtype"] == "BF16":
        return (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4").reshape(place["shape"])
    return np.frombuffer(raw, TYPES[place["dtype"]]).reshape(place["shape"])


def _places(value: Any) -> Any:
    """(container, key) of every part of a value."""
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def _put(value: Any, container: Any, key: Any, new: Any) -> Any:
    """A copy with container[key] replaced."""
    if value is container:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        found = {k: new if k == key else v for k, v in pairs}
        return found if isinstance(value, dict) else list(found.values())
    if isinstance(value, dict):
        return {k: _put(v, container, key, new) for k, v in value.items()}
    return [_put(v, container, key, new) for v in value] if isinstance(value, list) else value


def _without(value: Any, container: Any, key: Any) -> Any:
    """A copy without container[key]."""
    if value is container:
        return (
            {k: v for k, v in value.items() if k != key}
            if isinstance(value, dict)
            else value[:key] + value[key + 1 :]
        )
    if isinstance(value, dict):
        return {k: _without(v, container, key) for k, v in value.items()}
    return [_without(v, container, key) for v in value] if isinstance(value, list) else value
