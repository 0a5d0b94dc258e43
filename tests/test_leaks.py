"""What is made to be shown or published says nothing of where it was made: no path, no user, no host.

The last part of a folder's name is no secret: it is the name of the run, and of the data."""

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
from ganzoo.release import prepare
from ganzoo.release.prepare import Story

USER, HOST, PLACE, SHELF = "mallory.quux", "zephyr-node-17", "secret-vault", "hidden-shelf"
OWN = {"local.json", "checkpoint.safetensors"}
"""Files of a run that are never published; only the first may hold a path."""


def command(home: Path, *words: object) -> None:
    """ganzoo as that user would call it, in a folder of theirs."""
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
    """A user's home with a run of eight pictures, samples of it in every form, and the folder that would be published."""
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
    command(home, "train", "vanilla", "--data", data, "--out", run, *common)
    model = ganzoo.load(run, device="cpu")
    model.sample(3, seed=1).save(home / "out" / "one.png")
    for target in ("many", "shards.tar"):
        model.write(home / "out" / target, 3, seed=1)
    prepare.prepare(
        run, home / "out" / "published", "somebody/shades", Story(summary="Shades", licence="mit")
    )
    return home


def public(home: Path) -> list[Path]:
    folders = (home / SHELF / "run", home / "out")
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.name not in OWN
    )


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """A file's bytes, and what is packed in it."""
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


def secrets(home: Path) -> list[bytes]:
    made_up = [USER, HOST, PLACE, SHELF, *home.parts[1:-2]]
    real = [socket.gethostname(), str(Path.home()), getpass.getuser()]
    return [word.encode() for word in dict.fromkeys(made_up + real) if len(word) > 3]


def told(data: bytes, secret: bytes) -> bool:
    """Whether a secret stands in the data as a word, in any case."""
    return bool(
        re.search(rb"(?<![a-z0-9_])" + re.escape(secret.lower()) + rb"(?![a-z0-9_])", data.lower())
    )


def test_nothing_public_says_where_it_was_made(home: Path) -> None:
    searched = ((name, data) for path in public(home) for name, data in contents(path))
    found = [
        (name, secret) for name, data in searched for secret in secrets(home) if told(data, secret)
    ]
    assert not found


def test_there_is_something_to_find(home: Path) -> None:
    """All kinds of files are there, and the search finds a secret where there is one."""
    names = {path.name for path in public(home)}
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
    inside = [name for name, _ in contents(home / "out" / "shards-000000.tar")]
    assert inside[1:] == [
        f"shards-000000.tar/{row:06d}.{kind}" for row in range(3) for kind in ("png", "json")
    ]
    local = (home / SHELF / "run" / "local.json").read_bytes()
    assert all(told(local, secret) for secret in (USER.encode(), PLACE.encode()))
    assert b"shades" in (home / SHELF / "run" / "run.json").read_bytes()
