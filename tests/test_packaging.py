"""The wheel, built through the sdist, installed where nothing else of ours is; and a stranger's plugin beside it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from ganzoo import manifest, registry

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = Path(__file__).parent / "fixtures" / "ganzoo-example"
GUIDE = ROOT / "docs" / "writing-a-plugin.md"


def run(*command: object, cwd: Path, **environment: str) -> str:
    """stdout of a command that must succeed, away from the checkout."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "GANZOO_PLUGINS")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**kept, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def build(source: Path, out: Path, kind: str) -> Path:
    run(sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", out, source, cwd=out.parent)
    return next(out.glob("*.whl" if kind == "wheel" else "*.tar.gz"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("sdist"), "sdist")


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    return build(next(unpacked.iterdir()), tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment's bin folder. Its dependencies are this environment's, taken in by path: .pth files there are not
    obeyed, so our own editable install stays out."""
    home = tmp_path_factory.mktemp("fresh")
    venv.create(home / "venv", with_pip=True)
    library = next((home / "venv" / "lib").glob("python*")) / "site-packages"
    import torch

    (library / "dependencies.pth").write_text(str(Path(torch.__file__).parent.parent) + "\n")
    example = build(EXAMPLE, tmp_path_factory.mktemp("example"), "wheel")
    pip = [home / "venv" / "bin" / "python", "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    run(*pip, "--ignore-installed", wheel, example, cwd=home)
    return home / "venv" / "bin"


def test_the_wheel_holds_what_it_must(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for plugin in ("vanilla", "dcgan"):
        assert {f"ganzoo_{plugin}/{file}.py" for file in ("__init__", "networks", "model")} <= names
    assert {"ganzoo/weights_manifest.json", "ganzoo/py.typed", "ganzoo/cli/app.py"} <= names
    for name, entry in manifest.official().models.items():
        assert {f"ganzoo/weights/{name}/{file}" for file in entry.files} <= names
    assert not {name for name in names if name.startswith(("plugins/", "tests/", "weights/"))}
    assert wheel.stat().st_size < 95 * 2**20
    assert wheel.name.endswith("py3-none-any.whl")


def test_the_sdist_is_clean(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames() if "/" in name]
    assert {"LICENSE", "README.md", "weights_manifest.json", "constraints.txt"} <= set(names)
    assert not [name for name in names if name.startswith((".venv", "runs/")) or "__pycache__" in name]


def test_the_fresh_install_is_the_wheel_and_loads_every_plugin(installed: Path, tmp_path: Path) -> None:
    code = "import ganzoo; from ganzoo import registry as r; print(ganzoo.__file__, *[r.get(name).name for name in r.names()])"
    place, *plugins = run(installed / "python", "-c", code, cwd=tmp_path).split()
    assert Path(place).is_relative_to(installed.parent)
    assert len(plugins) == 3
    listed = json.loads(run(installed / "ganzoo", "list", "--json", cwd=tmp_path))
    assert {row["name"] for row in listed["plugins"]} == {"dcgan", "example", "vanilla"}
    assert [row["name"] for row in listed["weights"]] == sorted(manifest.official().models)


def test_the_fresh_install_samples_the_default_model_and_verifies(installed: Path, tmp_path: Path) -> None:
    path = run(installed / "ganzoo", "sample", "--seed", "0", cwd=tmp_path, HF_HUB_OFFLINE="1").strip()
    assert path == f"{manifest.official().default}.png"
    with Image.open(tmp_path / path) as image:
        assert image.size == (8 * 30 + 2, 8 * 30 + 2)
        assert len(set(image.getdata())) > 50
    assert "FAIL" not in run(installed / "ganzoo", "verify", "--all", cwd=tmp_path)


def test_a_strangers_plugin_trains_and_samples(installed: Path, tmp_path: Path) -> None:
    run(installed / "ganzoo", "check", "example", cwd=tmp_path)
    trained = run(installed / "ganzoo", "train", "example", "--data", "gaussians", "--steps", "4", "--out", "run", cwd=tmp_path)
    assert trained.strip() == "./run"
    assert json.loads((tmp_path / "run" / "config.json").read_text())["distribution"] == "ganzoo-example"
    assert run(installed / "ganzoo", "sample", "./run", "-o", "x.png", cwd=tmp_path).strip() == "x.png"
    with Image.open(tmp_path / "x.png") as image:
        assert image.size == (400, 400)


def test_the_guide_shows_the_example_as_it_is() -> None:
    files = [path.read_text("utf-8") for path in EXAMPLE.rglob("*") if path.suffix in (".py", ".toml")]
    blocks = re.findall(r"```(?:python|toml)\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) >= 7
    assert [block for block in blocks if not any(block in file for file in files)] == []


def test_the_version_is_one(wheel: Path) -> None:
    assert wheel.name.split("-")[1] == registry.distribution("dcgan")[1]
