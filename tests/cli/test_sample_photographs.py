"""`ganzoo sample --image`: photographs, each in its own size."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from tests.cli.conftest import Call, publish
from tests.toned import announce, photograph


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An untrained model that takes photographs."""
    home = tmp_path_factory.mktemp("toned")
    announce(home / "lib")
    monkeypatch.syspath_prepend(str(home / "lib"))
    publish(home, "toned", "toned-x")
    return home / "weights" / "toned-x"


@pytest.fixture
def photos(ganzoo: Call) -> dict[str, tuple[int, int]]:
    """Images of several kinds and sizes in photos/, a broken one and a note; sizes by result."""
    Path("photos").mkdir()
    sizes = {"a.jpg": (40, 31), "b.png": (17, 50), "c.gif": (20, 20), "d.webp": (33, 12)}
    for name, (width, height) in sizes.items():
        Image.fromarray(photograph(height, width)).save(Path("photos") / name)
    Path("photos/bad.jpg").write_bytes(Path("photos/a.jpg").read_bytes()[:-200])
    Path("photos/note.txt").write_text("hello")
    return {name.replace(".gif", ".png"): size for name, size in sizes.items()}


def size(path: str | Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.load()
        return image.size


def test_one_photograph(ganzoo: Call, folder: Path, photos: Any) -> None:
    for name in ("y.jpg", "y.JPEG", "y.png", "y.webp", "y.tiff"):
        assert ganzoo("sample", folder, "--image", "photos/a.jpg", "-o", name).stdout == f"{name}\n"
        assert size(name) == (40, 31)
    done = ganzoo("sample", folder, "--image", "photos/a.jpg")
    assert (done.stdout, done.stderr) == ("toned-x.png\n", "")
    ganzoo("sample", folder, "--image", "photos/a.jpg", "--direction", "B2A", "-o", "b.png")
    assert Path("b.png").read_bytes() != Path("y.png").read_bytes()


def test_a_folder_with_a_bad_file(
    ganzoo: Call, folder: Path, photos: dict[str, tuple[int, int]]
) -> None:
    done = ganzoo("sample", folder, "--image", "photos", "-o", "out", code=1)
    assert done.stdout == "out\n"
    assert done.stderr.startswith(
        "ganzoo: 1 of 5 images were not translated: photos/bad.jpg is not a readable image"
    )
    assert done.stderr.count("\n") == 1
    assert {path.name: size(path) for path in Path("out").iterdir()} == photos
    Path("photos/bad.jpg").unlink()
    assert (
        "give --force" in ganzoo("sample", folder, "--image", "photos", "-o", "out", code=2).stderr
    )
    ganzoo("sample", folder, "--image", "photos", "-o", "out", "--force")


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_a_folder_with_a_picture_that_its_decoder_gives_up_on(ganzoo: Call, folder: Path) -> None:
    Path("photos").mkdir()
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(photograph(40, 31)).save(Path("photos") / name)
    Image.fromarray(photograph(40, 31)).save("photos/b.png", "AVIF")
    levels = bytearray(Path("photos/b.png").read_bytes())
    levels[levels.index(b"mdat") + 4] ^= 255
    Path("photos/b.png").write_bytes(levels)
    done = ganzoo("sample", folder, "--image", "photos", "-o", "out", code=1)
    assert done.stderr.startswith(
        "ganzoo: 1 of 3 images were not translated: photos/b.png is not a readable image"
    )
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "c.png"]


def test_all_bad(ganzoo: Call, folder: Path, photos: Any) -> None:
    Path("photos/worse.jpg").write_text("x")
    done = ganzoo(
        "sample",
        folder,
        "--image",
        "photos/bad.jpg",
        "--image",
        "photos/worse.jpg",
        "-o",
        "out",
        code=1,
    )
    assert done.stdout == ""
    assert "2 of 2" in done.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--image", "photos/note.txt", "-o", "y.jpg"], "not a readable image"),
        (["--image", "photos/bad.jpg", "-o", "y.jpg"], "truncated"),
        (["--image", "gone.jpg", "-o", "y.jpg"], "no file gone.jpg"),
        (["--image", "empty", "-o", "out"], "empty holds no images"),
        (["--image", "photos", "-o", "y.jpg"], "need a folder"),
        (
            ["--image", "photos/a.jpg", "--image", "photos/b.png", "-o", "y.png"],
            "need a folder",
        ),
        (["--image", "photos/a.jpg", "-o", "y.bmp"], "samples are written as"),
        (
            ["--image", "photos/a.jpg", "-o", "file"],
            "file is a file; a name without an extension is a folder",
        ),
        (
            ["--image", "photos", "-n", "3", "-o", "out"],
            "photos is a folder, and each of its images is translated once",
        ),
        (["--image", "pipe.jpg", "-o", "y.jpg"], "a pipe, not a file"),
        (["--image", "damaged.tif", "-o", "y.jpg"], "not a readable image"),
        (["--image", "photos/a.jpg", "-o", "photos/a.jpg", "--force"], "is the source image"),
        (["--image", "photos", "-o", "photos", "--force"], "is the source image"),
        (["--image", "photos/a.jpg", "-o", "photos/b.png"], "give --force"),
        (
            ["--image", "photos/c.gif", "--image", "empty/../photos/c.gif", "-o", "out"],
            "would both be written to",
        ),
        (["--image", "photos/a.jpg", "-o", "y.jpg", "--show", "lamp"], "this model gives sample"),
        (["--image", "photos", "-o", "out", "--show", "lamp"], "this model gives sample"),
        (["--image", "photos", "-o", "out", "--direction", "C"], "no option 'C'"),
        (["--image", "photos/a.jpg", "-o", "y.jpg", "--columns", "2"], "--columns"),
        (
            ["--image", "photos/a.jpg", "-o", "y.jpg", "--cycle", "--show", "grey"],
            "give one of the three",
        ),
        (["-o", "y.png"], "--image FILE"),
    ],
)
def test_one_line_and_nothing_is_written(
    ganzoo: Call, folder: Path, photos: Any, words: list[str], text: str
) -> None:
    Path("empty").mkdir()
    Path("file").write_text("x")
    os.mkfifo("pipe.jpg")
    Image.fromarray(photograph(40, 31)).save("damaged.tif")
    levels = Path("damaged.tif").read_bytes()
    Path("damaged.tif").write_bytes(levels[:20] + levels[40:-6])
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    error = ganzoo("sample", folder, *words, code=2).stderr
    assert text in error
    assert error.count("\n") == 1
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_unlike_sizes_into_a_folder(ganzoo: Call, folder: Path, photos: Any) -> None:
    ganzoo("sample", folder, "--image", "photos/a.jpg", "--image", "photos/b.png", "-o", "out")
    assert {path.name: size(path) for path in Path("out").iterdir()} == {
        "a.jpg": (40, 31),
        "b.png": (17, 50),
    }


def test_the_cycle(ganzoo: Call, folder: Path, photos: Any) -> None:
    ganzoo("sample", folder, "--image", "photos/b.png", "--cycle", "-o", "y.png")
    ganzoo("sample", folder, "--image", "photos/b.png", "--show", "cycle", "-o", "z.png")
    assert size("y.png") == (3 * 17, 50)
    with (
        Image.open("y.png") as made,
        Image.open("z.png") as again,
        Image.open("photos/b.png") as before,
    ):
        assert (np.asarray(made)[:, :17] == np.asarray(before)).all()
        assert (np.asarray(made) == np.asarray(again)).all()


def test_a_photograph_is_replayed(ganzoo: Call, folder: Path, photos: Any) -> None:
    for words in ([], ["--show", "grey"], ["--cycle", "--direction", "B2A"]):
        ganzoo("sample", folder, "--image", "photos/b.png", "-o", "y.png", "--force", *words)
        again = ganzoo(
            "replay",
            "y.png",
            "--model",
            folder,
            "--image",
            "photos/b.png",
            "-o",
            "z.png",
            "--force",
        )
        assert "pixel by pixel" in again.stderr


def test_a_place_that_cannot_be_written(ganzoo: Call, folder: Path, photos: Any) -> None:
    Path("file").write_text("x")
    assert (
        "cannot write file/y.jpg"
        in ganzoo("sample", folder, "--image", "photos/a.jpg", "-o", "file/y.jpg", code=1).stderr
    )


def test_a_model_that_takes_no_picture(ganzoo: Call, model: Any, photos: Any) -> None:
    plain = model("tiny_class")
    assert (
        "no such input"
        in ganzoo("sample", plain, "--image", "photos/a.jpg", "-o", "y.png", code=2).stderr
    )
    assert (
        "no such input"
        in ganzoo("sample", plain, "--image", "photos/a.jpg", "-o", "y.jpg", code=2).stderr
    )
    assert "samples are written as" in ganzoo("sample", plain, "-o", "y.jpg", code=2).stderr
