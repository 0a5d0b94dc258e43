"""`ganzoo sample`: how many, of what, which view, and where."""

from __future__ import annotations

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
def test_each_class_has_a_line_of_the_grid(ganzoo: Call, model: Any, words: list[str], lines: int, columns: int) -> None:
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
    assert "no file gone.png" in ganzoo("sample", folder, "--image", "gone.png", "-o", "none.npz", code=2).stderr


def test_a_range_of_a_code_runs_along_each_line_of_the_grid(ganzoo: Call, model: Any) -> None:
    folder = model("tiny_codes")
    ganzoo("sample", folder, "--code", "c1=-2..2", "-n", 16, "--seed", 1, "-o", "auto.npz")
    ganzoo("sample", folder, "--code", "c1=-2..2", "-n", 16, "--seed", 1, "--columns", 4, "-o", "four.npz")
    ganzoo("sample", folder, "--code", "c1=-2..2", "-n", 16, "--seed", 1, "--columns", 16, "-o", "sixteen.npz")
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
    wrong = ganzoo(*words, "wrong.png", "--show", "nothing", code=2).stderr
    assert views[0] in wrong
    assert not Path("wrong.png").exists()


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


def test_a_folder_gives_its_name_to_the_default_target(ganzoo: Call, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = model("tiny_curve")
    (place / "below").mkdir()
    for cwd, name in ((place, "."), (place / "below", ".."), (place.parent, f"./{place.name}/")):
        monkeypatch.chdir(cwd)
        assert ganzoo("sample", name, "-n", 1, "--seed", 0).stdout == f"{place.name}.png\n"
        assert (cwd / f"{place.name}.png").is_file()


def test_a_clock() -> None:
    assert [progress.clock(s) for s in (0, 59.6, 3600 * 30 + 61)] == ["0:00:00", "0:01:00", "30:01:01"]
