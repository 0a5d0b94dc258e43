"""The wheel, built through the sdist, installed where nothing else of ours is; and a stranger's plugin beside it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest
from PIL import Image

from ganzoo.version import VERSION
from ganzoo.zoo import manifest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = Path(__file__).parent / "fixtures" / "ganzoo-example"
GUIDE = ROOT / "docs" / "writing-a-plugin.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
ANNOUNCED = PROJECT["entry-points"]["ganzoo.plugins"]
NO_NETWORK = """
import sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise PermissionError(f"no network here: {event} {arguments[1:]}")
sys.addaudithook(refuse)
"""
"""What the fresh environment's interpreter runs first."""
LOADED = """
import json, sys, ganzoo
from ganzoo.zoo import registry
names = registry.list_names()
modules = ["ganzoo", *(type(registry.get(name).tiny).__module__ for name in names)]
print(json.dumps({"names": names, "files": [sys.modules[module].__file__ for module in modules]}))
"""


def run(*command: object, cwd: Path, **environment: str) -> str:
    """stdout of a command that must succeed, away from the checkout."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in ("PYTHONPATH", "GANZOO_PLUGINS")
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def build(source: Path, out: Path, kind: str) -> Path:
    run(
        sys.executable,
        "-m",
        "build",
        f"--{kind}",
        "--no-isolation",
        "--outdir",
        out,
        source,
        cwd=out.parent,
    )
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
    """A fresh environment's bin folder, without network. Its dependencies are this environment's, taken in by path: .pth
    files there are not obeyed, so our own editable install stays out."""
    home = tmp_path_factory.mktemp("fresh")
    venv.create(home / "venv", with_pip=True)
    library = next((home / "venv" / "lib").glob("python*")) / "site-packages"
    import torch

    (library / "dependencies.pth").write_text(str(Path(torch.__file__).parent.parent) + "\n")
    (library / "no_network.py").write_text(NO_NETWORK)
    (library / "no_network.pth").write_text("import no_network\n")
    example = build(EXAMPLE, tmp_path_factory.mktemp("example"), "wheel")
    pip = [
        home / "venv" / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
    ]
    run(*pip, "--ignore-installed", wheel, example, cwd=home)
    return home / "venv" / "bin"


def test_the_wheel_holds_what_it_must(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {
        path.relative_to(ROOT / "plugins").as_posix() for path in (ROOT / "plugins").rglob("*.py")
    }
    modules |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "ganzoo").rglob("*.py")}
    assert modules | {"ganzoo/weights_manifest.json", "ganzoo/py.typed"} <= names
    for name, entry in manifest.load_official().models.items():
        assert {f"ganzoo/weights/{name}/{file}" for file in entry.files} <= names
    information = f"ganzoo_torch-{VERSION}.dist-info"
    allowed = {"ganzoo", information, *(target.partition(":")[0] for target in ANNOUNCED.values())}
    assert {name.split("/")[0] for name in names} == allowed
    assert f"{information}/licenses/LICENSE" in names
    assert wheel.stat().st_size < 95 * 2**20
    assert wheel.name == f"ganzoo_torch-{VERSION}-py3-none-any.whl"


def test_the_wheel_announces_command_and_plugins(wheel: Path) -> None:
    announced = ConfigParser(delimiters="=")
    announced.read_string(
        zipfile.ZipFile(wheel).read(f"ganzoo_torch-{VERSION}.dist-info/entry_points.txt").decode()
    )
    assert dict(announced["console_scripts"]) == PROJECT["scripts"]
    assert dict(announced["ganzoo.plugins"]) == ANNOUNCED


def test_the_sdist_holds_what_the_wheel_and_the_tests_need_and_no_more(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {
        "LICENSE",
        "README.md",
        "Makefile",
        "constraints.txt",
        "tests/test_packaging.py",
        "weights_manifest.json",
    } <= names
    assert {
        f"weights/{name}/{file}"
        for name, entry in manifest.load_official().models.items()
        for file in entry.files
    } <= names
    assert {f"plugins/ganzoo_{name}/model.py" for name in ANNOUNCED} <= names
    assert {
        "tests/tiny/ganzoo_tiny-0.1.dist-info/entry_points.txt",
        "tests/fixtures/ganzoo-example/pyproject.toml",
    } <= names
    roots = {name.split("/")[0] for name in names}
    assert not roots & {
        ".venv",
        "runs",
        "dist",
        "build",
        "site",
        ".git",
        ".mypy_cache",
        "sample.png",
    }
    assert not [name for name in names if "__pycache__" in name]


def test_the_fresh_environment_has_no_network(installed: Path, tmp_path: Path) -> None:
    code = "import socket; socket.create_connection(('127.0.0.1', 9), timeout=1)"
    done = subprocess.run(
        [installed / "python", "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert "PermissionError: no network here" in done.stderr


def test_the_fresh_install_is_the_wheel_and_loads_every_plugin(
    installed: Path, tmp_path: Path
) -> None:
    found = json.loads(run(installed / "python", "-c", LOADED, cwd=tmp_path))
    assert found["names"] == sorted([*ANNOUNCED, "example"])
    assert [
        file for file in found["files"] if not Path(file).is_relative_to(installed.parent)
    ] == []
    listed = json.loads(run(installed / "ganzoo", "list", "--json", cwd=tmp_path))
    origins = {row["name"]: (row["distribution"], row["broken"]) for row in listed["plugins"]}
    assert origins == {"example": ("ganzoo-example", None)} | dict.fromkeys(
        ANNOUNCED, ("ganzoo-torch", None)
    )
    assert [row["name"] for row in listed["weights"]] == sorted(manifest.load_official().models)


def test_the_fresh_install_samples_the_default_model_and_verifies(
    installed: Path, tmp_path: Path
) -> None:
    path = run(installed / "ganzoo", "sample", "--seed", "0", cwd=tmp_path).strip()
    assert path == f"{manifest.load_official().default}.png"
    with Image.open(tmp_path / path) as image:
        assert min(image.size) >= 8 * 28
        assert len(set(image.convert("L").tobytes())) > 50
    verified = run(installed / "ganzoo", "verify", "--all", cwd=tmp_path).splitlines()
    assert [line.split()[:2] for line in verified] == [
        ["ok", name] for name in sorted(manifest.load_official().models)
    ]


def test_a_strangers_plugin_trains_and_samples(installed: Path, tmp_path: Path) -> None:
    run(installed / "ganzoo", "check", "example", cwd=tmp_path)
    trained = run(
        installed / "ganzoo",
        "train",
        "example",
        "--data",
        "gaussians",
        "--steps",
        "4",
        "--out",
        "run",
        cwd=tmp_path,
    )
    assert trained.strip() == "./run"
    assert (
        json.loads((tmp_path / "run" / "config.json").read_text())["distribution"]
        == "ganzoo-example"
    )
    assert (
        run(installed / "ganzoo", "sample", "./run", "-o", "x.png", cwd=tmp_path).strip() == "x.png"
    )
    with Image.open(tmp_path / "x.png") as image:
        assert image.size == (400, 400)


def test_the_guide_shows_the_example_as_it_is() -> None:
    files = [
        path.read_text("utf-8") for path in EXAMPLE.rglob("*") if path.suffix in (".py", ".toml")
    ]
    blocks = re.findall(r"```(?:python|toml)\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) >= 7
    assert [block for block in blocks if not any(block in file for file in files)] == []


def test_constraints_and_hooks_agree() -> None:
    """What a commit hook runs is what CI runs, and every direct dependency is pinned."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert f"rev: v{pins['ruff']}\n" in hooks
    wanted = [
        *PROJECT["dependencies"],
        *(name for extra in PROJECT["optional-dependencies"].values() for name in extra),
    ]
    pinned = {name.lower().replace("_", "-") for name in pins}
    assert {re.split(r"[<>=\[]", name)[0].lower() for name in wanted} - pinned == set()


LOWEST = re.compile(r"(?P<name>[A-Za-z0-9_-]+)>=(?P<version>[\d.]+)")
CPU_INDEX = "download.pytorch.org"


def lowest() -> list[str]:
    """Every direct dependency at the lowest version that is allowed."""
    matches = [LOWEST.match(line) for line in PROJECT["dependencies"]]
    return [f"{match['name']}=={match['version']}" for match in matches if match]


def test_every_dependency_has_a_lowest_version() -> None:
    assert len(lowest()) == len(PROJECT["dependencies"])
    assert "torch==2.5" in lowest()


@pytest.mark.slow
def test_the_lowest_versions_sample(wheel: Path, tmp_path: Path) -> None:
    """Takes 3 GB of the index where it has torch with CUDA alone."""
    venv.create(tmp_path / "venv", with_pip=True)
    tools = tmp_path / "venv" / "bin"
    try:
        socket.getaddrinfo(CPU_INDEX, 443)
        index = ["--extra-index-url", f"https://{CPU_INDEX}/whl/cpu"]
    except OSError:
        index = []
    pip = [tools / "python", "-m", "pip", "install", "--quiet", *index, wheel, *lowest()]
    done = subprocess.run(
        [str(part) for part in pip], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if "No matching distribution" in done.stderr or "ConnectionError" in done.stderr:
        pytest.skip("the index has not all of the lowest versions")
    assert done.returncode == 0, done.stderr
    for words in (
        ["--help"],
        ["sample", "--help"],
        ["verify", manifest.load_official().default],
        ["sample", "-n", "4", "--seed", "3", "-o", "x.png"],
        ["sample", "-n", "4", "--seed", "3", "-o", "x.npz"],
        ["train", "vanilla", "--data", "sine", "--steps", "4", "--out", "run"],
    ):
        run(tools / "ganzoo", *words, cwd=tmp_path)
    with zipfile.ZipFile(tmp_path / "x.npz") as arrays:
        assert sorted(arrays.namelist()) == ["sample.npy", "seed.npy"]
