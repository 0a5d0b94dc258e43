"""`ganzoo explore`: the files it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Call


def test_all_that_a_model_has(ganzoo: Call, model: Any) -> None:
    where = model("tiny_codes")
    told = ganzoo("explore", where, "--steps", 3, "--side", 2, "--seeds", "4,9,2").stdout.split()
    folder = f"{where.name}-latent"
    names = [
        "interpolation.png",
        "interpolation.gif",
        "grid.png",
        "code-k1.png",
        "code-c1.png",
        "code-c2.png",
        "truncation.png",
    ]
    assert told == [f"{folder}/{name}" for name in names]
    assert Image.open(told[0]).size == (3 * 10 + 2, 2 * 10 + 2)
    with Image.open(told[1]) as moving:
        assert moving.n_frames == 3 * 16  # type: ignore[attr-defined]
        assert min(moving.size) >= 128
        assert moving.info["loop"] == 0


def test_the_first_and_last_frame_are_neighbours(ganzoo: Call) -> None:
    ganzoo(
        "explore",
        "dcgan-mnist",
        "--view",
        "interpolation",
        "--seeds",
        "0,1",
        "--steps",
        2,
        "--out",
        "x",
    )
    with Image.open("x/interpolation.gif") as moving:
        frames = []
        for number in range(moving.n_frames):  # type: ignore[attr-defined]
            moving.seek(number)
            frames.append(np.asarray(moving.convert("L"), dtype=float))
    ends = np.abs(frames[0] - frames[-1]).mean()
    assert ends < np.abs(frames[0] - frames[len(frames) // 2]).mean() / 2


def test_classes_stand_side_by_side(ganzoo: Call, model: Any) -> None:
    ganzoo(
        "explore",
        model("tiny_class"),
        "--label",
        "all",
        "--steps",
        2,
        "--side",
        3,
        "--out",
        "x",
        "--view",
        "interpolation,grid",
    )
    assert sorted(path.name for path in Path("x").iterdir()) == [
        "grid.png",
        "interpolation.gif",
        "interpolation.png",
    ]


def test_points_have_no_gif(ganzoo: Call) -> None:
    told = ganzoo("explore", "vanilla-sine", "--steps", 2, "--side", 2).stdout
    assert "interpolation.png" in told
    assert "gif" not in told


def test_between_sentences(ganzoo: Call, model: Any) -> None:
    where = model("tiny_text")
    words = ("--text", "a red circle", "--text", "blue", "--steps", 3, "--side", 2)
    told = ganzoo("explore", where, *words, "--out", "x").stdout.split()
    assert [Path(path).name for path in told][-2:] == ["sentences.png", "sentences.gif"]
    assert Image.open("x/sentences.png").size == (3 * 10 + 2, 4 * 10 + 2)
    with Image.open("x/sentences.gif") as moving:
        assert moving.n_frames == 2 * 16  # type: ignore[attr-defined]
        assert moving.size == (128, 128), "four of 8 pixels, enlarged"
    one = ganzoo("explore", where, "--text", "red", "--side", 2, "--out", "y").stdout
    assert "sentences" not in one
    said = ganzoo(
        "explore", where, "--text", "red", "--view", "sentences", "--out", "z", code=2
    ).stderr
    assert "needs at least two" in said
    assert not Path("z").exists()
    said = ganzoo(
        "explore",
        where,
        "--text",
        "red",
        "--text",
        "!",
        "--view",
        "sentences",
        "--out",
        "z",
        "--force",
        code=2,
    ).stderr
    assert "no word in '!'" in said
    assert not Path("z").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--view", "gird"), "no view 'gird'; did you mean grid?"),
        (("--view", "codes"), "takes no codes"),
        (("--seeds", "1"), "at least two"),
        (("--seeds", "1,x"), "whole numbers between commas"),
        (("--seed", -1), "not in 0"),
        (("--steps", 1), "--steps 1"),
        (("--side", 1000), "--side 1000"),
        (("--span", 0), "--span 0"),
        (("--label", "3"), "no such input"),
    ],
)
def test_what_is_refused(ganzoo: Call, words: tuple[Any, ...], said: str) -> None:
    assert said in ganzoo("explore", "dcgan-mnist", *words, code=2).stderr


def test_a_folder_with_things_in_it_is_left_alone(ganzoo: Call, model: Any) -> None:
    Path("x").mkdir()
    Path("x/mine.txt").write_text("mine")
    where = model("tiny_vae")
    assert "exists" in ganzoo("explore", where, "--out", "x", code=2).stderr
    ganzoo("explore", where, "--out", "x", "--force", "--view", "grid", "--side", 2)
    assert Path("x/mine.txt").read_text() == "mine"
    assert (
        "takes no latent" in ganzoo("explore", model("tiny_unpaired"), "--out", "y", code=2).stderr
    )
    assert not Path("y").exists()
