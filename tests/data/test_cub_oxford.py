"""CUB-200-2011 and Oxford-102 as distributed, in copies of a few pixels; caption lists elsewhere."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ganzoo.data.sources import open_set
from ganzoo.errors import DataError
from ganzoo.spec import Captions, Data, Field, Labels, Picture
from ganzoo.text import encode, vocabulary
from tests.packed import Files, tarred, tree, zipped

BIRDS = {
    "1": ("001.Black_footed_Albatross", "Black_Footed_Albatross_0046_18", (20.0, 10.0, 12.0, 16.0)),
    "2": ("001.Black_footed_Albatross", "Black_Footed_Albatross_0009_34", (2.0, 3.0, 20.0, 8.0)),
    "3": ("002.Laysan_Albatross", "Laysan_Albatross_0002_1027", (30.0, 20.0, 9.0, 9.0)),
    "4": ("002.Laysan_Albatross", "Laysan_Albatross_0003_1033", (5.0, 5.0, 30.0, 30.0)),
}
TRAIN = ("1", "3", "4")


def photograph(seed: int, box: tuple[float, ...] = (0, 0, 0, 0)) -> bytes:
    """48 x 40 pixels of noise, with a red bird in its box."""
    levels = np.random.default_rng(seed).integers(0, 255, (40, 48, 3), dtype=np.uint8)
    image = Image.fromarray(levels)
    left, top, width, height = box
    if width:
        ImageDraw.Draw(image).rectangle((left, top, left + width - 1, top + height - 1), fill="red")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def told(of: str) -> bytes:
    return "\n".join(f"sentence {number} of {of}" for number in range(10)).encode() + b"\n\n"


def birds() -> Files:
    root = "CUB_200_2011"
    files = {
        f"{root}/README": b"about",
        f"{root}/classes.txt": b"1 001.Black_footed_Albatross\n2 002.Laysan_Albatross\n",
    }
    rows = {number: f"{folder}/{name}.png" for number, (folder, name, _) in BIRDS.items()}
    files[f"{root}/images.txt"] = "".join(
        f"{number} {row}\n" for number, row in rows.items()
    ).encode()
    boxes = {number: " ".join(map(str, box)) for number, (_, _, box) in BIRDS.items()}
    files[f"{root}/bounding_boxes.txt"] = "".join(
        f"{number} {box}\n" for number, box in boxes.items()
    ).encode()
    files[f"{root}/train_test_split.txt"] = "".join(
        f"{number} {int(number in TRAIN)}\n" for number in BIRDS
    ).encode()
    files[f"{root}/segmentations/001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.png"] = (
        photograph(9)
    )
    for number, (folder, name, box) in BIRDS.items():
        files[f"{root}/images/{rows[number]}"] = photograph(int(number), box)
        files[f"text_c10/{folder}/{name}.txt"] = told(name.casefold())
    return {f"birds/{name}": content for name, content in files.items()}


def flowers() -> Files:
    files = {f"jpg/image_{number:05d}.jpg": photograph(number) for number in range(1, 5)}
    homes = {1: "class_00077", 2: "class_00077", 3: "class_00002", 4: "class_00077"}
    texts = {
        f"text_c10/{home}/image_{number:05d}.txt": told(f"flower{number}")
        for number, home in homes.items()
    }
    return files | texts | {"text_c10/class_00077.t7": b"\0", "imagelabels.mat": b"\0"}


WRAPPED: list[Callable[[Path, Files], Path]] = [
    lambda place, contents: tree(place / "set", contents),
    lambda place, contents: zipped(place / "set.zip", contents),
    lambda place, contents: tarred(place / "set.tgz", contents),
]


# --- birds


@pytest.mark.parametrize("wrap", WRAPPED)
def test_birds(wrap: Callable[[Path, Files], Path], tmp_path: Path) -> None:
    """Each picture keeps its class and its sentences, in either split."""
    place = str(wrap(tmp_path, birds()))
    for split, numbers in (("train", TRAIN), ("test", ("2",))):
        data = open_set(place, split=split)
        assert (data.facts.count, data.facts.channels) == (len(numbers), 3)
        assert data.facts.classes == ("001.Black_footed_Albatross", "002.Laysan_Albatross")
        words = vocabulary(data.facts.captions())
        fields: dict[str, Field] = {
            "image": Picture(3, 24),
            "label": Labels(2),
            "caption": Captions(words, 4),
        }
        batch = data.bind(Data(fields)).take(0, 10 * len(numbers), 1)
        expected = {}
        for number in numbers:
            folder, name, box = BIRDS[number]
            sentences = tuple(tuple(encode(f"sentence {i} of {name}", words, 4)) for i in range(10))
            expected[reference(int(number), box, 24).tobytes()] = (int(folder[:3]) - 1, sentences)
        drawn = set()
        for image, label, caption in zip(
            batch["image"].numpy(), batch["label"].tolist(), batch["caption"].tolist(), strict=True
        ):
            own, sentences = expected[np.ascontiguousarray(image).tobytes()]
            assert label == own
            assert tuple(caption) in sentences
            drawn.add(tuple(caption))
        assert len(drawn) > 3, "a random one of the ten"
    assert open_set(place).digest() != open_set(place, split="test").digest()


def reference(seed: int, box: tuple[float, ...], size: int) -> np.ndarray:
    """`custom_crop` of Zhang et al.'s code; then the shorter side scaled to `size`, and the centre."""
    levels = np.asarray(Image.open(io.BytesIO(photograph(seed, box))))
    center_x, center_y = int((2 * box[0] + box[2]) / 2), int((2 * box[1] + box[3]) / 2)
    radius = int(np.maximum(box[2], box[3]) * 0.75)
    y1, y2 = np.maximum(0, center_y - radius), np.minimum(levels.shape[0], center_y + radius)
    x1, x2 = np.maximum(0, center_x - radius), np.minimum(levels.shape[1], center_x + radius)
    part = Image.fromarray(levels[y1:y2, x1:x2])
    method = Image.Resampling.LANCZOS if min(part.size) > size else Image.Resampling.BILINEAR
    side = min(part.size)
    left, top = (part.width - side) / 2, (part.height - side) / 2
    return np.asarray(
        part.resize((size, size), method, (left, top, left + side, top + side))
    ).transpose(2, 0, 1)


def test_birds_without_boxes_split_or_sentences(tmp_path: Path) -> None:
    bare = {name: content for name, content in birds().items() if "/images" in name}
    data = open_set(str(tree(tmp_path, bare)))
    assert (data.facts.count, data.facts.sentences, len(data.facts.classes)) == (4, [], 2)
    image = data.bind(Data({"image": Picture(3, 40)})).take(0, 1, 0)["image"]
    assert image.shape == (1, 3, 40, 40)
    only = open_set(str(tree(tmp_path / "whole", birds())), only="002.Laysan_Albatross")
    assert (only.facts.count, len(only.facts.sentences)) == (2, 2)
    assert only.facts.sentences[0][3] == "sentence 3 of laysan_albatross_0002_1027"


def without(end: str) -> Callable[[Files], Files]:
    return lambda files: {
        name: content for name, content in files.items() if not name.endswith(end)
    }


def holding(end: str, content: bytes) -> Callable[[Files], Files]:
    return lambda files: {
        name: content if name.endswith(end) else old for name, old in files.items()
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            without("_0002_1027.txt"),
            "1 images have no captions in text_c10, the first is .*_0002_1027.png",
        ),
        (
            holding("_0002_1027.txt", b" \n"),
            "have no captions in text_c10, the first is .*_0002_1027.png",
        ),
        (
            holding("images.txt", b"1 x/y.png\n"),
            "4 images do not stand in .*images.txt, the first is .*.png",
        ),
        (holding("images.txt", b"1\n"), "images.txt: row 1 has 1 words where 2 are due"),
        (
            holding("boxes.txt", b"1 0 0 9 9\n"),
            "2 images have no box in .*bounding_boxes.txt, the first is",
        ),
        (
            holding("boxes.txt", b"1 a b c d\n3 0 0 9 9\n4 0 0 9 9\n"),
            "0046_18.png: its box is not four numbers",
        ),
        (
            holding("boxes.txt", b"1 0 0 nan 9\n3 0 0 9 9\n4 0 0 9 9\n"),
            "its box, 0 0 nan 9, is no left",
        ),
        (
            holding("boxes.txt", b"1 0 0 1e300 9\n3 0 0 9 9\n4 0 0 9 9\n"),
            "is no left, top, width and height",
        ),
        (
            holding("boxes.txt", b"1 900 0 9 9\n3 0 0 9 9\n4 0 0 9 9\n"),
            "0046_18.png is not an image .*its box lies outside",
        ),
        (
            holding("split.txt", b"1 0\n2 0\n3 0\n4 0\n"),
            "holds no images .* for the split 'train'",
        ),
    ],
)
def test_birds_of_which_something_is_missing(
    change: Callable[[Files], Files], said: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=said) as caught:
        open_set(str(tree(tmp_path / "set", change(birds()))))
    assert "\n" not in str(caught.value)


# --- flowers


@pytest.mark.parametrize("wrap", WRAPPED)
def test_flowers(wrap: Callable[[Path, Files], Path], tmp_path: Path) -> None:
    data = open_set(str(wrap(tmp_path, flowers())))
    assert (data.facts.count, data.facts.classes) == (4, ("class_00002", "class_00077"))
    assert [group[7] for group in data.facts.sentences] == [
        f"sentence 7 of flower{number}" for number in range(1, 5)
    ]
    batch = data.bind(Data({"image": Picture(3, 40), "label": Labels(2)})).take(0, 4, 0)
    assert sorted(batch["label"].tolist()) == [0, 1, 1, 1]
    middle = {
        np.asarray(Image.open(io.BytesIO(photograph(number))))[:, 4:44].tobytes(): number
        for number in range(1, 5)
    }
    for image, label in zip(
        batch["image"].permute(0, 2, 3, 1).numpy(), batch["label"].tolist(), strict=True
    ):
        assert label == (middle[np.ascontiguousarray(image).tobytes()] != 3)


def test_a_flower_without_sentences(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="1 images have no captions in text_c10, the first is .*image_00002.jpg"
    ):
        open_set(str(tree(tmp_path, without("2.txt")(flowers()))))
    with pytest.raises(
        DataError, match="have no captions in text_c10, the first is .*image_00002.jpg"
    ):
        open_set(str(tree(tmp_path / "empty", holding("2.txt", b"")(flowers()))))
    heap = {name: content for name, content in flowers().items() if name.startswith("jpg")}
    assert open_set(str(tree(tmp_path / "heap", heap))).facts.sentences == []


# --- caption lists


def listed(*rows: tuple[str, str]) -> bytes:
    return "\n".join(json.dumps({"file_name": name, "text": text}) for name, text in rows).encode()


@pytest.mark.parametrize("beside", [True, False])
def test_one_list_for_two_splits(beside: bool, tmp_path: Path) -> None:
    """Pictures of both have the same names."""
    pictures = {
        f"{split}/{number}.png": photograph(number)
        for split in ("train", "test")
        for number in range(2)
    }
    rows = listed(*((name, f"it is {name}") for name in pictures))
    if beside:
        place = zipped(
            tmp_path / "set.zip", {f"outer/{name}": content for name, content in pictures.items()}
        )
        (tmp_path / "captions.jsonl").write_bytes(rows)
    else:
        place = tree(tmp_path / "set", {**pictures, "captions.jsonl": rows})
    for split in ("train", "test"):
        assert [list(group) for group in open_set(str(place), split=split).facts.sentences] == [
            [f"it is {split}/0.png"],
            [f"it is {split}/1.png"],
        ]


def test_a_list_in_each_split(tmp_path: Path) -> None:
    files = {
        f"{split}/{number}.png": photograph(number)
        for split in ("train", "test")
        for number in range(2)
    }
    for split in ("train", "test"):
        files[f"{split}/metadata.jsonl"] = listed(
            *((f"{number}.png", f"{split} {number}") for number in range(2))
        )
    place = str(tree(tmp_path, files))
    for split in ("train", "test"):
        assert [list(group) for group in open_set(place, split=split).facts.sentences] == [
            [f"{split} 0"],
            [f"{split} 1"],
        ]


def test_a_name_that_is_listed_twice_is_no_guess(tmp_path: Path) -> None:
    files = {
        "new/0.png": photograph(0),
        "captions.jsonl": listed(("a/0.png", "one"), ("b/0.png", "other")),
    }
    with pytest.raises(
        DataError, match="1 images have no caption in captions.jsonl, the first is .*new/0.png"
    ):
        open_set(str(tree(tmp_path, files)))
    files["captions.jsonl"] = listed(("a/0.png", "one"), ("a/0.png", "another"))
    assert [list(group) for group in open_set(str(tree(tmp_path, files))).facts.sentences] == [
        ["one", "another"]
    ]


def test_a_caption_of_another_picture_is_not_taken(tmp_path: Path) -> None:
    """Of the same name, in a folder of which the list says nothing."""
    files = {f"{folder}0.png": photograph(0) for folder in ("", "b/", "new/")}
    files["captions.jsonl"] = listed(("0.png", "one"), ("b/0.png", "other"))
    with pytest.raises(
        DataError, match="1 images have no caption in captions.jsonl, the first is .*new/0.png"
    ):
        open_set(str(tree(tmp_path, files)))
