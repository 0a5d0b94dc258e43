"""Many samples on disk: what is written, how it goes on after a kill, and what is refused."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo import load
from ganzoo.errors import GanzooError, OutputExists, RunError, UsageError
from ganzoo.pictures.images import to_uint8
from ganzoo.sampling import bulk, origin, shards

RUN = [sys.executable, "-c", "from ganzoo.cli.app import main; main()"]


@pytest.fixture(scope="module")
def model() -> Any:
    return load("dcgan-mnist", device="cpu")


def digits(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix == ".png"
    }


def test_a_folder(model: Any, tmp_path: Path) -> None:
    seen: list[int] = []
    assert model.write(tmp_path / "x", 100, seed=7, batch_size=24, progress=seen.append) == str(
        tmp_path / "x"
    )
    assert sum(seen) == 100
    whole = to_uint8(model.sample(100, seed=7).tensor)
    for row in (0, 23, 24, 99):
        path = tmp_path / "x" / f"{row:06d}.png"
        assert abs(np.asarray(Image.open(path)).astype(int) - whole[row, ..., 0]).max() <= 2, (
            "batches of another size round alike"
        )
        told = origin.read_origin(path)
        assert (told.seed, told.row, told.n, told.model) == (7, row, 100, "dcgan-mnist")
    assert json.loads((tmp_path / "x" / "samples.json").read_text())["done"] == 100


def test_shards_as_webdataset_reads_them(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 40)
    shown = bulk.write_bulk(model, tmp_path / "x.tar", 100, seed=7)
    assert shown == str(tmp_path / "x-{000000..000002}.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *(f"x-00000{i}.tar" for i in range(3)),
        "x.samples.json",
    ]
    rows = []
    for number in range(3):
        with tarfile.open(tmp_path / f"x-00000{number}.tar") as shard:
            names = shard.getnames()
            assert names[::2] == [name.replace(".json", ".png") for name in names[1::2]], (
                "files of one row lie together"
            )
            for name in names[::2]:
                picture = Image.open(io.BytesIO(shard.extractfile(name).read()))  # type: ignore[union-attr]
                rows.append(np.asarray(picture).astype(int))
                told = json.loads(shard.extractfile(name.replace(".png", ".json")).read())  # type: ignore[union-attr]
                assert told["row"] == int(name[:6])
    assert abs(np.stack(rows) - to_uint8(model.sample(100, seed=7).tensor)[..., 0]).max() <= 2


@pytest.mark.parametrize("target", ["x", "x.tar"])
def test_going_on_gives_the_same_bytes(
    model: Any, tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 40)
    bulk.write_bulk(model, tmp_path / "whole" / target, 100, seed=7, batch_size=20)

    class Stop(Exception):
        pass

    def stop_at(rows: list[int]) -> Any:
        def count(n: int) -> None:
            rows[0] += n
            if rows[0] >= 60:
                raise Stop

        return count

    monkeypatch.setattr(bulk, "RECORD_SECONDS", 0)
    with pytest.raises(Stop):
        bulk.write_bulk(
            model, tmp_path / "cut" / target, 100, seed=7, batch_size=20, progress=stop_at([0])
        )
    assert not list(tmp_path.rglob("*.tmp"))
    assert 20 <= bulk.read_record(tmp_path / "cut" / target).done < 100
    bulk.write_bulk(model, tmp_path / "cut" / target, 100, seed=7, batch_size=20, resume=True)
    files = {
        path.relative_to(tmp_path / "whole"): path
        for path in (tmp_path / "whole").rglob("*")
        if path.is_file()
    }
    again = {
        path.relative_to(tmp_path / "cut"): path
        for path in (tmp_path / "cut").rglob("*")
        if path.is_file()
    }
    assert files.keys() == again.keys()
    assert all(path.read_bytes() == again[name].read_bytes() for name, path in files.items())


def test_more_of_the_same(model: Any, tmp_path: Path) -> None:
    bulk.write_bulk(model, tmp_path / "x", 30, seed=7, batch_size=10)
    kept = digits(tmp_path / "x")
    bulk.write_bulk(model, tmp_path / "x", 50, seed=7, batch_size=10, resume=True)
    grown = digits(tmp_path / "x")
    assert len(grown) == 50
    assert all(grown[name] == data for name, data in kept.items())
    with pytest.raises(RunError, match="that is fewer"):
        bulk.write_bulk(model, tmp_path / "x", 40, seed=7, resume=True)
    with pytest.raises(RunError, match="started with seed 7"):
        bulk.write_bulk(model, tmp_path / "x", 50, seed=8, resume=True)


def test_inputs_too_long_to_be_recorded_are_told_apart(model: Any) -> None:
    latent = torch.randn(900, model.config.latent)
    told = origin.record_inputs({"latent": latent}, model.inputs)
    assert len(str(told)) < 200
    assert origin.find_difference(told, {"latent": latent.clone()}, model.inputs) is None
    assert origin.find_difference(told, {"latent": latent + 1}, model.inputs) == "latent"


def test_what_is_in_the_way(model: Any, tmp_path: Path) -> None:
    bulk.write_bulk(model, tmp_path / "x", 3, seed=7)
    with pytest.raises(OutputExists, match="--resume continues"):
        bulk.write_bulk(model, tmp_path / "x", 3, seed=7)
    bulk.write_bulk(model, tmp_path / "x", 3, seed=8, force=True)
    assert origin.read_origin(tmp_path / "x" / "000000.png").seed == 8
    with pytest.raises(OutputExists, match="it holds other files"):
        bulk.write_bulk(model, tmp_path / "x", 2, seed=8, force=True)
    (tmp_path / "x" / "thesis.txt").write_text("precious")
    with pytest.raises(OutputExists, match="it holds other files"):
        bulk.write_bulk(model, tmp_path / "x", 3, seed=8, force=True)
    bulk.write_bulk(model, tmp_path / "y.tar", 3, seed=7)
    with pytest.raises(OutputExists):
        bulk.write_bulk(model, tmp_path / "y.tar", 3, seed=7)
    bulk.write_bulk(model, tmp_path / "y.tar", 3, seed=7, force=True)
    with pytest.raises(RunError, match="nothing|no samples"):
        bulk.write_bulk(model, tmp_path / "new", 3, seed=7, resume=True)
    (tmp_path / "y.samples.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        bulk.write_bulk(model, tmp_path / "y.tar", 3, seed=7, resume=True)


@pytest.mark.parametrize("name", ["x", "x.tar"])
def test_a_place_that_cannot_be_written(model: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GanzooError, match=f"file/{name} cannot be written"):
        bulk.write_bulk(model, tmp_path / "file" / name, 3, seed=7)


def test_points_are_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not images"):
        bulk.write_bulk(load("vanilla-sine", device="cpu"), tmp_path / "x", 3, seed=7)


def test_killed_and_gone_on(tmp_path: Path) -> None:
    """A real process, killed; the same command with --resume; and the same again uncut."""
    words = ["sample", "vanilla-mnist", "--seed", "3", "-n"]
    child = subprocess.Popen(
        [*RUN, *words, "100000", "-o", "x"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while (
        not (tmp_path / "x" / "000500.png").exists()
        and child.poll() is None
        and time.monotonic() < deadline
    ):
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    made = len(digits(tmp_path / "x"))
    assert 500 <= made < 100_000
    job = json.loads((tmp_path / "x" / "samples.json").read_text())
    assert job["done"] <= made
    job["origin"]["n"] = made + 300  # the rest of a hundred thousand would prove no more
    (tmp_path / "x" / "samples.json").write_text(json.dumps(job))
    subprocess.run(
        [*RUN, "sample", "--resume", "-o", "x"], cwd=tmp_path, check=True, capture_output=True
    )
    subprocess.run(
        [*RUN, *words, str(made + 300), "-o", "y"], cwd=tmp_path, check=True, capture_output=True
    )
    cut, whole = digits(tmp_path / "x"), digits(tmp_path / "y")
    assert cut.keys() == whole.keys()
    for name, data in whole.items():
        assert (
            np.asarray(Image.open(io.BytesIO(cut[name])))
            == np.asarray(Image.open(io.BytesIO(data)))
        ).all()


def test_memory_does_not_grow(tmp_path: Path) -> None:
    """Ten times the rows, and not a tenth more memory at the peak."""
    code = (
        "import resource, sys; from pathlib import Path; from ganzoo import load; from ganzoo.sampling import bulk; "
        "bulk.write_bulk(load('vanilla-mnist', device='cpu'), Path(sys.argv[1]), int(sys.argv[2]), seed=0); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def peak(name: str, n: int) -> int:
        done = subprocess.run(
            [sys.executable, "-c", code, name, str(n)],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        return int(done.stdout)

    assert peak("many.tar", 6_000) < 1.1 * peak("few.tar", 600)


def test_a_full_disk(tmp_path: Path, tmpfs: Callable[[Path, str], Path]) -> None:
    mounted = tmpfs(tmp_path / "small", "256k")
    done = subprocess.run(
        [*RUN, "sample", "vanilla-mnist", "-n", "3000", "--seed", "1", "-o", mounted / "x.tar"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert [path.name for path in mounted.iterdir()] == ["x.samples.json"], "nothing half-written"
