"""Files that are damaged or made to deceive: each is refused by a GanzooError, or read as exactly what it says."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

import ganzoo
from ganzoo import files
from ganzoo.config import convert, plain
from ganzoo.errors import GanzooError
from ganzoo.sampling import bulk, origin
from ganzoo.sampling.assembly import model_config
from ganzoo.zoo import manifest, registry, weights
from tests import fuzzing
from tests.fuzzing import Number, says, strict

SPENT = 20_000
"""Mutations of the slow run."""
fast = settings(
    max_examples=150, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


def live() -> dict[str, Tensor]:
    return {
        "net.weight": torch.zeros(4, 3),
        "net.kernel": torch.zeros(2, 3, 2, 2),
        "net.bias": torch.zeros(4),
        "net.half": torch.zeros(2, 2, dtype=torch.bfloat16),
        "net.count": torch.tensor(0),
        "net.mask": torch.zeros(3, dtype=torch.bool),
        "net.none": torch.zeros(0, 5),
    }


class Zoo:
    """Good files of every kind, made once; each method takes a wrong one and says whether it was read."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.model = folder, folder / "model"
        torch.manual_seed(0)
        kinds = live()
        values = {
            name: torch.randn(tensor.shape).mul(9).to(tensor.dtype)
            for name, tensor in kinds.items()
        }
        weights.save_tensors(folder / "plain.safetensors", values, {"plugin": "x"})
        plugin = registry.get("tiny_class")
        gan = plugin.build(plugin.tiny)
        record = model_config(plugin, gan)
        files.write_json(self.model / weights.CONFIG, record)
        weights.save_tensors(
            self.model / weights.MODEL,
            weights.collect_tensors(gan, gan.ema),
            weights.build_metadata(record),
        )
        self.good = {
            name: (self.model / name).read_bytes() for name in (weights.CONFIG, weights.MODEL)
        }
        self.plain = (folder / "plain.safetensors").read_bytes()
        self.manifest = (manifest.home_folder() / "weights_manifest.json").read_bytes()
        job = bulk.write_bulk(
            ganzoo.load(self.model), folder / "bulk", 2, seed=3, inputs={"label": "cross"}
        )
        self.job = (Path(job) / "samples.json").read_bytes()
        self.png = (Path(job) / "000000.png").read_bytes()

    def tensors(self, data: bytes) -> bool:
        """A safetensors file; loaded, its tensors are what its bytes say."""
        path, into = self.folder / "wrong.safetensors", live()
        path.write_bytes(data)
        try:
            weights.load_tensors(path, into)
        except GanzooError:
            assert not any(tensor.any() for tensor in into.values()), (
                "something of a refused file was used"
            )
            return False
        for name, array in fuzzing.tensors(data).items():
            found = (
                into[name].float().numpy()
                if into[name].dtype == torch.bfloat16
                else into[name].numpy()
            )
            tensor = torch.from_numpy(array.copy()).to(into[name].dtype)
            told = tensor.float().numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()
            assert np.array_equal(found, told, equal_nan=found.dtype.kind == "f")
        return True

    def config(self, data: bytes) -> bool:
        """config.json; what is read is what it says, and the whole model loads or is refused."""
        (self.model / weights.CONFIG).write_bytes(data)
        try:
            found = weights.read_config(self.model)
        except GanzooError:
            return False
        assert says(strict(data), plain(found))
        return self.load(data, self.good[weights.MODEL])

    def load(self, config: bytes, model: bytes) -> bool:
        """A whole folder; loaded, its weights are what its bytes say and its settings what config.json says."""
        (self.model / weights.CONFIG).write_bytes(config)
        (self.model / weights.MODEL).write_bytes(model)
        try:
            found = ganzoo.load(self.model)
        except GanzooError:
            return False
        for name, array in fuzzing.tensors(model).items():
            tensor = found.gan.state_dict()[name]
            assert np.array_equal(
                tensor.numpy(), array.astype(tensor.numpy().dtype), equal_nan=True
            )
        return says(strict(config)["config"], plain(found.config))

    def models(self, data: bytes) -> bool:
        """A manifest."""
        try:
            found = manifest.parse_manifest(data, "manifest")
        except GanzooError:
            return False
        assert says(strict(data), plain(found))
        return True

    def record(self, data: bytes) -> bool:
        """samples.json of a bulk job."""
        (self.folder / "bulk" / "samples.json").write_bytes(data)
        try:
            found = bulk.read_record(self.folder / "bulk")
        except GanzooError:
            return False
        assert says(strict(data), whole(found))
        return True

    def picture(self, data: bytes) -> bool:
        """A PNG; the origin that is read is what one of its text entries says."""
        path = self.folder / "wrong.png"
        path.write_bytes(data)
        try:
            found = origin.read_origin(path)
        except GanzooError:
            return False
        assert any(says(strict(text), whole(found)) for text in fuzzing.texts(data))
        return True


def whole(struct: msgspec.Struct) -> dict[str, Any]:
    """A struct's fields, those that have their default included."""
    fields = msgspec.structs.asdict(struct)
    return {
        name: whole(value) if isinstance(value, msgspec.Struct) else value
        for name, value in fields.items()
    }


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


def wrong_tensors(zoo: Zoo, number: Number) -> bool:
    header, body = fuzzing.parts(zoo.plain)
    wrong = fuzzing.altered(header, number)
    return zoo.tensors(
        fuzzing.safetensors(wrong, body) if number(0, 2) else fuzzing.damaged(zoo.plain, number)
    )


def wrong_weights(zoo: Zoo, number: Number) -> bool:
    header, body = fuzzing.parts(zoo.good[weights.MODEL])
    wrong = fuzzing.altered(header, number)
    data = (
        fuzzing.safetensors(wrong, body)
        if number(0, 2)
        else fuzzing.damaged(zoo.good[weights.MODEL], number)
    )
    return zoo.load(zoo.good[weights.CONFIG], data)


def wrong_json(good: bytes, number: Number) -> bytes:
    return (
        fuzzing.altered(json.loads(good), number) if number(0, 3) else fuzzing.damaged(good, number)
    )


def wrong_config(zoo: Zoo, number: Number) -> bool:
    return zoo.config(wrong_json(zoo.good[weights.CONFIG], number))


def wrong_manifest(zoo: Zoo, number: Number) -> bool:
    return zoo.models(wrong_json(zoo.manifest, number))


def wrong_record(zoo: Zoo, number: Number) -> bool:
    return zoo.record(wrong_json(zoo.job, number))


def wrong_picture(zoo: Zoo, number: Number) -> bool:
    if number(0, 1):
        return zoo.picture(fuzzing.damaged(zoo.png, number))
    with Image.open(BytesIO(zoo.png)) as image:
        told = fuzzing.altered(json.loads(image.info["ganzoo"]), number)
    entry = (b"tEXt", b"ganzoo\0" + told) if number(0, 1) else (b"iTXt", b"ganzoo\0\0\0\0\0" + told)
    head, rest = zoo.png[16:29], zoo.png[zoo.png.index(b"IDAT") - 4 :]
    return zoo.picture(fuzzing.png([(b"IHDR", head), entry]) + rest)


PROPERTIES: list[Callable[[Zoo, Number], bool]] = [
    wrong_tensors, wrong_weights, wrong_config, wrong_manifest, wrong_record, wrong_picture
]  # fmt: skip


@pytest.mark.parametrize("wrong", PROPERTIES, ids=lambda wrong: wrong.__name__)
@fast
@given(data=st.data())
def test_a_wrong_file_is_refused_or_read_as_it_is(
    zoo: Zoo, wrong: Callable[[Zoo, Number], bool], data: st.DataObject
) -> None:
    wrong(zoo, lambda low, high: data.draw(st.integers(low, high)))


def test_good_files_are_read(zoo: Zoo) -> None:
    """Else all the others would pass for nothing."""
    assert zoo.tensors(zoo.plain)
    assert zoo.config(zoo.good[weights.CONFIG])
    assert zoo.load(zoo.good[weights.CONFIG], zoo.good[weights.MODEL])
    assert zoo.models(zoo.manifest)
    assert zoo.record(zoo.job)
    assert zoo.picture(zoo.png)
    assert convert(
        json.loads(zoo.good[weights.CONFIG])["config"], registry.get("tiny_class").config, "x"
    )


def spend(folder: Path, mutations: int) -> dict[str, Any]:
    """Many mutations, in this process; how many of each kind were read, and by how much memory grew."""
    import resource

    zoo, random_, read = Zoo(folder), random.Random(0), Counter[str]()
    for wrong in PROPERTIES:
        wrong(zoo, random_.randint)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for turn in range(mutations):
        wrong = PROPERTIES[turn % len(PROPERTIES)]
        read[wrong.__name__] += wrong(zoo, random_.randint)
    return {
        "read": read,
        "grown": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10,
    }


@pytest.mark.slow
def test_many_wrong_files(tmp_path: Path) -> None:
    """None is read wrongly, none makes the process grow, of files that could ask for terabytes."""
    program = (
        "import json, sys; sys.path[:0] = sys.argv[1].split(':'); from pathlib import Path; import test_fuzz\n"
        "print(json.dumps(test_fuzz.spend(Path(sys.argv[2]), int(sys.argv[3]))))"
    )
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", program, f"{here}:{here / 'tiny'}", str(tmp_path), str(SPENT)], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    each = SPENT // len(PROPERTIES)
    print(found)
    assert all(0 < found["read"][wrong.__name__] < 0.9 * each for wrong in PROPERTIES), found
    assert found["grown"] < 64 << 20, found
