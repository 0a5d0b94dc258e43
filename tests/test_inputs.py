"""Inputs: what the user gives, and rows that depend on nothing but their seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import save_file

from ganzoo.errors import InputError
from ganzoo.inputs import Choice, Codes, Image, Input, Label, Latent, Rows, Text, Vector
from ganzoo.sampling.feed import batch_inputs, open_images

CLASSES = ("cat", "dog", "3", "bird")
WORDS = ("a", "bird", "red", "small")
DRAWN: dict[str, Input] = {
    "latent": Latent(5),
    "even": Latent(5, law="uniform"),
    "label": Label(tuple(str(i) for i in range(1000))),
    "code": Codes((10, 3), 2),
}
EXAMPLES: dict[str, Input] = {**DRAWN, "way": Choice(("there", "back")), "text": Text(WORDS, 6), "image": Image(3, multiple=2),
                              "embedding": Vector(3)}  # fmt: skip


def parsed(spec: Image, value: Any, name: str, rows: Rows) -> torch.Tensor:
    """As sampling does it: files are opened before the input sees them."""
    return spec.parse(open_images({name: spec}, {name: value})[name], name, rows)


@pytest.mark.parametrize("name", EXAMPLES)
def test_row_7_is_the_same_whatever_is_asked_for_around_it(name: str) -> None:
    example = EXAMPLES[name].example
    row = example(name, Rows(0, 10))[7]
    assert torch.equal(example(name, Rows(0, 8))[7], row)
    assert torch.equal(example(name, Rows(0, 2, start=6, total=100))[1], row)
    assert torch.equal(example(name, Rows(0, 1, start=7, total=8))[0], row)
    assert torch.equal(example(name, Rows(7, 1))[0], row)


@pytest.mark.parametrize("name", DRAWN)
def test_rows_seeds_and_names_differ(name: str) -> None:
    draw = DRAWN[name].draw
    rows = draw(name, Rows(0, 10))
    assert len({tuple(row.flatten().tolist()) for row in rows}) > 5
    assert not torch.equal(rows, draw(name, Rows(1, 10)))
    assert not torch.equal(rows, draw("other", Rows(0, 10)))


@pytest.mark.parametrize("size", [1, 3, 10, 64])
def test_batches_of_any_size_are_the_same_rows(size: int) -> None:
    values = {"label": "all", "code": "c1=-1..1"}
    whole = next(batch_inputs(DRAWN, values, Rows(5, 10, columns=5), 10))
    parts = list(batch_inputs(DRAWN, values, Rows(5, 10, columns=5), size))
    for name, tensor in whole.items():
        assert torch.equal(torch.cat([part[name] for part in parts]), tensor)


def test_along_a_sweep_all_else_stays_the_same() -> None:
    swept = next(batch_inputs(DRAWN, {"code": "c2=-2..2"}, Rows(5, 8, columns=4), 8))
    drawn = next(batch_inputs(DRAWN, {}, Rows(5, 8, columns=4), 8))
    assert swept["code"][:, -1].tolist() == pytest.approx([-2, -2 / 3, 2 / 3, 2] * 2)
    for name, tensor in swept.items():
        still = tensor[:, :-1] if name == "code" else tensor
        first = drawn[name][[0, 4]][:, :-1] if name == "code" else drawn[name][[0, 4]]
        assert torch.equal(still, first.repeat_interleave(4, dim=0)), name


def test_giving_a_label_does_not_move_the_latent() -> None:
    drawn = next(batch_inputs(DRAWN, {}, Rows(3, 4), 4))
    given = next(batch_inputs(DRAWN, {"label": "17"}, Rows(3, 4), 4))
    assert torch.equal(drawn["latent"], given["latent"])
    assert torch.equal(drawn["code"], given["code"])
    assert given["label"].tolist() == [17] * 4


def test_no_two_of_200000_rows_share_a_stream() -> None:
    firsts = [stream.bit_generator.random_raw() for stream in Rows(0, 200_000).streams("latent")]
    assert len(set(firsts)) == len(firsts)


def test_laws() -> None:
    normal, even = (Latent(64, law=law).draw("z", Rows(0, 500)) for law in ("normal", "uniform"))
    assert normal.dtype == even.dtype == torch.float32
    assert abs(float(normal.mean())) < 0.02
    assert abs(float(normal.std()) - 1) < 0.02
    assert float(even.abs().max()) <= 1
    assert abs(float(even.var()) - 1 / 3) < 0.01
    labels = Label(CLASSES).draw("label", Rows(0, 1000))
    assert labels.dtype == torch.int64
    assert labels.bincount(minlength=4).min() > 200


def test_drawing_leaves_global_generators_alone() -> None:
    before, legacy = torch.get_rng_state(), np.random.get_state(legacy=True)[1].tolist()
    for name, spec in EXAMPLES.items():
        spec.example(name, Rows(0, 3))
    assert torch.equal(before, torch.get_rng_state())
    assert legacy == np.random.get_state(legacy=True)[1].tolist()


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seed_out_of_range(seed: int) -> None:
    with pytest.raises(InputError, match="seed"):
        Rows(seed, 1)


def test_the_largest_seed_and_no_rows() -> None:
    assert Latent(2).draw("z", Rows(2**63 - 1, 3)).shape == (3, 2)
    with pytest.raises(InputError, match="at least 1"):
        Rows(0, 0)


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ("dog", [1, 1, 1, 1]),
        ("1", [1, 1, 1, 1]),
        ("3", [2, 2, 2, 2]),  # a class called 3 goes before class number 3
        (0, [0, 0, 0, 0]),
        ("all", [0, 1, 2, 3]),
        ("cat,bird", [0, 0, 3, 3]),
        (["bird", 0], [3, 3, 0, 0]),
        (torch.tensor([3, 1, 0, 0]).tolist(), [2, 1, 0, 0]),
    ],
)
def test_labels(value: Any, numbers: list[int]) -> None:
    assert Label(CLASSES).parse(value, "label", Rows(0, 4)).tolist() == numbers


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("brid", "did you mean bird?"),
        ("4", "no class '4'"),
        (-1, "no class '-1'"),
        ("cat,", "no class ''"),
    ],
)
def test_unknown_labels(value: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        Label(CLASSES).parse(value, "label", Rows(0, 4))
    assert words in str(caught.value)
    assert "classes: cat, dog, 3, bird" in str(caught.value)


def test_latents_from_python() -> None:
    given = torch.arange(10.0).view(5, 2)
    assert torch.equal(Latent(2).parse(given, "z", Rows(0, 2, start=3, total=5)), given[3:])
    assert Latent(2).parse([1.0, 2.0], "z", Rows(0, 3)).tolist() == [[1.0, 2.0]] * 3
    for wrong in ("0.5", torch.zeros(4, 2), torch.zeros(5, 3)):
        with pytest.raises(InputError, match="'z'"):
            Latent(2).parse(wrong, "z", Rows(0, 5))


def test_codes_are_drawn_one_hot_then_continuous() -> None:
    drawn = Codes((10, 3), 2).draw("code", Rows(0, 50))
    assert drawn.shape == (50, 15)
    assert drawn[:, :10].sum(dim=1).tolist() == drawn[:, 10:13].sum(dim=1).tolist() == [1.0] * 50
    assert set(drawn[:, :13].unique().tolist()) == {0.0, 1.0}
    assert -1 <= float(drawn[:, 13:].min()) < 0 < float(drawn[:, 13:].max()) <= 1


def test_setting_some_codes_leaves_the_others() -> None:
    spec, rows = Codes((10, 3), 2), Rows(0, 6, columns=3)
    drawn, given = spec.draw("code", rows), spec.parse("k2=1, c2=-2..2", "code", rows)
    assert torch.equal(given[:, :10], drawn[:, :10])
    assert given[:, 10:13].tolist() == [[0.0, 1.0, 0.0]] * 6
    assert torch.equal(given[:, 13], drawn[:, 13])
    assert given[:, 14].tolist() == [-2.0, 0.0, 2.0, -2.0, 0.0, 2.0]


def test_a_sweep_runs_on_over_batches() -> None:
    second = Codes((), 1).parse("c1=0..9", "code", Rows(0, 5, start=5, total=10))
    assert torch.allclose(second[:, 0], torch.arange(5.0, 10.0))
    assert Codes((), 1).parse("c1=0.25", "code", Rows(0, 2)).tolist() == [[0.25]] * 2
    assert Codes((), 2).parse([0.5, 0.25], "code", Rows(0, 2)).tolist() == [[0.5, 0.25]] * 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("k1=10", "k1 is 0 .. 9, not 10"),
        ("k1=-1", "k1 is 0 .. 9"),
        ("k3=0", "no code 'k3'"),
        ("c0=1", "no code 'c0'"),
        ("c3=1", "no code 'c3'"),
        ("x=1", "no code 'x'"),
        ("c1", "not of the form"),
        ("c1=a..2", "not a number or a range"),
        ("k1=0.5", "not a number"),
    ],
)
def test_codes_that_cannot_be(text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        Codes((10, 3), 2).parse(text, "code", Rows(0, 4))
    assert words in str(caught.value)


def test_choices() -> None:
    way = Choice(("a2b", "b2a"))
    assert way.draw("way", Rows(0, 2)).tolist() == [0, 0]
    assert way.parse("b2a", "way", Rows(0, 2)).tolist() == [1, 1]
    with pytest.raises(InputError, match=r"no option 'b2'; did you mean .*b2a"):
        way.parse("b2", "way", Rows(0, 2))


def test_sentences() -> None:
    text = Text(WORDS, 4)
    assert text.parse("A small, RED dog!", "text", Rows(0, 2)).tolist() == [[2, 5, 4, 1]] * 2
    assert (
        text.parse(["red", "a bird a bird a"], "text", Rows(0, 4)).tolist()
        == [[4, 0, 0, 0]] * 2 + [[2, 3, 2, 3]] * 2
    )
    for empty in ("", "  ", [], ["red", ""]):
        with pytest.raises(InputError, match="empty prompt"):
            text.parse(empty, "text", Rows(0, 2))
    with pytest.raises(InputError, match=r"a prompt is needed \(--text"):
        text.draw("text", Rows(0, 1))


def test_vectors(tmp_path: Path) -> None:
    spec, two = Vector(3), torch.arange(6.0).view(2, 3)
    assert spec.parse(two, "embedding", Rows(0, 4)).tolist() == [[0, 1, 2]] * 2 + [[3, 4, 5]] * 2
    assert spec.parse([1, 2.5, 3], "embedding", Rows(0, 1)).tolist() == [[1, 2.5, 3]]
    np.save(tmp_path / "one.npy", two[0].double().numpy())
    save_file({"whatever": two.bfloat16()}, tmp_path / "two.safetensors")
    paths = [str(tmp_path / "one.npy"), tmp_path / "two.safetensors"]
    assert spec.parse(paths, "embedding", Rows(0, 3)).tolist() == [[0, 1, 2], [0, 1, 2], [3, 4, 5]]
    with pytest.raises(
        InputError, match=r"a vector of 3 numbers is needed \(--set embedding=FILE.npy\)"
    ):
        spec.draw("embedding", Rows(0, 1))


def test_what_are_no_vectors(tmp_path: Path) -> None:
    np.save(tmp_path / "pickled.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    save_file({"a": torch.zeros(3), "b": torch.zeros(3)}, tmp_path / "two.safetensors")
    (tmp_path / "text.npy").write_text("1 2 3")
    np.save(tmp_path / "whole.npy", np.zeros((3, 3)))
    whole = (tmp_path / "whole.npy").read_bytes()
    (tmp_path / "huge.npy").write_bytes(whole.replace(b"(3, 3)", b"(3, 9999999999999)"))
    (tmp_path / "endless.npy").write_bytes(whole.replace(b"(3, 3)", b"(3, 99999999999999999999)"))
    (tmp_path / "odd.npy").write_bytes(whole.replace(b"(3, 3), }", b"(3, 3), {"))
    (tmp_path / "short.npy").write_bytes(whole[:100])
    raw = b'{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}'
    (tmp_path / "small.safetensors").write_bytes(len(raw).to_bytes(8, "little") + raw + b"x")
    for wrong, words in (
        (torch.zeros(2, 4), r"shape \(2, 4\), expected \(k, 3\)"),
        (torch.zeros(0, 3), "expected"),
        ([1.0, float("inf"), 0.0], "expected finite floats"),
        (torch.zeros(3, dtype=torch.int64), "numbers of torch.int64"),
        (object(), "not a tensor of numbers"),
        (torch.zeros(3, 3), "3 vectors for 2 samples"),
        (tmp_path / "none.npy", "No such file"),
        (str(tmp_path), "a folder"),
        (tmp_path / "pickled.npy", "holds no readable vectors"),
        (tmp_path / "text.npy", "holds no readable vectors"),
        (tmp_path / "two.safetensors", "holds 2 tensors, expected one"),
        (tmp_path / "small.safetensors", "holds no readable vectors"),
        *(
            (tmp_path / f"{name}.npy", "holds no readable vectors")
            for name in ("huge", "endless", "odd", "short")
        ),
        (torch.full((3,), 1e300, dtype=torch.float64), "expected finite floats"),
    ):
        with pytest.raises(InputError, match=words):
            Vector(3).parse(wrong, "embedding", Rows(0, 2))


def test_pictures(tmp_path: Path) -> None:
    levels = np.arange(10 * 6 * 3, dtype=np.uint8).reshape(10, 6, 3)
    path = tmp_path / "picture.png"
    PIL.Image.fromarray(levels).save(path, pnginfo=PngInfo())
    read = parsed(Image(3), str(path), "image", Rows(0, 2))
    assert read.shape == (2, 3, 10, 6)
    assert torch.equal(read[0], read[1])
    assert torch.allclose(read[0], torch.from_numpy(levels).permute(2, 0, 1) / 127.5 - 1, atol=1e-6)
    assert torch.equal(parsed(Image(3), PIL.Image.open(path), "image", Rows(0, 1))[0], read[0])
    assert parsed(Image(3, size=8), path, "image", Rows(0, 1)).shape == (1, 3, 8, 8)
    assert parsed(Image(1), path, "image", Rows(0, 1)).shape == (1, 1, 10, 6)
    padded = parsed(Image(3, multiple=4), path, "image", Rows(0, 1))
    assert padded.shape == (1, 3, 12, 8)
    assert torch.equal(padded[0, :, :10, :6], read[0])


def test_several_pictures_share_the_rows_out(tmp_path: Path) -> None:
    paths = [tmp_path / "black.png", tmp_path / "white.png"]
    for path, colour in zip(paths, ("black", "white"), strict=True):
        PIL.Image.new("RGB", (4, 4), colour).save(path)
    rows = parsed(Image(3), [str(path) for path in paths], "image", Rows(0, 4))
    assert rows.mean(dim=(1, 2, 3)).tolist() == [-1.0, -1.0, 1.0, 1.0]
    assert torch.equal(parsed(Image(3), rows[1:3], "image", Rows(0, 2)), rows[1:3])


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    PIL.Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert parsed(Image(3), tmp_path / "clear.png", "image", Rows(0, 1)).unique().tolist() == [1.0]


def test_what_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("not a picture")
    for wrong, words in (
        (str(path), "not a readable image"),
        (str(tmp_path / "none.png"), "no file"),
        (torch.zeros(1, 4, 8, 8), "expected"),
    ):
        with pytest.raises(InputError, match=words):
            parsed(Image(3), wrong, "image", Rows(0, 1))
    with pytest.raises(InputError, match=r"an image is needed \(--image FILE\)"):
        Image(3).draw("image", Rows(0, 1))


def test_descriptions_are_one_line() -> None:
    for spec in EXAMPLES.values():
        assert len(spec.describe().splitlines()) == 1
    assert DRAWN["label"].describe().endswith("10, 11, ...; or all")
    assert (
        DRAWN["code"].describe()
        == "k1 (category, 0..9), k2 (category, 0..2), c1 (in [-1, 1]), c2 (in [-1, 1])"
    )
