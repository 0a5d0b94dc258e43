"""Public files name no path, user or host of the machine that wrote them.

The last part of a path is no secret: it names the run or the data.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

import ganzoo
from ganzoo.release import Description, prepare

USER, HOST, PLACE, SHELF = "mallory.quux", "zephyr-node-17", "secret-vault", "hidden-shelf"
OWN = {"local.json", "checkpoint.safetensors"}
"""Files of a run that are never published; only the first may contain a path."""


def run_command(home: Path, *words: object) -> None:
    """Call ganzoo as that user, in their home."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "USER": USER,
        "LOGNAME": USER,
        "USERNAME": USER,
        "HOSTNAME": HOST,
    }
    program = [sys.executable, "-c", "from ganzoo.cli.app import main; main()", *map(str, words)]
    done = subprocess.run(
        program, cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a run on eight images, samples in every format, and a prepared release."""
    home = tmp_path_factory.mktemp(HOST) / "home" / USER
    data, run = home / PLACE / "shades", home / SHELF / "run"
    data.mkdir(parents=True)
    for number in range(8):
        Image.new("L", (8, 8), 20 * number).save(data / f"{number}.png")
    common = (
        "--steps",
        4,
        "--sample-every",
        2,
        "--batch-size",
        4,
        "--set",
        "generator=8",
        "--device",
        "cpu",
    )
    run_command(home, "train", "vanilla", "--data", data, "--out", run, *common)
    model = ganzoo.load(run, device="cpu")
    model.sample(3, seed=1).save(home / "out" / "one.png")
    for target in ("many", "shards.tar"):
        model.write(home / "out" / target, 3, seed=1)
    prepare.prepare_model(
        run,
        home / "out" / "published",
        "somebody/shades",
        Description(summary="Shades", licence="mit"),
    )
    return home


def list_public(home: Path) -> list[Path]:
    folders = (home / SHELF / "run", home / "out")
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.name not in OWN
    )


def iterate_contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of a file and of everything packed in it."""
    data = path.read_bytes()
    yield path.name, data
    if path.suffix == ".tar":
        with tarfile.open(path) as archive:
            for member in archive:
                assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", ""), (
                    member.name
                )
                inner = archive.extractfile(member)
                yield f"{path.name}/{member.name}", inner.read() if inner else b""
    elif path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            yield from (
                (f"{path.name}/{name}", name.encode() + archive.read(name))
                for name in archive.namelist()
            )
    elif path.suffix in (".png", ".gif"):
        with Image.open(BytesIO(data)) as image:
            image.load()
            yield f"{path.name}: what it says", repr(image.info).encode()


def list_secrets(home: Path) -> list[bytes]:
    made_up = [USER, HOST, PLACE, SHELF, *home.parts[1:-2]]
    real = [socket.gethostname(), str(Path.home()), getpass.getuser()]
    return [word.encode() for word in dict.fromkeys(made_up + real) if len(word) > 3]


def contains(data: bytes, secret: bytes) -> bool:
    """Whether the data contain a secret as a word, in any case."""
    return bool(
        re.search(rb"(?<![a-z0-9_])" + re.escape(secret.lower()) + rb"(?![a-z0-9_])", data.lower())
    )


def test_public_files_contain_no_secret(home: Path) -> None:
    searched = ((name, data) for path in list_public(home) for name, data in iterate_contents(path))
    found = [
        (name, secret)
        for name, data in searched
        for secret in list_secrets(home)
        if contains(data, secret)
    ]
    assert not found


def test_the_search_covers_all_files_and_finds_secrets(home: Path) -> None:
    """All kinds of files exist, and the search finds the secrets of local.json."""
    names = {path.name for path in list_public(home)}
    assert {
        "run.json",
        "config.json",
        "model.safetensors",
        "training.safetensors",
        "metrics.jsonl",
        "samples.gif",
    } <= names
    assert {
        "losses.png",
        "one.png",
        "000002.png",
        "samples.json",
        "shards-000000.tar",
        "shards.samples.json",
    } <= names
    assert {path.name for path in (home / "out" / "published").iterdir()} == set(prepare.PUBLISHED)
    inside = [name for name, _ in iterate_contents(home / "out" / "shards-000000.tar")]
    assert inside[1:] == [
        f"shards-000000.tar/{row:06d}.{kind}" for row in range(3) for kind in ("png", "json")
    ]
    local = (home / SHELF / "run" / "local.json").read_bytes()
    assert all(contains(local, secret) for secret in (USER.encode(), PLACE.encode()))
    assert b"shades" in (home / SHELF / "run" / "run.json").read_bytes()
