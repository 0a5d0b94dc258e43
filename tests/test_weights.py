"""Weights as bytes: strict, atomic, never a pickle."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from ganzoo import files
from ganzoo.config import convert
from ganzoo.errors import WeightsError
from ganzoo.sampling.assembly import model_config
from ganzoo.zoo import registry, weights


def tensors() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {
        "net.weight": torch.randn(4, 3),
        "net.kernel": torch.randn(2, 3, 5, 5).to(memory_format=torch.channels_last),
        "net.bias": torch.randn(4),
        "net.count": torch.tensor(7),
    }


def empty(like: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.zeros_like(tensor) for name, tensor in like.items()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    weights.save_tensors(path, tensors(), {"plugin": "x"}, half=False)
    return path


def with_header(path: Path, header: Any, body: bytes = b"") -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + body)
    return path


def test_round_trip_is_exact_and_keeps_the_live_tensors(path: Path) -> None:
    live = empty(tensors())
    addresses = {name: tensor.data_ptr() for name, tensor in live.items()}
    weights.load_tensors(path, live)
    for name, tensor in tensors().items():
        assert torch.equal(live[name], tensor)
        assert live[name].dtype == tensor.dtype
        assert live[name].stride() == tensor.stride()
        assert live[name].data_ptr() == addresses[name]


def test_half_storage_is_for_matrices_only(tmp_path: Path) -> None:
    path, given = tmp_path / "m.safetensors", tensors()
    given["net.large"] = torch.full((2, 2), 1e6)  # not finite as float16
    weights.save_tensors(path, given, {})
    dtypes = {name: tensor.dtype for name, tensor in load_file(path).items()}
    assert dtypes == {
        "net.weight": torch.float16,
        "net.kernel": torch.float16,
        "net.bias": torch.float32,
        "net.count": torch.int64,
        "net.large": torch.float32,
    }
    live = empty(given)
    weights.load_tensors(path, live)
    assert torch.equal(live["net.weight"], given["net.weight"].half().float())
    assert torch.equal(live["net.large"], given["net.large"])


def test_the_header_is_read_without_torch(path: Path) -> None:
    header = weights.read_header(path)
    assert header.metadata == {"format": "pt", "plugin": "x"}
    assert header.tensors["net.kernel"] == ("F32", (2, 3, 5, 5))
    assert header.tensors["net.count"] == ("I64", ())
    program = (
        "import sys; from pathlib import Path; from ganzoo.zoo.weights import read_header\n"
        "print(len(read_header(Path(sys.argv[1])).tensors), 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "4 False\n"


def refused(path: Path, into: dict[str, Tensor], *words: str) -> None:
    """Loading fails with these words, and the live tensors are what they were."""
    before = {name: tensor.clone() for name, tensor in into.items()}
    with pytest.raises(WeightsError) as caught:
        weights.load_tensors(path, into)
    assert str(caught.value).startswith(f"{path}: ")
    for word in words:
        assert word in str(caught.value)
    assert all(torch.equal(before[name], tensor) for name, tensor in into.items())


def test_missing_unexpected_and_ill_shaped_names_are_all_listed(path: Path) -> None:
    live = empty(tensors())
    live["net.more"] = live.pop("net.bias")
    live["net.weight"] = torch.zeros(3, 4)
    refused(
        path,
        live,
        "missing: net.more",
        "unexpected: net.bias",
        "of another shape: net.weight [4, 3], expected [3, 4]",
    )


def test_long_lists_are_cut(path: Path) -> None:
    live = {**empty(tensors()), **{f"extra.{number}": torch.zeros(1) for number in range(10)}}
    refused(path, live, "extra.5 and 4 more")


@pytest.mark.parametrize("size", [0, 4, 8, 100, -1])
def test_a_cut_file_is_refused(path: Path, size: int) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:size])
    refused(path, empty(tensors()), "cut short" if size != 100 else "safetensors")


def test_a_longer_file_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")
    refused(path, empty(tensors()), "altered")


@pytest.mark.parametrize(
    "header",
    [
        b"\x80\x04not json",
        [],
        {"net.weight": 3},
        {"net.weight": {"dtype": "F32", "shape": [1]}},
        {"net.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0]}},
    ],
)
def test_a_foreign_header_is_refused(tmp_path: Path, header: Any) -> None:
    refused(with_header(tmp_path / "m.safetensors", header), {}, "not a readable safetensors file")


def test_offsets_that_overlap_are_refused(tmp_path: Path) -> None:
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    path = with_header(tmp_path / "m.safetensors", {"a": entry, "b": entry}, b"\0" * 4)
    refused(path, {"a": torch.ones(1), "b": torch.ones(1)})


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    torch.save(tensors(), tmp_path / "model.pt")
    refused(tmp_path / "model.pt", empty(tensors()), "safetensors")


def test_a_header_longer_than_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", weights.HEADER_LIMIT + 1))
        file.truncate(weights.HEADER_LIMIT + 100)
    refused(path, {}, "not a safetensors file")


def test_no_file(tmp_path: Path) -> None:
    refused(tmp_path / "none.safetensors", {}, "no such file")


def fail_half_way(path: Path) -> None:
    with files.replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError("half-way")


def test_a_failed_save_leaves_the_old_file(path: Path) -> None:
    old = path.read_bytes()
    with pytest.raises(TypeError):
        weights.save_tensors(path, tensors(), {"steps": 3})  # type: ignore[dict-item]
    with pytest.raises(RuntimeError, match="half-way"):
        fail_half_way(path)
    assert path.read_bytes() == old
    assert list(path.parent.iterdir()) == [path]


def test_a_killed_save_leaves_the_old_file(path: Path) -> None:
    old = path.read_bytes()
    program = (
        "import os, sys; from pathlib import Path; from ganzoo.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary: temporary.write_bytes(b'half'); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False).returncode == 9
    assert path.read_bytes() == old


def test_saving_makes_the_folder(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a" / "b" / "c.json", {"x": 1})
    assert (tmp_path / "a" / "b" / "c.json").read_text() == '{\n  "x": 1\n}\n'


def test_networks_are_live_and_named_as_published() -> None:
    plugin = registry.get("tiny_unpaired")
    gan = plugin.build(plugin.tiny)
    found = weights.collect_tensors(gan, gan.ema)
    assert next(iter(found)) == "a_to_b.0.weight"
    assert {name.partition(".")[0] for name in found} == {"a_to_b", "b_to_a"}
    assert found["a_to_b.0.weight"].data_ptr() == gan.get_submodule("a_to_b.0").weight.data_ptr()


def test_config_json(tmp_path: Path) -> None:
    plugin = registry.get("tiny_class")
    recorded = model_config(plugin, plugin.build(plugin.tiny))
    files.write_json(tmp_path / weights.CONFIG, recorded)
    found = weights.read_config(tmp_path)
    assert (found.plugin, found.distribution, found.version, found.networks) == (
        "tiny_class",
        "ganzoo-tiny",
        "0.1",
        ["generator"],
    )
    assert found.config["classes"] == ["circle", "cross", "square"]
    assert convert(found.config, plugin.config, "config.json") == plugin.tiny
    assert json.loads(weights.build_metadata(recorded)["config"]) == found.config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"extra": 1}, "unknown field `extra`"),
        ({"plugin": 3}, "Expected `str`"),
        ({"format": 2}, "format 2 of library 'ganzoo'"),
        ({"library_name": "timm"}, "format 1 of library 'timm'"),
    ],
)
def test_a_foreign_config_json_is_refused(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    good = {
        "plugin": "x",
        "distribution": "d",
        "version": "1",
        "networks": ["generator"],
        "config": {},
    }
    (tmp_path / weights.CONFIG).write_text(json.dumps({**good, **change}))
    with pytest.raises(WeightsError) as caught:
        weights.read_config(tmp_path)
    assert words in str(caught.value)


def test_no_or_broken_config_json(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not a folder of a ganzoo model"):
        weights.read_config(tmp_path)
    (tmp_path / weights.CONFIG).write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json: "):
        weights.read_config(tmp_path)
