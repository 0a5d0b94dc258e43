"""`ganzoo doctor` on installations that are really broken: in folders of a search path, seen by
real processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import ganzoo as package
from ganzoo.doctor import examine
from ganzoo.doctor.findings import REINSTALL
from ganzoo.doctor.install import vision_for, vision_remedy
from ganzoo.doctor.machine import VARIABLES, check_free_space, find_existing
from ganzoo.version import VERSION
from ganzoo.zoo import manifest
from tests.cli.cached import Hub
from tests.cli.conftest import Call, Site

SOURCE = Path(package.__file__).parent
FOREIGN = "Metadata-Version: 2.1\nName: ganzoo\nVersion: 0.0.1\n"
NMS = "import torch\ntorch.library.register_fake('torchvision::nms')(print)"
"""What torchvision does when it is imported: an error where its compiled operators did not load."""
Row = dict[str, str]


def distribution(site: Path, name: str, points: str = "", group: str = "ganzoo.plugins") -> None:
    """A wheel's record of itself, as pip leaves it."""
    folder = site / f"{name.replace('-', '_')}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if points:
        (folder / "entry_points.txt").write_text(f"[{group}]\n{points}\n")


def process(
    cwd: Path, *, hide: tuple[str, ...] = (), flags: tuple[str, ...] = (), code: int, **extra: str
) -> list[Row]:
    """The doctor's findings. `hide`: modules that are not there; `flags`: of the interpreter."""
    lines = [f"sys.modules[{name!r}] = None" for name in hide]
    script = "\n".join(["import sys", *lines, "from ganzoo.cli.app import main", "main()"])
    done = subprocess.run(
        [sys.executable, *flags, "-c", script, "doctor", "--json"],
        cwd=cwd,
        env={**os.environ, **extra},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    found = json.loads(done.stdout)
    assert found["failed"] == sum(row["state"] == "FAIL" for row in found["checks"])
    assert not re.search(r"pip install(?:\s+-\S+)*\s+[\"'`]?ganzoo(?![-\w])", done.stdout), (
        "that is somebody else's"
    )
    return list(found["checks"])


def of(rows: list[Row], check: str) -> Row:
    """The only finding of a check."""
    found = [row for row in rows if row["check"] == check]
    assert len(found) == 1, found
    return found[0]


def findings(check: str) -> list[Any]:
    """What a check finds in this process."""
    return [finding for finding in examine() if finding.check == check]


def test_an_installation_that_is_well(ganzoo: Call) -> None:
    found = json.loads(ganzoo("doctor", "--json").stdout)["checks"]
    states = {row["check"]: row["state"] for row in found}
    assert list(states) == [
        "python",
        "ganzoo",
        "requirements",
        "torch",
        "torchvision",
        "cpu",
        "cuda",
        "mps",
        "device",
        "cache",
        "network",
        "disk",
        *(["shared memory"] if Path("/dev/shm").is_dir() else []),
        "environment",
        "plugins",
        "data sets",
        "weights",
    ]
    assert "FAIL" not in states.values()
    assert all(row["remedy"] for row in found if row["state"] != "ok")
    assert VERSION in of(found, "ganzoo")["detail"]
    assert re.search(r"\d+ threads on \d+ cores, .*; auto: (bf16|fp32)", of(found, "cpu")["detail"])
    assert (
        f"{len(manifest.list_models())} came with their packages" in of(found, "weights")["detail"]
    )
    shown = ganzoo("doctor")
    assert [line.split()[0] for line in shown.stdout.splitlines() if line[0] != " "] == [
        row["state"] for row in found
    ]
    assert shown.stderr.endswith(("no problems found\n", " warnings\n"))


@pytest.mark.parametrize("state", ["installed", "uninstalled again"])
def test_the_foreign_package_of_the_same_name(state: str, tmp_path: Path) -> None:
    """Its wheel writes over our ganzoo/__init__.py; its removal takes the file away."""
    site = tmp_path / "site"
    shutil.copytree(SOURCE, site / "ganzoo", ignore=shutil.ignore_patterns("__pycache__"))
    if state == "installed":
        (site / "ganzoo" / "__init__.py").write_text('name = "ganzoo"\n')
        information = site / "ganzoo-0.0.1.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(FOREIGN)
        (information / "RECORD").write_text(
            "ganzoo/__init__.py,,\nganzoo-0.0.1.dist-info/METADATA,,\n"
        )
    else:
        (site / "ganzoo" / "__init__.py").unlink()
    path = os.pathsep.join(
        [str(site), str(Path(msgspec.__file__).parent.parent)]
    )  # -S: our editable install stays out
    row = of(process(tmp_path, hide=("torch",), flags=("-S",), code=1, PYTHONPATH=path), "ganzoo")
    assert row["state"] == "FAIL"
    if state == "installed":
        assert "another package, ganzoo 0.0.1, is installed" in row["detail"]
        assert row["remedy"] == f"pip uninstall ganzoo, then {REINSTALL}"
    else:
        assert row["remedy"] == REINSTALL


@pytest.mark.parametrize(
    ("source", "words", "remedy"),
    [
        (
            "raise OSError('libcudart.so.12: cannot open shared object file')",
            "cannot be imported: OSError: libcudart",
            "--force-re",
        ),
        (
            "raise ImportError('DLL load failed\\nwhile importing _C')",
            "cannot be imported: ImportError: DLL load failed",
            "--force-re",
        ),
        (
            "from torch import _C",
            "cannot be imported: ImportError: cannot import name '_C'",
            "--force-reinstall torch",
        ),
        (
            "import numpie",
            "ModuleNotFoundError: No module named 'numpie'",
            "--force-reinstall torch",
        ),
        ("mine = 1", "torch.py is imported instead of torch", "rename or remove it"),
        (None, "not installed", "pip install torch"),
    ],
    ids=[
        "a library",
        "a message of two lines",
        "half of it",
        "a dependency",
        "another file of that name",
        "none",
    ],
)
def test_a_torch_that_does_not_start(
    source: str | None, words: str, remedy: str, tmp_path: Path
) -> None:
    if source:
        (tmp_path / "torch.py").write_text(source)
    rows = process(tmp_path, hide=() if source else ("torch",), code=1)
    row = of(rows, "torch")
    assert row["state"] == "FAIL"
    assert words in row["detail"]
    assert remedy in row["remedy"]
    assert not [row for row in rows if row["check"] in ("cpu", "cuda", "device")]
    assert of(rows, "weights")["state"] == "ok", "what does not need torch is examined all the same"


@pytest.mark.parametrize(
    ("source", "state", "words"),
    [
        (NMS, "FAIL", "operator torchvision::nms does not exist"),
        ("raise ImportError('undefined symbol')", "FAIL", "ImportError: undefined symbol"),
        ("__version__ = '0.5.0'", "warn", "0.5.0 is built for another torch than"),
        (None, "ok", "not installed; only ganzoo train --download needs it"),
    ],
    ids=["operators", "symbols", "another version", "none"],
)
def test_a_torchvision_of_another_torch(
    source: str | None, state: str, words: str, tmp_path: Path
) -> None:
    if source:
        (tmp_path / "torchvision.py").write_text(source)
    rows = process(
        tmp_path, hide=() if source else ("torchvision",), code=1 if state == "FAIL" else 0
    )
    row = of(rows, "torchvision")
    assert row["state"] == state
    assert words in row["detail"]
    assert state == "ok" or "'torchvision==0." in row["remedy"]
    assert of(rows, "torch")["state"] == "ok"


def test_which_torchvision_is_for_which_torch() -> None:
    assert [
        vision_for(torch) for torch in ("2.5.0", "2.14.1+cu130", "2.9.0a0+git12", "3.0", "2")
    ] == [
        "0.20",
        "0.29",
        "0.24",
        None,
        None,
    ]
    assert (
        "'torchvision==0.20.*' --index-url https://download.pytorch.org/whl/cpu,"
        in vision_remedy("2.5.1+cpu")
    )
    assert "index-url" not in vision_remedy("2.5.1")


def test_plugins_that_break_or_claim_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "ganzoo-bad", "bad = nothing_there:plugin")
    distribution(tmp_path, "ganzoo-one", "twice = nothing_there:plugin")
    distribution(tmp_path, "ganzoo-two", "twice = nothing_there:plugin")
    monkeypatch.syspath_prepend(str(tmp_path))
    bad, twice, rest = findings("plugins")
    assert "plugin 'bad' of ganzoo-bad is broken: ModuleNotFoundError" in bad.detail
    assert bad.remedy == "pip install --upgrade ganzoo-bad, or pip uninstall ganzoo-bad"
    assert "'twice' is claimed by ganzoo-one and ganzoo-two" in twice.detail
    assert twice.remedy == "pip uninstall ganzoo-two, or the other"
    assert [finding.state for finding in (bad, twice, rest)] == ["FAIL", "FAIL", "ok"]
    monkeypatch.setenv("GANZOO_PLUGINS", "vanila,vanilla")
    warning, rest = findings("plugins")
    assert (warning.state, rest.detail) == ("warn", "1 load: vanilla")
    assert "'vanila', which is not installed; did you mean vanilla?" in warning.detail
    monkeypatch.setenv("GANZOO_PLUGINS", "")
    assert [(finding.state, finding.remedy) for finding in findings("plugins")] == [
        ("warn", "unset GANZOO_PLUGINS")
    ]


@pytest.mark.parametrize(
    ("group", "check", "noun"),
    [
        ("ganzoo.data", "data sets", "data set"),
        ("ganzoo.figures", "figures", "figure"),
        ("ganzoo.extractors", "extractors", "extractor"),
    ],
)
def test_broken_extensions_of_other_kinds(
    group: str, check: str, noun: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "ganzoo-bad", "bad = nothing_there:found", group)
    distribution(tmp_path, "ganzoo-one", "twice = nothing_there:found", group)
    distribution(tmp_path, "ganzoo-two", "twice = nothing_there:found", group)
    monkeypatch.syspath_prepend(str(tmp_path))
    bad, twice, *rest = findings(check)
    assert f"{noun} 'bad' of ganzoo-bad is broken: ModuleNotFoundError" in bad.detail
    assert bad.remedy == "pip install --upgrade ganzoo-bad, or pip uninstall ganzoo-bad"
    assert f"{noun} 'twice' is claimed by ganzoo-one and ganzoo-two" in twice.detail
    assert twice.remedy == "pip uninstall ganzoo-two, or the other"
    states = [finding.state for finding in (bad, twice, *rest)]
    assert states == ["FAIL", "FAIL", *(["ok"] if check == "data sets" else [])]


@pytest.mark.parametrize(
    ("group", "check", "name"),
    [("ganzoo.data", "data sets", "mnist"), ("ganzoo.plugins", "plugins", "dcgan")],
)
def test_a_name_of_ours_that_another_package_claims(
    group: str, check: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "ganzoo-probe", f"{name} = nothing_there:found", group)
    monkeypatch.syspath_prepend(str(tmp_path))
    warning, rest = findings(check)
    assert (warning.state, rest.state) == ("warn", "ok")
    assert warning.detail == f"{name!r} of ganzoo-probe is not used: ganzoo has its own {name!r}"
    assert name in rest.detail


def test_weights_that_are_not_what_they_should_be(site: Site) -> None:
    folder = site.publish("shapes-small")
    site.publish("shapes-gone")
    shutil.rmtree(folder.parent / "shapes-gone")
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"x")
    gone, broken, rest = findings("weights")
    assert "shapes-gone did not come with its package" in gone.detail
    assert "shapes-small: " in broken.detail
    assert "the manifest says" in broken.detail
    assert broken.remedy.startswith("pip install --force-reinstall --no-deps ")
    assert (gone.state, broken.state, rest.state) == ("FAIL", "FAIL", "ok")


def test_the_cache_and_the_network(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    hub.model("us/one")
    rows = process(
        tmp_path, hide=("torch",), code=1, HF_HUB_CACHE=str(hub.folder), HF_HUB_OFFLINE="1"
    )
    assert of(rows, "cache")["detail"] == f"{hub.folder}, 1 ganzoo models, 0.0 MB"
    assert "offline (HF_HUB_OFFLINE)" in of(rows, "network")["detail"]
    (hub.folder / "models--us--one" / "blobs" / "x.incomplete").write_text("x")
    rows = process(tmp_path, hide=("torch",), code=1, HF_HUB_CACHE=str(hub.folder))
    assert (of(rows, "cache")["state"], of(rows, "cache")["remedy"]) == (
        "warn",
        "ganzoo cache list, hf cache rm",
    )
    assert "HF_HUB_OFFLINE=1 forbids it" in of(rows, "network")["detail"]
    (tmp_path / "file").write_text("x")
    rows = process(tmp_path, hide=("torch",), code=1, HF_HUB_CACHE=str(tmp_path / "file"))
    assert "Not a directory; nothing can be cached there" in of(rows, "cache")["detail"]


def test_a_small_disk_is_a_warning(tmp_path: Path) -> None:
    missing = tmp_path / "not" / "there"
    assert find_existing(missing) == tmp_path
    assert (
        check_free_space("cache", missing, least=1).state,
        check_free_space("cache", missing, least=10**18).state,
    ) == (
        "ok",
        "warn",
    )


def test_a_check_that_crashes_is_a_finding(tmp_path: Path) -> None:
    """A working folder that somebody removed."""
    script = (
        "import os, sys; sys.modules['torch'] = None; os.rmdir(os.getcwd()); "
        "from ganzoo.cli.app import main; main()"
    )
    folder = tmp_path / "gone"
    folder.mkdir()
    words = [sys.executable, "-c", script, "doctor"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "FAIL  disk            check crashed: FileNotFoundError" in done.stdout
    assert "ok    weights" in done.stdout
    assert "failed, " in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GANZOO_PLUGIN", "x")
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "none"))
    unknown, data, known = findings("environment")
    assert unknown.detail == "GANZOO_PLUGIN is not known; did you mean GANZOO_PLUGINS?"
    assert data.remedy == "set it to the folder of the data sets"
    assert known.detail == f"GANZOO_DATA={tmp_path / 'none'}"


def test_every_variable_that_is_read_is_known() -> None:
    texts = [path.read_text("utf-8") for path in SOURCE.rglob("*.py")]
    assert set(VARIABLES) == {
        name for text in texts for name in re.findall(r"[\"'](GANZOO_[A-Z_]+)[\"']", text)
    }
