"""Files of strangers: what is refused before it is read, and in which words."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ganzoo.errors import GanzooError, WeightsError
from ganzoo.files import decode_json, open_regular, read_limited
from ganzoo.sampling import origin
from ganzoo.zoo import weights

GOOD = {"plugin": "x", "distribution": "d", "version": "1", "networks": ["generator"], "config": {}}
A = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
B = {"dtype": "F16", "shape": [2, 2], "data_offsets": [8, 16]}
HASH = {"sha256": "0" * 64, "bytes": 1}


def written(path: Path, header: Any, body: bytes = b"\0" * 16) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + body)
    return path


def test_the_header_these_tests_alter_is_good(tmp_path: Path) -> None:
    header = weights.read_header(
        written(tmp_path / "m.safetensors", {"a": A, "b": B, "__metadata__": {"k": "v"}})
    )
    assert (header.tensors, header.metadata) == (
        {"a": ("F32", (2,)), "b": ("F16", (2, 2))},
        {"k": "v"},
    )


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"a": A, "b": {**B, "data_offsets": [4, 12]}}, "'b' begins at byte 4, not 8"),
        ({"a": {**A, "data_offsets": [0, 4]}, "b": B}, r"'a' of F32 \[2\] ends at byte 4, not 8"),
        ({"a": A, "b": {**B, "data_offsets": [12, 20]}}, "'b' begins at byte 12, not 8"),
        ({"b": B}, "'b' begins at byte 8, not 0"),
        ({"a": {**A, "data_offsets": [8, 0]}, "b": B}, "begins at byte 8"),
        ({"a": {**A, "shape": [3]}, "b": B}, r"'a' of F32 \[3\] ends at byte 8, not 12"),
        ({"a": {**A, "dtype": "F64"}, "b": B}, r"'a' of F64 \[2\] ends at byte 8, not 16"),
        ({"a": {**A, "shape": [1 << 50] * 8}, "b": B}, "ends at byte 8"),
        ({"a": A}, "24 bytes|cut short or altered"),
        ({"a": {**A, "dtype": "F8_E4M3"}, "b": B}, "Invalid enum value 'F8_E4M3'"),
        ({"a": {**A, "dtype": "f32"}, "b": B}, "Invalid enum value"),
        ({"a": {**A, "shape": [1] * 9}, "b": B}, "length <= 8"),
        ({"a": {**A, "shape": [-2]}, "b": B}, ">= 0"),
        ({"a": {**A, "shape": [1 << 51]}, "b": B}, "<= 1125899906842624"),
        ({"a": {**A, "shape": [2.5]}, "b": B}, "Expected `int`"),
        ({"a": {**A, "stride": [1]}, "b": B}, "unknown field `stride`"),
        ({"": A, "b": B}, "length >= 1"),
        ({"a" * 513: A, "b": B}, "length <= 512"),
        ({"a\x1b[2J": A, "b": B}, "matching regex"),
        ({"a": A, "b": B, "__metadata__": {"k": 3}}, "Expected `str`"),
        ({"a": A, "b": B, "__metadata__": {"k": "v" * 1_000_001}}, "length <= 1000000"),
        (
            b'{"a":%s,"b":%s,"a":%s}' % tuple(json.dumps(x).encode() for x in (A, B, A)),
            "the key 'a' stands twice",
        ),
        (
            b'{"a":{"dtype":"F32","shape":[2],"shape":[1],"data_offsets":[0,8]}}',
            "the key 'shape' stands twice",
        ),
        (
            b'{"a":{"dtype":"F32","shape":[2],"sh\\u0061pe":[1],"data_offsets":[0,8]}}',
            "the key 'shape' stands twice",
        ),
        (b'{"a\xff":{}}', "not a readable safetensors file"),
        (b'{"a":NaN}', "not a readable safetensors file"),
        (b'{"a":' * 100_000, "recursion"),
        (b'{"a":' + b"9" * 100_000 + b"}", "out of range"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, header: Any, words: str) -> None:
    path = written(tmp_path / "m.safetensors", header)
    with pytest.raises(WeightsError, match=words) as caught:
        weights.read_header(path)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("stored", "live"),
    [
        (torch.int64, torch.float32),
        (torch.float32, torch.int64),
        (torch.float64, torch.float32),
        (torch.uint8, torch.bool),
        (torch.int32, torch.int64),
    ],
)
def test_another_kind_of_number_is_refused(
    tmp_path: Path, stored: torch.dtype, live: torch.dtype
) -> None:
    path, tensor = tmp_path / "m.safetensors", torch.zeros(3, dtype=live)
    weights.save_tensors(path, {"a": torch.ones(3, dtype=stored)}, {}, half=False)
    with pytest.raises(WeightsError, match="of another dtype: a .*, expected "):
        weights.load_tensors(path, {"a": tensor})
    assert not tensor.any()


def test_short_floats_are_interchangeable(tmp_path: Path) -> None:
    kinds, path = (torch.float32, torch.float16, torch.bfloat16), tmp_path / "m.safetensors"
    for stored in kinds:
        weights.save_tensors(path, {"a": torch.tensor([0.5, -3.0], dtype=stored)}, {}, half=False)
        for live in kinds:
            tensor = torch.zeros(2, dtype=live)
            weights.load_tensors(path, {"a": tensor})
            assert (tensor.tolist(), tensor.dtype) == ([0.5, -3.0], live)


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def bound(path: Path) -> Path:
    """A socket, whose path must be short."""
    place = os.open(path.parent, os.O_RDONLY)
    socket.socket(socket.AF_UNIX).bind(f"/proc/self/fd/{place}/{path.name}")
    os.close(place)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def device(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


def piped(path: Path) -> Path:
    path.symlink_to(pipe(path.with_name("pipe")))
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (pipe, "a pipe"),
        (bound, "a socket"),
        (folder, "a folder"),
        (device, "a device"),
        (piped, "a pipe"),
    ],
)
@pytest.mark.parametrize(
    "reader",
    [
        weights.read_header,
        lambda path: weights.load_tensors(path, {"a": torch.zeros(1)}),
        lambda path: weights.read_config(path.parent),
        origin.read_origin,
    ],
)
def test_what_is_no_file_is_refused_without_waiting(
    tmp_path: Path, make: Callable[[Path], Path], words: str, reader: Callable[[Path], Any]
) -> None:
    path = make(tmp_path / "config.json")
    with pytest.raises(GanzooError, match=rf"config\.json: .*{words}, not a file"):
        reader(path)


def test_a_link_is_read_and_one_to_nowhere_is_no_file(tmp_path: Path) -> None:
    good = written(tmp_path / "good", {"a": A, "b": B})
    for name, target in {"m": good, "lost": tmp_path / "nothing"}.items():
        (tmp_path / name).symlink_to(target)
    assert weights.read_header(tmp_path / "m").tensors.keys() == {"a", "b"}
    with pytest.raises(WeightsError, match="no such file"):
        weights.read_header(tmp_path / "lost")


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    assert read_limited(tmp_path / "f", 5) == b"12345"
    with pytest.raises(OSError, match="longer than 4 bytes"):
        read_limited(tmp_path / "f", 4)
    with open_regular(tmp_path / "f") as file:
        assert file.read() == b"12345"


def test_json_keeps_its_meaning() -> None:
    assert decode_json(b' {"a": [1, 2.5, "x", null, true], "b": {"a": 1}}', dict[str, Any]) == {
        "a": [1, 2.5, "x", None, True],
        "b": {"a": 1},
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (json.dumps({**GOOD, "config": {"x": "y" * 1_000_000}}), "longer than 1,000,000 bytes"),
        ('{"config":' + '{"a":' * 100_000, "recursion"),
        (json.dumps(GOOD)[:-1] + ', "plugin": "y"}', "the key 'plugin' stands twice"),
        (
            json.dumps({**GOOD, "config": {"a": 1}}).replace('{"a": 1}', '{"a": 1, "a": 2}'),
            "the key 'a' stands twice",
        ),
        (json.dumps({**GOOD, "config": {"a": float("nan")}}), "malformed"),
        (json.dumps({**GOOD, "config": {"a": 1}}).replace("1}", "1e999}"), "out of range"),
        (json.dumps({**GOOD, "plugin": "x\n"}), "plugin"),
        (json.dumps({**GOOD, "plugin": "../x"}), "plugin"),
        (json.dumps({**GOOD, "plugin": "x" * 65}), "plugin"),
        (json.dumps({**GOOD, "distribution": "d\x1b[2J"}), "distribution"),
        (json.dumps({**GOOD, "version": "1" * 129}), "version"),
        (json.dumps({**GOOD, "networks": ["generator.0"]}), "networks"),
        (json.dumps({**GOOD, "networks": ["generator"] * 65}), "networks"),
        (json.dumps({**GOOD, "files": {"../model.safetensors": HASH}}), "files"),
        (json.dumps({**GOOD, "files": {"/etc/passwd": HASH}}), "files"),
        (json.dumps({**GOOD, "files": {".hidden": HASH}}), "files"),
    ],
)
def test_a_hostile_config_json_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / weights.CONFIG).write_text(text)
    with pytest.raises(WeightsError, match=rf"config\.json: .*{words}"):
        weights.read_config(tmp_path)
