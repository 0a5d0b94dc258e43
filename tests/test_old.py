"""What commit 2e7185f wrote can still be read: runs, models, pictures, checkpoints, options.

Nothing here looks inside the package: files are read by `ganzoo.load`, `ganzoo.train`,
`ganzoo.finetune` and `python -m ganzoo`, so that these tests need no change when modules move.
tests/fixtures/old/README.md tells how the files were made.
"""

from __future__ import annotations

import hashlib
import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

import ganzoo

ROOT = Path(__file__).resolve().parent.parent
OLD = Path(__file__).resolve().parent / "fixtures" / "old"
PICTURES = str(OLD / "data" / "pictures")
CPU: dict[str, Any] = {"device": "cpu", "precision": "fp32"}
LEVEL = 2 / 255
"""One grey level: by so much another processor may round a picture differently."""
TIMES = {"seconds", "date", "machine", "torch", "version"}
"""What a record says of where and when, and not of what."""
DTYPES = {"F16": torch.float16, "F32": torch.float32, "I64": torch.int64}
RATES = {"lr_generator": "0.01", "lr_discriminator": "0.01"}
BEFORE_DIGITS = {"hidden": "0", "start": "convolution", "real_target": "1", "slope": "0.2"}
"""What dcgan took by itself at 28 pixels, before it took the settings of its preset `digits`."""
NEW_SETTINGS = {"dcgan": {"hidden": 0, "new_latent": False, "norm_scale": "normal"}}
"""Settings that plugins have gained since, with the values that mean what they did before."""
BEGUN: dict[str, Callable[..., Path]] = {
    "points": partial(
        ganzoo.train,
        "vanilla",
        "sine",
        settings={"generator": "8", "discriminator": "8", "dropout": "0.3", "ema": "0.9", **RATES},
    ),
    "pictures": partial(
        ganzoo.train,
        "dcgan",
        PICTURES,
        settings={"width": "4", "latent": "4", "ema": "0.9", **RATES, **BEFORE_DIGITS},
        augment="color,translation",
    ),
}
"""How cut/points and cut/pictures were begun."""
Command = Callable[..., str]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """`python -m ganzoo` in an empty folder, within this process; gives what it printed."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> str:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["ganzoo", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("ganzoo", run_name="__main__")
        told = capsys.readouterr()
        assert ended.value.code in (0, None), told.err
        return told.out

    return call


class Stop:
    """A reporter that ends a run after some steps, as Ctrl-C does."""

    def __init__(self, at: int) -> None:
        self.at = at

    def row(self, row: Mapping[str, Any]) -> None:
        if row["step"] == self.at:
            raise KeyboardInterrupt

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def copied(name: str, folder: Path) -> Path:
    """A copy of a part of the fixture, to be changed."""
    return Path(shutil.copytree(OLD / name, folder / Path(name).name))


def read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def read_rows(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if k != "images_per_second"} for line in lines
    ]


def read_position(folder: Path) -> dict[str, Any]:
    with safe_open(folder / "checkpoint.safetensors", "pt") as file:
        return dict(json.loads(file.metadata()["position"]))


def read_levels(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int16)


def differ(one: Path, other: Path) -> float:
    """How many grey levels two pictures are apart, at worst."""
    assert read_levels(one).shape == read_levels(other).shape
    return float(abs(read_levels(one) - read_levels(other)).max())


def digest(tensors: Mapping[str, Tensor]) -> str:
    """sha256 over names and bytes, in order of the names."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(name.encode() + b"\0" + tensors[name].contiguous().numpy().tobytes())
    return total.hexdigest()


def are_equal(one: Path, other: Path) -> bool:
    """Whether two safetensors files hold the same tensors, bit for bit."""
    return digest(load_file(one)) == digest(load_file(other))


def are_close(one: Path, other: Path, tolerance: float = 2e-3) -> bool:
    found, expected = load_file(one), load_file(other)
    assert found.keys() == expected.keys()
    pairs = [(found[key].double(), expected[key].double()) for key in expected]
    return all(torch.allclose(a, b, rtol=tolerance, atol=tolerance) for a, b in pairs)


def says(record: Mapping[str, Any], expected: Mapping[str, Any], *but: str) -> None:
    """A record holds all that an older one does, with the same values."""
    kept = {key: value for key, value in expected.items() if key not in TIMES | set(but)}
    assert {key: record.get(key) for key in kept} == kept


def says_config(path: Path, expected: Mapping[str, Any]) -> None:
    """A config.json holds what an older one does; settings that are new since change nothing."""
    settings = {**NEW_SETTINGS.get(expected["plugin"], {}), **expected["config"]}
    says(read_json(path), {**expected, "config": settings})


@pytest.mark.parametrize("name", ["points", "pictures", "phases", "tuned"])
def test_a_cut_run_goes_on(name: str, tmp_path: Path) -> None:
    """To within rounding anywhere, and bit for bit where the machine and torch are those that began it."""
    run, end = copied(f"cut/{name}", tmp_path), OLD / "cut" / f"{name}-end"
    position, last = read_position(run), read_json(end / "run.json")
    assert read_json(run / "run.json")["done"] is False
    assert read_rows(run)[-1]["step"] == read_rows(end)[-1]["step"] - 3
    data: dict[str, Any] = {} if name == "points" else {"data": PICTURES}
    assert ganzoo.train(out=run, resume=True, device="cpu", **data) == run
    record = read_json(run / "run.json")
    says(record, last)
    for file in ("model.safetensors", "training.safetensors"):
        assert are_close(run / file, end / file), file
    assert not are_close(OLD / "cut" / name / "model.safetensors", run / "model.safetensors", 4e-3)
    for row, expected in zip(read_rows(run), read_rows(end), strict=True):
        assert row.pop("phase") == expected.pop("phase")
        assert row == pytest.approx(expected, rel=1e-2, abs=1e-3)
    if (record["machine"], record["torch"]) == (position["machine"], position["torch"]):
        checkpoint = digest(load_file(run / "checkpoint.safetensors"))
        assert checkpoint == read_json(end / "sha256.json")["checkpoint"]
        assert are_equal(run / "model.safetensors", end / "model.safetensors")


@pytest.mark.parametrize("name", list(BEGUN))
def test_a_resumed_run_is_one_that_was_never_cut(name: str, tmp_path: Path) -> None:
    """The whole run made now, one cut and resumed now, and the old one resumed, bit for bit."""
    options: dict[str, Any] = {
        "steps": 10,
        "checkpoint_every": 5,
        "seed": 3,
        "batch_size": 4,
        "sample_every": 0,
        "log_every": 1,
        **CPU,
    }
    whole = BEGUN[name](out=tmp_path / "whole", **options)
    with pytest.raises(KeyboardInterrupt):
        BEGUN[name](out=tmp_path / "now", reporter=Stop(7), **options)
    old, now = copied(f"cut/{name}", tmp_path / "old"), tmp_path / "now"
    begun_alike = are_equal(old / "checkpoint.safetensors", now / "checkpoint.safetensors")
    ganzoo.train(out=now, resume=True, device="cpu")
    assert are_equal(now / "checkpoint.safetensors", whole / "checkpoint.safetensors")
    assert are_equal(now / "model.safetensors", whole / "model.safetensors")
    assert read_rows(now) == read_rows(whole)
    position = read_position(OLD / "cut" / name)
    here = read_json(whole / "run.json")
    assert begun_alike or (here["machine"], here["torch"]) != (
        position["machine"],
        position["torch"],
    )
    if begun_alike:
        ganzoo.train(
            out=old, resume=True, device="cpu", data=None if name == "points" else PICTURES
        )
        assert are_equal(old / "checkpoint.safetensors", whole / "checkpoint.safetensors")
        assert are_equal(old / "training.safetensors", whole / "training.safetensors")


def test_a_run_finds_its_data_by_itself(tmp_path: Path) -> None:
    """local.json says where the data lie; other data are refused by their digest."""
    run = copied("cut/pictures", tmp_path)
    assert read_json(run / "local.json")["data"] == "/old/data/pictures"
    with pytest.raises(ganzoo.GanzooError, match="/old/data/pictures"):
        ganzoo.train(out=run, resume=True, device="cpu")
    other = Path(shutil.copytree(PICTURES, tmp_path / "other"))
    (other / "00.png").rename(other / "0.png")
    with pytest.raises(ganzoo.GanzooError, match="other data"):
        ganzoo.train(out=run, resume=True, device="cpu", data=str(other))
    local = (run / "local.json").read_text("utf-8").replace("/old", str(OLD))
    (run / "local.json").write_text(local, "utf-8")
    ganzoo.train(out=run, resume=True, device="cpu")
    assert read_json(run / "run.json")["done"] is True


def test_a_finished_run_draws_what_it_drew(command: Command) -> None:
    expected = torch.from_numpy(np.load(OLD / "finished.npz")["sample"]).float()
    model = ganzoo.load(OLD / "finished", **CPU)
    assert float((model.sample(4, seed=5).tensor - expected).abs().max()) < LEVEL
    assert expected.std() > 0.1
    words = ("--columns", 3, "--seed", 5, "--device", "cpu", "--precision", "fp32")
    command("sample", OLD / "finished", "-n", 6, *words, "-o", "again.png")
    assert differ(Path("again.png"), OLD / "sample.png") <= 1
    with Image.open("again.png") as new, Image.open(OLD / "sample.png") as old:
        told, before = (json.loads(image.info["ganzoo"]) for image in (new, old))
    says(told, before, "device")


def test_info_tells_of_finished_runs(command: Command) -> None:
    for name in ("finished", "tuned"):
        found = json.loads(command("info", OLD / name, "--json"))
        config = read_json(OLD / name / "config.json")
        says(found, config)
        assert found["run"] == read_json(OLD / name / "run.json")
        assert "latent" in found["inputs"]
    assert found["run"]["parent"] == {
        "name": "finished",
        "repository": None,
        "revision": None,
        "sha256": hashlib.sha256((OLD / "finished" / "model.safetensors").read_bytes()).hexdigest(),
    }


def test_a_finished_run_is_made_longer(tmp_path: Path) -> None:
    run = copied("finished", tmp_path)
    ganzoo.train(out=run, resume=True, steps=8, device="cpu", data=PICTURES)
    record = read_json(run / "run.json")
    assert (record["phases"], record["done"]) == ({"train": 8}, True)
    assert read_rows(run)[:6] == read_rows(OLD / "finished")
    assert [row["step"] for row in read_rows(run)] == list(range(1, 9))


def test_finished_runs_are_fine_tuned(tmp_path: Path) -> None:
    """training.safetensors is read: frozen layers of the critic come out as they were."""
    for name in ("finished", "tuned"):
        run = ganzoo.finetune(
            OLD / name, PICTURES, out=tmp_path / name, steps=1, batch_size=4, freeze=2, **CPU
        )
        before, after = (load_file(folder / "training.safetensors") for folder in (OLD / name, run))
        kept = [key for key in before if torch.equal(before[key], after[key])]
        assert kept
        assert len(kept) < len(before)
        assert all(
            ".layers.0." in key or ".layers.2." in key or ".layers.3." in key for key in kept
        )
        assert read_json(run / "run.json")["parent"]["name"] == name


@pytest.mark.parametrize(
    ("picture", "model", "more"),
    [
        ("sample.png", "finished", ()),
        ("rows/000003.png", "finished", ()),
        ("sentence.png", "models/stackgan", ()),
        ("photo.png", "models/siamese", ("--image", OLD / "data" / "photo.png")),
    ],
)
def test_pictures_are_replayed(
    picture: str, model: str, more: tuple[object, ...], command: Command
) -> None:
    words = ("--model", OLD / model, "--device", "cpu", "-o", "again.png", *more)
    assert command("replay", OLD / picture, *words) == "again.png\n"
    assert differ(Path("again.png"), OLD / picture) <= 1
    assert read_levels(Path("again.png")).std() > 5


def test_a_stopped_folder_of_samples_goes_on(command: Command, tmp_path: Path) -> None:
    rows = copied("rows", tmp_path)
    assert read_json(rows / "samples.json")["done"] == 2
    before = (rows / "000000.png").stat().st_mtime_ns
    command("sample", OLD / "finished", "--resume", "--device", "cpu", "-o", rows)
    assert sorted(p.name for p in rows.glob("*.png")) == [f"{n:06d}.png" for n in range(5)]
    assert read_json(rows / "samples.json")["done"] == 5
    assert (rows / "000000.png").stat().st_mtime_ns == before
    drawn = ganzoo.load(OLD / "finished", **CPU).sample(5, seed=5).images()
    for number, image in enumerate(drawn):
        found = read_levels(rows / f"{number:06d}.png")
        assert abs(found - np.asarray(image.convert("RGB"), dtype=np.int16)).max() <= 1


def as_given(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs of a model, files by their place here."""
    return {k: str(OLD / v) if str(v).startswith("data/") else v for k, v in inputs.items()}


MODELS = read_json(OLD / "models" / "inputs.json")


def test_there_is_a_model_of_every_architecture() -> None:
    of = {read_json(OLD / "models" / name / "config.json")["plugin"] for name in MODELS}
    ours = {name for name in ganzoo.list_plugins() if not name.startswith("tiny")}
    assert len(of) == 11
    assert of <= ours


@pytest.mark.parametrize("name", list(MODELS))
def test_models_draw_what_they_drew(name: str) -> None:
    folder = OLD / "models" / name
    config = read_json(folder / "config.json")
    model = ganzoo.load(folder, **CPU)
    assert model.plugin.name == config["plugin"]
    assert msgspec.to_builtins(model.config).items() >= as_read(config["config"]).items()
    made = model.sample(2, seed=7, **as_given(MODELS[name])).tensor
    expected = torch.from_numpy(np.load(folder / "sample.npz")["sample"]).float()
    assert made.shape == expected.shape
    assert float((made - expected).abs().max()) < LEVEL
    assert not torch.equal(made[0], made[1]) or "image" in MODELS[name]


def as_read(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they are told of a configuration, in which lists cannot be changed."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}


SHAPES = read_json(OLD / "shapes.json")


@pytest.mark.parametrize("name", list(SHAPES))
def test_published_configurations_build_the_same_networks(name: str, tmp_path: Path) -> None:
    """Loading is strict: it fails for one name or one shape that is not as it was."""
    shutil.copyfile(OLD / "configs" / f"{name}.json", tmp_path / "config.json")
    tensors = {
        key: torch.zeros(shape, dtype=DTYPES[dtype]) for key, (dtype, shape) in SHAPES[name].items()
    }
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    config = read_json(tmp_path / "config.json")
    model = ganzoo.load(tmp_path, **CPU)
    assert model.plugin.name == config["plugin"]
    assert msgspec.to_builtins(model.config).items() >= as_read(config["config"]).items()


def test_an_old_checkpoint_is_imported_as_before(command: Command) -> None:
    told = command("import", OLD / "import" / "dcgan.pth", "--as", "dcgan", "-o", "new", "--json")
    assert {row["new"] for row in json.loads(told)["map"]} >= {"generator.layers.0.weight"}
    says_config(Path("new/config.json"), read_json(OLD / "import" / "config.json"))
    for file, expected in read_json(OLD / "import" / "sha256.json").items():
        found = load_file(Path("new", file))
        assert {
            k: hashlib.sha256(t.numpy().tobytes()).hexdigest() for k, t in found.items()
        } == expected
    drawn = np.load(OLD / "import" / "drawn.npz")
    model = ganzoo.load("./new", **CPU)
    made = model.gan.sample({"latent": torch.from_numpy(drawn["latent"])}).detach()
    expected_rows = torch.from_numpy(drawn["sample"]).float()
    assert float((made - expected_rows).abs().max()) < LEVEL


@pytest.mark.parametrize("verb", ["train", "finetune"])
def test_a_file_of_options_leads_to_the_same_record(verb: str, command: Command) -> None:
    Path("data").symlink_to(OLD / "data")
    Path("finished").symlink_to(OLD / "finished")
    command(verb, "--config", OLD / "toml" / f"{verb}.toml", "--out", f"toml/{verb}")
    made = Path("toml", verb)
    says(read_json(made / "run.json"), read_json(OLD / "toml" / f"{verb}.run.json"))
    says_config(made / "config.json", read_json(OLD / "toml" / f"{verb}.config.json"))


def test_the_manifest_fits_its_schema(command: Command) -> None:
    schema, manifest = json.loads(command("manifest", "schema")), read_json(OLD / "manifest.json")
    jsonschema.validate(manifest, schema)
    manifest["models"]["vanilla-sine"]["golden"]["seed"] = "0"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(manifest, schema)


def test_the_manifest_is_read(tmp_path: Path) -> None:
    """By a checkout that has it in place of its own, with the one model that lies beside it."""
    package = Path(ganzoo.__file__).resolve().parent
    place = tmp_path / package.relative_to(ROOT)
    shutil.copytree(package, place, ignore=shutil.ignore_patterns("__pycache__", "weights"))
    shutil.copytree(OLD / "weights", tmp_path / "weights")
    shutil.copyfile(OLD / "manifest.json", tmp_path / "weights_manifest.json")
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    code = (
        "import json, ganzoo\n"
        "model = ganzoo.load('dcgan-finished', device='cpu', precision='fp32')\n"
        "print(json.dumps([ganzoo.__file__, ganzoo.list_models(), model.digest]))\n"
    )
    path = [str(place.parent), *filter(None, sys.path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}

    def run(*words: str) -> str:
        command = [sys.executable, *words]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    file, models, weights = json.loads(run("-c", code))
    expected = read_json(OLD / "manifest.json")["models"]
    assert Path(file).is_relative_to(tmp_path)
    assert models == sorted(expected)
    assert weights == expected["dcgan-finished"]["files"]["model.safetensors"]["sha256"]
    assert run("-m", "ganzoo", "verify", "dcgan-finished").startswith("ok")
    found = json.loads(run("-m", "ganzoo", "info", "stackgan-anime", "--json"))
    says(found, expected["stackgan-anime"])
    assert "text" in found["inputs"]
