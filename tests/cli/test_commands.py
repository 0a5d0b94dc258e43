"""The command line as a person meets it: what goes to stdout, what to stderr, which code comes back.

Where processes matter they are started; the rest runs here, since each process takes seconds to import torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganzoo import train
from ganzoo.zoo import manifest
from tests.cli.conftest import Call

RUN = [sys.executable, "-c", "from ganzoo.cli.app import main; main()"]


def process(
    *words: object, cwd: Path, code: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*RUN, *map(str, words)],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with finished runs: points/ (vanilla on sine) and classes/ (tiny_class on made-up pictures)."""
    home = tmp_path_factory.mktemp("home")
    for name, shade in (("cat", 20), ("dog", 220)):
        for number in range(4):
            (home / "pictures" / name).mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), shade + number).save(home / "pictures" / name / f"{number}.png")
    train("vanilla", "sine", preset="sine", steps=20, out=home / "points")
    train("tiny_class", str(home / "pictures"), steps=4, batch_size=4, out=home / "classes")
    return home


def test_list(tmp_path: Path) -> None:
    shown = process("list", cwd=tmp_path).stdout
    assert "dcgan" in shown
    assert "vanilla" in shown
    found = json.loads(process("list", "van*", "--json", cwd=tmp_path).stdout)
    assert [row["name"] for row in found["plugins"]] == ["vanilla"]
    assert list(json.loads(process("list", "--weights", "--json", cwd=tmp_path).stdout)) == [
        "weights"
    ]
    nothing = process("list", "dcgn", cwd=tmp_path)
    assert nothing.stdout == ""
    assert "did you mean dcgan" in nothing.stderr


def test_a_broken_plugin_is_a_row(tmp_path: Path) -> None:
    folder = tmp_path / "lib" / "ganzoo_bad-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: ganzoo-bad\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[ganzoo.plugins]\nbad = nothing_there:plugin\n")
    path = os.pathsep.join([str(tmp_path / "lib"), os.environ.get("PYTHONPATH", "")])
    shown = process("list", "--plugins", cwd=tmp_path, PYTHONPATH=path).stdout
    assert "broken: ModuleNotFoundError" in next(
        line for line in shown.splitlines() if line.startswith("bad")
    )
    assert any(line.startswith("dcgan") for line in shown.splitlines())
    assert (
        "plugin 'bad' of ganzoo-bad is broken"
        in process("info", "bad", cwd=tmp_path, code=1, PYTHONPATH=path).stderr
    )


def test_info_of_everything(home: Path) -> None:
    plugin = json.loads(process("info", "dcgan", "--json", cwd=home).stdout)
    assert plugin["plugin"] == "dcgan"
    assert "least-squares" in plugin["presets"]
    folder = json.loads(process("info", "./classes", "--json", cwd=home).stdout)
    assert folder["plugin"] == "tiny_class"
    assert "cat, dog" in folder["inputs"]["label"]
    file = json.loads(process("info", "points/model.safetensors", "--json", cwd=home).stdout)
    assert file["parameters"] == 658
    assert file["metadata"]["plugin"] == "vanilla"
    assert (
        "generator.layers.0.weight" in process("info", "points/model.safetensors", cwd=home).stdout
    )
    assert "did you mean dcgan or cgan?" in process("info", "dcgn", cwd=home, code=2).stderr


def test_sample_prints_the_path_and_a_seed_that_repeats_it(home: Path, tmp_path: Path) -> None:
    first = process("sample", home / "classes", "-o", "a.png", "-n", 6, cwd=tmp_path)
    assert first.stdout == "a.png\n"
    seed = next(word for word in first.stderr.replace(";", " ").split() if word.isdigit())
    process("sample", home / "classes", "-o", "b.png", "-n", 6, "--seed", seed, cwd=tmp_path)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert json.loads(image.info["ganzoo"])["seed"] == int(seed)
        assert str(tmp_path) not in str(image.info)
        assert str(home) not in str(image.info)


def test_sample_writes_by_extension_and_refuses_to_overwrite(
    ganzoo: Call, home: Path, tmp_path: Path
) -> None:
    ganzoo("sample", home / "classes", "-o", "x.npz", "-n", 5, "--seed", 1, "--batch-size", 2)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as arrays:
        assert arrays["sample"].shape == (5, 8, 8, 1)
    ganzoo("sample", home / "classes", "-o", "many", "-n", 5, "--seed", 1)
    files = sorted(path.name for path in (tmp_path / "many").iterdir())
    assert files == [*(f"{i:06d}.png" for i in range(5)), "samples.json"]
    assert "exists" in ganzoo("sample", home / "classes", "-o", "x.npz", code=2).stderr
    assert "exists" in ganzoo("sample", home / "classes", "-o", "many", code=2).stderr
    ganzoo("sample", home / "classes", "-o", "x.npz", "-n", 1, "--seed", 1, "--force")
    ganzoo("sample", home / "points", "-o", "p.npz", "-n", 7, "--seed", 1)
    with np.load(tmp_path / "p.npz", allow_pickle=False) as arrays:
        assert arrays["sample"].dtype == np.float32
        assert arrays["sample"].shape == (7, 2)


def test_sample_takes_labels_by_name_number_and_set(
    ganzoo: Call, home: Path, tmp_path: Path
) -> None:
    made = {}
    for name, words in {
        "name": ["--label", "dog"],
        "number": ["--label", "1"],
        "set": ["--set", "label=dog"],
    }.items():
        ganzoo("sample", home / "classes", "-o", f"{name}.npz", "-n", 3, "--seed", 5, *words)
        with np.load(tmp_path / f"{name}.npz", allow_pickle=False) as arrays:
            made[name] = arrays["sample"]
    assert (made["name"] == made["number"]).all()
    assert (made["name"] == made["set"]).all()
    wrong = ganzoo("sample", home / "classes", "-o", "w.npz", "--label", "dgo", code=2).stderr
    assert "did you mean dog?" in wrong
    wrong = ganzoo("sample", home / "points", "-o", "w.npz", "--label", "1", code=2).stderr
    assert "no such input" in wrong
    assert "latent" in wrong


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["train", "dcgn", "--data", "sine"], 2, "no plugin 'dcgn'; did you mean dcgan"),
        (["train", "vanilla"], 2, "--data is needed"),
        (["train", "vanilla", "--data", "nowhere"], 1, "no data set, folder or archive 'nowhere'"),
        (["train", "vanilla", "--data", "mnist", "--data-root", "."], 1, "--download"),
        (
            ["train", "vanilla", "--data", "sine", "--set", "generatr=3"],
            2,
            "did you mean generator",
        ),
        (["train", "vanilla", "--data", "sine", "--set", "generator=x"], 2, "generator"),
        (["train", "vanilla", "--data", "sine", "--set", "latent=9999999"], 2, "latent"),
        (
            ["train", "vanilla", "--data", "sine", "--set", "latent"],
            2,
            "not of the form name=value",
        ),
        (["train", "vanilla", "--data", "sine", "--preset", "sin"], 2, "did you mean sine"),
        (
            ["train", "vanilla", "--data", "sine", "--steps", "0"],
            2,
            "--steps 0: Expected `int` >= 1",
        ),
        (
            ["train", "vanilla", "--data", "sine", "--steps", "5", "--epochs", "2"],
            2,
            "exclude each other",
        ),
        (["train", "vanilla", "--data", "sine", "--device", "cuda"], 2, "--device cpu"),
        (["train", "dcgan", "--data", "sine"], 1, "holds points, and images are asked for"),
        (["train", "--resume"], 2, "--resume needs --out"),
        (["train", "--resume", "--out", "nothing"], 1, "not a run folder"),
        (["sample", "dcgan-mnits"], 2, "no weights named 'dcgan-mnits'"),
        (["sample", "./nothing"], 2, "no folder ./nothing"),
        (["sample", "."], 1, "not a folder of a ganzoo model"),
        (["sample", "-n", "0"], 2, "at least 1"),
        (["sample", "--seed", "-1"], 2, "is not in 0"),
        (["sample", "-o", "x.bmp"], 2, ".png"),
        (["sample", "--precision", "fp8"], 2, "no precision 'fp8'"),
        (["sample", "--device", "abacus"], 2, "no device 'abacus'"),
        (["pull", "nothing-here"], 2, "no weights named"),
        (["verify"], 2, "--all"),
        (["check", "dcgn"], 2, "did you mean dcgan"),
        (
            ["manifest", "add", ".", "dcgan-x", "--summary", "x", "--licence", "mit"],
            1,
            "not a run folder",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_line(
    ganzoo: Call, words: list[str], code: int, text: str, tmp_path: Path
) -> None:
    if words[0] == "sample" and not manifest.load_official().models:
        pytest.fail("the manifest has no models")
    done = ganzoo(*words, code=code)
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == [], "nothing half-written"


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = process("train", "dcgn", "--data", "sine", cwd=tmp_path, code=2, GANZOO_DEBUG="1")
    assert "Traceback" in done.stderr


def test_an_unwritable_place(ganzoo: Call, tmp_path: Path, home: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "Traceback" not in ganzoo("sample", home / "points", "-o", "file/x.png", code=1).stderr
    assert (
        "Traceback"
        not in ganzoo("train", "vanilla", "--data", "sine", "--out", "file/run", code=1).stderr
    )


def test_train_resume_force_and_toml(ganzoo: Call, home: Path, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(
        'data = "sine"\npreset = "sine"\nsteps = 7\nseed = 3\n[config]\nlatent = 3\nbatch = 16\n'
    )
    ganzoo("train", "vanilla", "--config", "run.toml", "--set", "batch=8", "--out", "r")
    record = json.loads((tmp_path / "r" / "run.json").read_text())
    assert (record["phases"], record["batch"], record["seed"], record["done"]) == (
        {"train": 7},
        {"train": 8},
        3,
        True,
    )
    assert json.loads((tmp_path / "r" / "config.json").read_text())["config"]["latent"] == 3
    assert (
        "exists" in ganzoo("train", "vanilla", "--config", "run.toml", "--out", "r", code=2).stderr
    )
    assert "run of 'vanilla'" in ganzoo("train", "dcgan", "--resume", "--out", "r", code=1).stderr
    ganzoo("train", "--resume", "--out", "r", "--steps", 9)
    assert json.loads((tmp_path / "r" / "metrics.jsonl").read_text().splitlines()[-1])["step"] == 9
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    ganzoo("train", "vanilla", "--data", "sine", "--steps", 2, "--out", "mine", "--force", code=1)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"
    (tmp_path / "run.toml").write_text("stepps = 7\n")
    assert "did you mean steps" in ganzoo("train", "vanilla", "--config", "run.toml", code=2).stderr


def test_check(ganzoo: Call, tmp_path: Path) -> None:
    shown = ganzoo("check", "vanilla")
    assert shown.stdout.count("ok") >= 15
    assert "FAIL" not in shown.stdout


def test_verify_and_manifest(ganzoo: Call, tmp_path: Path) -> None:
    assert manifest.load_official().models
    done = ganzoo("verify", "--all")
    assert all(name in done.stdout for name in manifest.load_official().models)
    ganzoo("manifest", "check")
    assert json.loads(ganzoo("manifest", "schema").stdout)["$defs"]["ModelEntry"]
