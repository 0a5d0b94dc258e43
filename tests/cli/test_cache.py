"""`ganzoo cache`: blobs, snapshots, refs and links in real files, commands as real processes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ganzoo.zoo import manifest
from tests.cli.cached import CONFIG, NEW, OLD, WEIGHTS, Hub, mortal


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.resolve().write_bytes(raw)


def test_the_layout_is_the_clients(hub: Hub) -> None:
    """The client itself reads what these tests build, and finds nothing wrong."""
    hub.model("us/one")
    hub.model("us/one", b"other", commit=OLD, refs=())
    code = "from huggingface_hub import scan_cache_dir as s; i = s(); print(len(i.warnings), [len(r.revisions) for r in i.repos])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=hub.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0 [2]\n"


def test_models_of_ours_are_listed_and_no_others(hub: Hub) -> None:
    first = hub.model("us/dcgan-cats")
    hub.model("us/dcgan-cats", b"old" * 100, commit=OLD, refs=())
    hub.model("them/x", link=False)
    hub.add("them/bert", {"config.json": b'{"model_type": "bert"}', "model.safetensors": WEIGHTS})
    hub.add("them/broken", {"config.json": b"{", "model.safetensors": WEIGHTS})
    hub.add("them/config-alone", {"config.json": json.dumps(CONFIG).encode()})
    (hub.folder / "datasets--them--mnist").mkdir()
    (hub.folder / ".locks").mkdir()
    (hub.folder / "CACHEDIR.TAG").write_text("")
    rows = hub.listed()
    assert list(rows) == ["them/x", "us/dcgan-cats"]
    row = rows["us/dcgan-cats"]
    assert row["bytes"] == sum(
        path.stat().st_size for path in first.rglob("*") if path.is_file() and not path.is_symlink()
    )
    assert row["revisions"] == {OLD: [], NEW: ["main"]}
    assert (row["plugin"], row["unfinished"], row["problem"]) == ("dcgan", 0, None)
    shown = hub.run("list")
    assert shown.stderr == ""
    assert shown.stdout.splitlines()[2].split()[:4] == ["us/dcgan-cats", "dcgan", "5.5", "kB"]
    assert "aaaaaaaa, bbbbbbbb (main)" in shown.stdout
    assert shown.stdout.splitlines()[2].endswith("complete")


def test_where_there_is_nothing(hub: Hub) -> None:
    for _ in range(2):  # a missing cache, then an empty one
        shown = hub.run("list")
        assert (shown.stdout, shown.stderr) == ("", f"no ganzoo models in {hub.folder}\n")
        assert json.loads(hub.run("list", "--json").stdout)["repositories"] == []
        hub.folder.mkdir(exist_ok=True)
    hub.folder.rmdir()
    hub.folder.write_text("a file")
    assert hub.run("list", code=1).stderr == f"ganzoo: {hub.folder}: Not a directory\n"


def test_the_clients_own_variables_say_where(hub: Hub, tmp_path: Path) -> None:
    del hub.environment["HF_HUB_CACHE"]
    hub.folder = tmp_path / "home" / "hub"
    hub.model("us/one")
    hub.environment["HF_HOME"] = str(tmp_path / "home")
    assert list(hub.listed()) == ["us/one"]
    assert (
        json.loads(hub.run("list", "--json", HF_HUB_CACHE=str(tmp_path / "no")).stdout)[
            "repositories"
        ]
        == []
    )


def test_names_of_the_manifest(hub: Hub) -> None:
    name, entry = next(iter(manifest.load_official().models.items()))
    hub.model(entry.repository)
    assert hub.listed()[entry.repository]["names"] == [name]


def test_a_partial_download(hub: Hub) -> None:
    home = hub.model("us/one")
    whole = home / "blobs" / hashlib.sha256(WEIGHTS).hexdigest()
    part = whole.with_name(f"{whole.name}.0123abcd.incomplete")
    part.write_bytes(b"x" * 700)
    assert (hub.listed()["us/one"]["unfinished"], hub.listed()["us/one"]["problem"]) == (700, None)
    (home / "snapshots" / NEW / "model.safetensors").unlink()
    whole.unlink()
    assert (
        "model.safetensors: download is incomplete; partial downloads, 700 B"
        in hub.run("list").stdout
    )


def test_a_missing_blob(hub: Hub) -> None:
    home = hub.model("us/one")
    (home / "blobs" / hashlib.sha256(WEIGHTS).hexdigest()).unlink()
    assert hub.listed()["us/one"]["problem"] == "model.safetensors: its blob is missing"


def test_the_client_removes_what_is_listed(hub: Hub) -> None:
    """The help page sends users to this command."""
    homes = [hub.model("us/one"), hub.model("us/two", commit=OLD)]
    command = [str(Path(sys.executable).with_name("hf")), "cache", "rm", "model/us/one", "--yes"]
    done = subprocess.run(command, env=hub.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [home.exists() for home in homes] == [False, True]
    assert list(hub.listed()) == ["us/two"]


@pytest.fixture
def modes(tmp_path: Path) -> Iterator[Callable[[Path, int], None]]:
    """Sets modes of files for one test; skips it where nobody heeds them."""
    (tmp_path / "secret").touch(0)
    if (
        subprocess.run(
            ["cat", tmp_path / "secret"], preexec_fn=mortal, capture_output=True, check=False
        ).returncode
        == 0
    ):
        pytest.skip("modes of files do not hold here")
    changed: list[Path] = []

    def change(path: Path, mode: int) -> None:
        changed.append(path)
        path.chmod(mode)

    yield change
    for path in reversed(changed):
        path.chmod(0o700)


def test_without_the_right_to_read(hub: Hub, modes: Callable[[Path, int], None]) -> None:
    home = hub.model("us/one")
    hub.model("us/two")
    modes(home, 0o000)
    done = hub.run("list")
    assert done.stderr == "us/one: cannot be read (Permission denied)\n"
    assert "us/two" in done.stdout
    assert "us/one" not in done.stdout
    modes(hub.folder, 0o000)
    assert hub.run("list", code=1).stderr == f"ganzoo: {hub.folder}: Permission denied\n"
