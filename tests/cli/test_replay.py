"""`ganzoo replay`: the same picture again, and nothing that a stranger's picture asks beyond that."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ganzoo.sampling import origin
from tests.cli.conftest import Call, Site


def pixels(path: str) -> Any:
    with Image.open(path) as image:
        return np.asarray(image)


def altered(path: str, **changes: Any) -> str:
    """A copy that says something else of its making."""
    with Image.open(path) as image:
        told = {**json.loads(image.info["ganzoo"]), **changes}
        text = PngInfo()
        text.add_itxt("ganzoo", json.dumps(told))
        image.save("altered.png", pnginfo=text)
    return "altered.png"


def test_a_grid_and_one_of_many(ganzoo: Call, tmp_path: Path) -> None:
    ganzoo("sample", "vanilla-mnist", "-n", 10, "--columns", 5, "--seed", 3, "-o", "a.png")
    done = ganzoo("replay", "a.png")
    assert done.stdout == "a-again.png\n"
    assert "the same, pixel by pixel" in done.stderr
    assert (pixels("a.png") == pixels("a-again.png")).all()
    ganzoo("sample", "vanilla-mnist", "-n", 70, "--seed", 3, "-o", "many")
    assert "the same, pixel by pixel" in ganzoo("replay", "many/000066.png", "-o", "one.png").stderr
    assert origin.read_origin(Path("one.png")) == origin.read_origin(Path("many/000066.png")), (
        "a replay can be replayed"
    )
    assert "exists" in ganzoo("replay", "a.png", code=2).stderr
    ganzoo("replay", "a.png", "--force")


def test_inputs_come_along(ganzoo: Call, model: Any) -> None:
    folder = model("tiny_class")
    ganzoo("sample", folder, "--label", "all", "--seed", 1, "-o", "a.png")
    assert "by --model" in ganzoo("replay", "a.png", code=2).stderr
    assert "pixel by pixel" in ganzoo("replay", "a.png", "--model", folder).stderr
    ganzoo("sample", folder, "--label", "all", "--seed", 1, "-o", "rows")
    for row in (0, 9, 23):
        ganzoo("replay", f"rows/{row:06d}.png", "--model", folder, "-o", f"{row}.png")
        assert (pixels(f"{row}.png") == pixels(f"rows/{row:06d}.png")).all()
    codes = model("tiny_codes")
    ganzoo(
        "sample", codes, "--code", "c1=-2..2", "-n", 16, "--columns", 4, "--seed", 1, "-o", "c.png"
    )
    assert "pixel by pixel" in ganzoo("replay", "c.png", "--model", codes).stderr
    text = model("tiny_text")
    ganzoo(
        "sample",
        text,
        "--text",
        "a red bird",
        "--text",
        "a bird",
        "-n",
        4,
        "--seed",
        1,
        "-o",
        "t.png",
    )
    assert "pixel by pixel" in ganzoo("replay", "t.png", "--model", text).stderr


def test_pictures_are_given_again(ganzoo: Call, model: Any) -> None:
    folder = model("tiny_unpaired")
    for name, shade in {"a": 0, "b": 255}.items():
        Image.new("RGB", (16, 16), (shade, 0, 0)).save(f"{name}.png")
    ganzoo("sample", folder, "--image", "a.png", "-o", "x.png", "--seed", 1)
    assert "a.png" not in Path("x.png").read_bytes().decode("latin1")
    assert "--image FILE" in ganzoo("replay", "x.png", "--model", folder, code=2).stderr
    assert (
        "hashes differ"
        in ganzoo("replay", "x.png", "--model", folder, "--image", "b.png", code=2).stderr
    )
    assert (
        "pixel by pixel" in ganzoo("replay", "x.png", "--model", folder, "--image", "a.png").stderr
    )


def test_it_fetches_nothing_and_takes_no_other_weights(ganzoo: Call, site: Site) -> None:
    folder = site.publish("shapes-one")
    ganzoo("sample", "shapes-one", "-n", 4, "--seed", 1, "-o", "a.png")
    ganzoo("replay", "a.png")
    folder.rename(folder.with_name("away"))
    assert "ganzoo pull shapes-one" in ganzoo("replay", "a.png", "--force", code=1).stderr
    ganzoo("sample", "vanilla-mnist", "-n", 4, "--seed", 1, "-o", "b.png")
    assert "other weights" in ganzoo("replay", altered("b.png", weights="0" * 64), code=1).stderr


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"n": 10**9}, "at most 65,536"),
        ({"columns": 10**9}, "at most 65,536"),
        ({"n": -1}, "cannot be read"),
        ({"seed": 2**64}, "cannot be read"),
        ({"row": 99}, "at most"),
        ({"model": "../../etc/passwd"}, "not in the manifest"),
        ({"inputs": {"no_such": 1}}, "no such input"),
        ({"inputs": {"latent": None}}, "too large for a PNG to record"),
        ({"inputs": {"latent": {"digest": "0" * 64}}}, "too large for a PNG to record"),
        ({"view": "none"}, "no other views"),
        ({"inputs": "x" * 70_000}, "does not say"),
    ],
)
def test_a_stranger_s_picture(ganzoo: Call, changes: dict[str, Any], text: str) -> None:
    ganzoo("sample", "vanilla-mnist", "-n", 4, "--seed", 1, "-o", "a.png")
    assert text in ganzoo("replay", altered("a.png", **changes), code=2).stderr
    assert not Path("altered-again.png").exists()


def test_no_picture_of_ours(ganzoo: Call) -> None:
    Image.new("L", (4, 4)).save("plain.png")
    Path("text.png").write_text("hello")
    Path("cut.png").write_bytes(Path("plain.png").read_bytes()[:20])
    whole = Path("plain.png").read_bytes()
    deep = b"ganzoo\0\0\0\0\0" + b"[" * 60_000
    bomb = b"ganzoo\0\1\0\0\0" + zlib.compress(b"0" * 50_000_000)
    for name, data in {"deep": deep, "bomb": bomb}.items():
        chunk = (
            struct.pack(">I", len(data))
            + b"iTXt"
            + data
            + struct.pack(">I", zlib.crc32(b"iTXt" + data))
        )
        Path(f"{name}.png").write_bytes(whole[:33] + chunk + whole[33:])
    for name in ("plain", "cut", "bomb"):
        assert "does not say how it was made" in ganzoo("replay", f"{name}.png", code=2).stderr
    assert "not a PNG" in ganzoo("replay", "text.png", code=2).stderr
    assert "cannot be read" in ganzoo("replay", "deep.png", code=2).stderr
    assert "No such file" in ganzoo("replay", "gone.png", code=1).stderr
