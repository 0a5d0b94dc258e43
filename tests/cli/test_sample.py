"""`ganzoo sample`: how many, of what, which view, and where."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganzoo.cli import progress
from tests.cli.conftest import Call, Site


def rows(path: str, name: str = "sample") -> Any:
    with np.load(path, allow_pickle=False) as arrays:
        return arrays[name]


@pytest.mark.parametrize(
    ("plugin", "words", "count"),
    [
        ("tiny_class", [], 64),
        ("tiny_class", ["--label", "cross"], 64),
        ("tiny_class", ["--label", "all"], 24),
        ("tiny_class", ["--label", "cross,circle"], 16),
        ("tiny_curve", [], 16),
        ("tiny_text", ["--text", "a red bird"], 64),
        ("tiny_text", ["--text", "red", "--text", "blue", "--text", "a"], 24),
        ("tiny_text", ["--text", "red", "--text", "blue", "-n", "3"], 3),
        ("tiny_class", ["-n", "5"], 5),
    ],
)
def test_how_many(ganzoo: Call, model: Any, plugin: str, words: list[str], count: int) -> None:
    ganzoo("sample", model(plugin), "-o", "x.npz", "--seed", 1, *words)
    assert len(rows("x.npz")) == count


@pytest.mark.parametrize(
    ("words", "lines", "columns"),
    [
        (["--label", "all"], 3, 8),
        (["--label", "all", "-n", "15"], 3, 5),
        (["--label", "cross,circle", "-n", "8"], 2, 4),
        (["--label", "all", "--columns", "12"], 2, 12),
        (["--label", "all", "-n", "16"], 4, 4),
        (["--label", "cross", "-n", "16"], 4, 4),
    ],
)
def test_each_class_has_a_line_of_the_grid(
    ganzoo: Call, model: Any, words: list[str], lines: int, columns: int
) -> None:
    """Where the number of samples shares out; pictures of 8 pixels stand 2 apart."""
    ganzoo("sample", model("tiny_class"), "-o", "x.png", "--seed", 1, *words)
    assert Image.open("x.png").size == (10 * columns + 2, 10 * lines + 2)


def test_one_sample_for_each_picture(ganzoo: Call, model: Any) -> None:
    for name, shade in {"a": 0, "b": 255}.items():
        Image.new("RGB", (16, 16), (shade, 0, 0)).save(f"{name}.png")
    folder = model("tiny_unpaired")
    ganzoo("sample", folder, "--image", "a.png", "-o", "one.npz", "--seed", 1)
    ganzoo("sample", folder, "--image", "a.png", "--image", "b.png", "-o", "two.npz", "--seed", 1)
    assert (len(rows("one.npz")), len(rows("two.npz"))) == (1, 2)
    assert (rows("one.npz")[0] == rows("two.npz")[0]).all()
    assert (rows("two.npz")[0] != rows("two.npz")[1]).any()
    assert "--image FILE" in ganzoo("sample", folder, "-o", "none.npz", code=2).stderr
    assert (
        "no file gone.png"
        in ganzoo("sample", folder, "--image", "gone.png", "-o", "none.npz", code=2).stderr
    )


def test_a_range_of_a_code_runs_along_each_line_of_the_grid(ganzoo: Call, model: Any) -> None:
    folder = model("tiny_codes")
    ganzoo("sample", folder, "--code", "c1=-2..2", "-n", 16, "--seed", 1, "-o", "auto.npz")
    ganzoo(
        "sample",
        folder,
        "--code",
        "c1=-2..2",
        "-n",
        16,
        "--seed",
        1,
        "--columns",
        4,
        "-o",
        "four.npz",
    )
    ganzoo(
        "sample",
        folder,
        "--code",
        "c1=-2..2",
        "-n",
        16,
        "--seed",
        1,
        "--columns",
        16,
        "-o",
        "sixteen.npz",
    )
    assert (rows("auto.npz") == rows("four.npz")).all(), "16 pictures stand in 4 columns"
    assert (rows("auto.npz") != rows("sixteen.npz")).any()


def test_a_view(ganzoo: Call, model: Any) -> None:
    folder = model("tiny_text")
    words = ["sample", folder, "--text", "a bird", "-n", 2, "--seed", 1, "-o"]
    ganzoo(*words, "all.npz")
    with np.load("all.npz") as arrays:
        views = sorted(set(arrays.files) - {"sample", "seed"})
    assert views
    ganzoo(*words, "view.npz", "--show", views[0])
    assert (rows("view.npz") == rows("all.npz", views[0])).all()
    ganzoo(*words, "plain.png")
    ganzoo(*words, "named.png", "--show", "sample")
    assert np.array_equal(Image.open("named.png"), Image.open("plain.png"))  # type: ignore[arg-type]
    wrong = ganzoo(*words, "wrong.png", "--show", "nothing", code=2).stderr
    assert views[0] in wrong
    assert not Path("wrong.png").exists()


def test_views_of_another_shape(ganzoo: Call, model: Any) -> None:
    """Stage 1 of 4 pixels a side, and above a sample of 8: in a grid, a folder and shards."""
    folder = model("tiny_text")
    words = ["sample", folder, "--text", "a bird", "-n", 4, "--seed", 1]
    for view, size in {"stage1": (4, 4), "stages": (8, 16)}.items():
        ganzoo(*words, "--show", view, "-o", f"{view}.png")
        assert Image.open(f"{view}.png").size == (2 * (size[0] + 2) + 2, 2 * (size[1] + 2) + 2)
        ganzoo(*words, "--show", view, "-o", view)
        assert {Image.open(path).size for path in Path(view).glob("*.png")} == {size}
    ganzoo(*words, "--stages", "-o", "same.png")
    assert Path("same.png").read_bytes() == Path("stages.png").read_bytes()
    assert (
        "give one of the three"
        in ganzoo(*words, "--stages", "--cycle", "-o", "x.png", code=2).stderr
    )
    assert (
        "no other views"
        in ganzoo("sample", model("tiny_class"), "--stages", "-o", "x.png", code=2).stderr
    )
    ganzoo(
        "sample",
        folder,
        "--text",
        "red",
        "--text",
        "blue",
        "--stages",
        "--seed",
        1,
        "-o",
        "two.png",
    )
    assert Image.open("two.png").height > 2 * (16 + 4)
    assert "pixel by pixel" in ganzoo("replay", "two.png", "--model", folder).stderr


def sheet(path: str) -> Any:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


SENTENCES = [
    "a red square",
    "blue circle, and more than has room above pictures of eight pixels: "
    + "it is cut, " * 40
    + "at last",
    "\u05d0 red",
]


def test_each_sentence_stands_above_its_line(ganzoo: Call, model: Any) -> None:
    """Two bands of letters and two lines of pictures, which are those of the grid without letters."""
    folder = model("tiny_text")
    words = ["sample", folder, "--seed", 1, "-n", 8]
    ganzoo(*words, "--text", SENTENCES[0], "--text", SENTENCES[1], "-o", "x.png")
    ganzoo(*words, "--text", SENTENCES[0], "--text", SENTENCES[1], "-o", "x.npz")
    found, tiles = sheet("x.png"), rows("x.npz")
    height, line = len(found), 8 + 2 + 2
    band = height // 2 - line
    for number in range(2):
        top = number * (band + line)
        assert found[top : top + band].min() < 100, "letters"
        assert (found[top : top + band, -2:] == 255).all(), "they end before the border"
        for column in range(4):
            left = 2 + 10 * column
            assert (
                found[top + band + 2 : top + band + 10, left : left + 8]
                == tiles[4 * number + column]
            ).all()
    assert (found[:band] != found[band + line : 2 * band + line]).any()
    ganzoo(*words, "--text", "red", "--text", "blue", "--columns", 3, "-o", "uneven.png")
    assert sheet("uneven.png").shape[:2] == (3 * 10 + 2, 3 * 10 + 2), (
        "lines that hold both have no letters"
    )


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_of_sentences(ganzoo: Call, model: Any, start: str, end: str) -> None:
    folder = model("tiny_text")
    Path("lines.txt").write_bytes(
        (start + end.join(["", *SENTENCES[:2], "   ", SENTENCES[2]])).encode()
    )
    said = ganzoo("sample", folder, "--texts", "lines.txt", "-o", "file.png").stderr
    ganzoo(*shlex.split(said.partition("again: ")[2])[1:], "-o", "again.png")
    assert Path("again.png").read_bytes() == Path("file.png").read_bytes()
    given = [word for sentence in SENTENCES for word in ("--text", sentence)]
    seed = said.split()[1].strip(";")
    ganzoo("sample", folder, *given, "--seed", seed, "-o", "given.png")
    assert Path("given.png").read_bytes() == Path("file.png").read_bytes()
    with Image.open("file.png") as image:
        assert json.loads(image.info["ganzoo"])["inputs"] == {"text": SENTENCES}
    Path("lines.txt").unlink()
    assert "the same, pixel by pixel" in ganzoo("replay", "file.png", "--model", folder).stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"", "0 prompts; give 1 to 1,000"),
        (b" \n\n", "0 prompts"),
        (b"red\n" * 1001, "1,001 prompts"),
        (b"red\n\n!!!\n", "no word in line 3, '!!!'"),
        (b"red\nbl\xffe\n", "line 2 is not UTF-8"),
        ("red".encode("utf-16"), "line 1 is not UTF-8"),
        (b"x" * (1 << 21), "more than 1,048,576 bytes"),
    ],
)
def test_files_that_are_no_sentences(
    ganzoo: Call, model: Any, content: bytes | None, said: str
) -> None:
    if content is not None:
        Path("x.txt").write_bytes(content)
    error = ganzoo("sample", model("tiny_text"), "--texts", "x.txt", "-o", "x.png", code=2).stderr
    assert said in error
    assert error.count("\n") == 1
    assert not Path("x.png").exists()


def test_sentences_that_do_not_fit(ganzoo: Call, model: Any) -> None:
    folder = model("tiny_text")
    Path("x.txt").write_text("red\n" * 1000)
    Path("y").mkdir()
    for words, said in (
        (["--texts", "x.txt", "-n", 2000, "--columns", 1], "write a folder or .tar files"),
        (["--texts", "x.txt", "-n", 5], "1000 prompts for 5 samples"),
        (["--texts", "x.txt", "--text", "red"], "give one of them"),
        (["--texts", "y"], "not a file"),
        ([], "a prompt is needed (--text"),
    ):
        assert said in ganzoo("sample", folder, *words, "-o", "x.png", code=2).stderr
    assert (
        "no such input"
        in ganzoo("sample", model("tiny_class"), "--text", "red", "-o", "x.png", code=2).stderr
    )


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("", "an empty prompt"),
        ("!?\u2026", "no word in"),
        ("\U0001f600", "no word in"),
        ("red \udcff", "not valid UTF-8"),
    ],
)
def test_a_sentence_that_says_nothing(ganzoo: Call, model: Any, sentence: str, said: str) -> None:
    error = ganzoo("sample", model("tiny_text"), "--text", sentence, "-o", "x.png", code=2).stderr
    assert said in error
    assert error.count("\n") == 1
    assert not Path("x.png").exists()


@pytest.mark.parametrize(
    "sentence",
    [
        "red " * 10_000,
        "\u05e9\u05d9\u05e2\u05e8",
        "red \U0001f600",
        "red\x1b[2J\x07\x00",
        "\u202ered",
        "Zoe\u0308",
    ],
)
def test_whatever_a_sentence_says_there_is_a_picture(
    ganzoo: Call, model: Any, sentence: str
) -> None:
    folder = model("tiny_text")
    ganzoo(
        "sample", folder, "--text", sentence, "--text", "red", "-n", 4, "--seed", 0, "-o", "x.png"
    )
    if len(sentence) < 10_000:
        assert "pixel by pixel" in ganzoo("replay", "x.png", "--model", folder).stderr
    else:
        assert "too large for a PNG" in ganzoo("replay", "x.png", "--model", folder, code=2).stderr


def test_the_printed_command_makes_the_same_again(ganzoo: Call, site: Site) -> None:
    site.publish("shapes-small")
    first = ganzoo("sample", "shapes-small", "-n", 3, "--label", "cross,square", "-o", "a.npz")
    command = shlex.split(first.stderr.partition("again: ")[2])
    assert command[0] == "ganzoo"
    ganzoo(*command[1:], "-o", "b.npz")
    assert (rows("a.npz") == rows("b.npz")).all()


def test_the_default_target_and_its_neighbours(ganzoo: Call, site: Site) -> None:
    site.publish("shapes-small")
    assert ganzoo("sample", "shapes-small", "-n", 1, "--seed", 0).stdout == "shapes-small.png\n"
    before = Path("shapes-small.png").read_bytes()
    assert "give --force" in ganzoo("sample", "shapes-small", "-n", 1, "--seed", 9, code=2).stderr
    assert Path("shapes-small.png").read_bytes() == before
    ganzoo("sample", "shapes-small", "-n", 1, "--seed", 9, "--force")
    assert Path("shapes-small.png").read_bytes() != before


def test_a_place_that_cannot_be_written(ganzoo: Call, site: Site) -> None:
    site.publish("shapes-small")
    Path("file").write_text("x")
    error = ganzoo("sample", "shapes-small", "-n", 1, "-o", "file/x.png", code=1).stderr
    assert error.startswith("ganzoo: file/x.png cannot be written")
    assert error.count("\n") == 1


@pytest.fixture
def unlogged() -> Iterator[None]:
    """What -v does to the logger is undone: its handler writes to a stream that is closed by then."""
    yield
    logger = logging.getLogger("ganzoo")
    logger.handlers = []
    logger.setLevel(logging.NOTSET)


@pytest.mark.usefixtures("unlogged")
def test_verbose_tells_device_and_precision(ganzoo: Call, site: Site) -> None:
    site.publish("shapes-small")
    assert "shapes-small: shapes, cpu, fp32" in ganzoo(
        "-v", "sample", "shapes-small", "-n", 1, "--seed", 0, "--precision", "fp32", "--device", "cpu"
    ).stderr  # fmt: skip


def test_a_folder_gives_its_name_to_the_default_target(
    ganzoo: Call, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = model("tiny_curve")
    (place / "below").mkdir()
    for cwd, name in ((place, "."), (place / "below", ".."), (place.parent, f"./{place.name}/")):
        monkeypatch.chdir(cwd)
        assert ganzoo("sample", name, "-n", 1, "--seed", 0).stdout == f"{place.name}.png\n"
        assert (cwd / f"{place.name}.png").is_file()


def test_a_clock() -> None:
    assert [progress.format_clock(s) for s in (0, 59.6, 3600 * 30 + 61)] == [
        "0:00:00",
        "0:01:00",
        "30:01:01",
    ]
