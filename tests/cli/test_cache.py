"""`ganzoo cache`: blobs, snapshots, refs and links in real files, commands as real processes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from ganzoo.zoo import manifest
from tests.cli.cached import CONFIG, NEW, OLD, WEIGHTS, Hub, mortal
from tests.cli.conftest import Site


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
    assert shown.stdout.splitlines()[2].endswith("whole")


def test_where_there_is_nothing(hub: Hub) -> None:
    for _ in range(2):  # a missing cache, then an empty one
        shown = hub.run("list")
        assert (shown.stdout, shown.stderr) == ("", f"no ganzoo models in {hub.folder}\n")
        assert json.loads(hub.run("list", "--json").stdout)["repositories"] == []
        assert "no ganzoo models" in hub.run("verify").stderr
        assert hub.run("rm", "--all").stderr == "nothing to remove\n"
        assert "nothing in the cache is called 'x'" in hub.run("rm", "x", "--yes", code=2).stderr
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


def test_verify_knows_a_blob_by_its_name(hub: Hub) -> None:
    home = hub.model("us/one")
    hub.model("us/two")
    hub.model("us/copied", link=False)
    assert hub.run("verify", "us/one").stdout == "ok    us/one  3 files checked\n"
    assert (
        hub.run("verify", "us/copied").stdout
        == "ok    us/copied  0 files checked, 3 without a known hash\n"
    )
    hub.run("rm", "us/copied", "--yes")
    flip(home / "snapshots" / NEW / "README.md")
    assert "FAIL  us/one  README.md: git's hash is " in hub.run("verify", "us/one", code=1).stdout
    flip(home / "snapshots" / NEW / "README.md")
    flip(home / "snapshots" / NEW / "model.safetensors")
    done = hub.run("verify", code=1)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("FAIL  us/one  model.safetensors: sha256 is ")
    assert lines[1].startswith("ok    us/two")
    assert done.stderr == "1 broken; remove and pull again: ganzoo cache rm us/one\n"
    assert "did you mean us/two?" in hub.run("verify", "us/twi", code=2).stderr


def test_verify_asks_the_manifest_where_it_pins_the_revision(hub: Hub, site: Site) -> None:
    folder = site.publish("shapes-small")
    site.models["shapes-small"] = msgspec.structs.replace(site.models["shapes-small"], revision=NEW)
    site.write()
    hub.environment["PYTHONPATH"] = os.pathsep.join([str(site.folder), os.environ["PYTHONPATH"]])
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    home = hub.add("somebody/shapes-small", files)
    hub.add(
        "somebody/shapes-small",
        {**files, "golden.npz": b"of another revision"},
        commit=OLD,
        refs=(),
    )
    assert hub.listed()["somebody/shapes-small"]["names"] == ["shapes-small"]
    assert "6 files checked\n" in hub.run("verify", "shapes-small").stdout
    flip(home / "snapshots" / NEW / "golden.npz")
    assert "golden.npz: sha256 is" in hub.run("verify", "shapes-small", code=1).stdout


def test_a_download_that_was_cut_off(hub: Hub) -> None:
    home = hub.model("us/one")
    whole = home / "blobs" / hashlib.sha256(WEIGHTS).hexdigest()
    part = whole.with_name(f"{whole.name}.0123abcd.incomplete")
    part.write_bytes(b"x" * 700)
    assert (hub.listed()["us/one"]["unfinished"], hub.listed()["us/one"]["problem"]) == (700, None)
    hub.run("verify")
    (home / "snapshots" / NEW / "model.safetensors").unlink()
    whole.unlink()
    assert (
        "model.safetensors: not downloaded in full; unfinished downloads, 700 B"
        in hub.run("list").stdout
    )
    assert (
        "FAIL  us/one  model.safetensors: not downloaded in full"
        in hub.run("verify", code=1).stdout
    )
    hub.run("rm", "us/one", "--yes")
    assert not home.exists()


def test_a_link_that_points_nowhere(hub: Hub) -> None:
    home = hub.model("us/one")
    (home / "blobs" / hashlib.sha256(WEIGHTS).hexdigest()).unlink()
    assert hub.listed()["us/one"]["problem"] == "model.safetensors: its bytes are missing"
    done = hub.run("verify", code=1)
    assert done.stdout == "FAIL  us/one  model.safetensors: its bytes are missing\n"
    assert "ganzoo cache rm us/one" in done.stderr
    hub.run("rm", "us/one", "--yes")
    assert not home.exists()


def test_rm_names_what_went_and_counts_its_bytes(hub: Hub) -> None:
    homes = {name: hub.model(name) for name in ("us/one", "us/two", "us/three")}
    other = hub.add("them/bert", {"config.json": b"{}", "model.safetensors": WEIGHTS})
    size = hub.listed()["us/one"]["bytes"]
    done = hub.run("rm", "us/one", "us/one", "--yes")
    assert done.stdout == "us/one\n"
    assert done.stderr == f"5.2 kB freed ({size:,} bytes)\n"
    assert [name for name, home in homes.items() if home.exists()] == ["us/two", "us/three"]
    assert "did you mean us/two" in hub.run("rm", "us/twoo", "--yes", code=2).stderr
    assert hub.run("rm", "--all", "--yes").stdout == "us/three\nus/two\n"
    assert other.is_dir(), "what is not ours stays"
    assert "names of cached models, or --all" in hub.run("rm", code=2).stderr
    assert "names of cached models, or --all" in hub.run("rm", "--all", "us/one", code=2).stderr


def test_rm_by_the_manifests_name(hub: Hub) -> None:
    name, entry = next(iter(manifest.official().models.items()))
    home = hub.model(entry.repository)
    assert hub.run("rm", name, "-y").stdout == f"{entry.repository}\n"
    assert not home.exists()


def test_rm_asks_at_a_terminal_and_refuses_where_nobody_can_answer(hub: Hub) -> None:
    home = hub.model("us/one")
    refused = hub.run("rm", "us/one", code=2)
    assert (
        refused.stderr
        == "ganzoo: nothing was removed: nobody can be asked here, so --yes is needed\n"
    )
    code, shown = hub.asked(b"n\n", "rm", "us/one")
    assert (code, home.exists()) == (1, True)
    assert "us/one, 5.2 kB" in shown
    assert "nothing was removed" in shown
    code, shown = hub.asked(b"y\n", "rm", "us/one")
    assert (code, home.exists()) == (0, False)
    assert "freed" in shown


def test_a_blob_of_two_repositories_goes_with_the_last(hub: Hub) -> None:
    """The client's store for all repositories; its names are another hash, which is not taken for a sha256."""
    store, key = hub.folder / "blobs", "c" * 64
    (store / key[:2]).mkdir(parents=True)
    (store / ".huggingface-shared-blobs").write_text("1\n")
    shared = store / key[:2] / key
    shared.write_bytes(WEIGHTS)
    etag, lines = hashlib.sha256(WEIGHTS).hexdigest(), []
    for name in ("one", "two"):
        blob = hub.model(f"us/{name}") / "blobs" / etag
        blob.unlink()
        blob.symlink_to(os.path.relpath(shared, blob.parent))
        lines.append(f"models--us--{name}/blobs/{etag}\n")
    shared.with_name(f"{key}.refs").write_text("".join(lines))
    assert hub.run("verify", "us/one").stdout.startswith("ok    us/one  3 files checked")
    hub.run("rm", "us/one", "--yes")
    assert shared.is_file()
    freed = hub.run("rm", "us/two", "--yes").stderr
    assert not shared.exists()
    assert freed.startswith("5.2 kB freed")


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


def test_without_the_right_to_read_or_write(hub: Hub, modes: Callable[[Path, int], None]) -> None:
    home, other = hub.model("us/one"), hub.model("us/two")
    modes(home, 0o000)
    done = hub.run("list")
    assert done.stderr == "us/one: cannot be looked into (Permission denied)\n"
    assert "us/two" in done.stdout
    assert "us/one" not in done.stdout
    modes(other / "blobs" / hashlib.sha256(WEIGHTS).hexdigest(), 0o000)
    assert (
        "model.safetensors: cannot be read (Permission denied)"
        in hub.run("verify", "us/two", code=1).stdout
    )
    for path in (other / "blobs", other / "snapshots", other, hub.folder):
        modes(path, 0o500)
    left = hub.run("rm", "us/two", "--yes", code=1)
    assert left.stdout == ""
    assert left.stderr.splitlines()[1:] == [
        "0 B freed (0 bytes)",
        f"ganzoo: us/two: not removed in full; is {other} yours to write?",
    ]
    modes(hub.folder, 0o000)
    assert hub.run("list", code=1).stderr == f"ganzoo: {hub.folder}: Permission denied\n"
