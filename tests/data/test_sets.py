"""Data sets from real files: layouts, order, decoding, and what is said when something is wrong."""

from __future__ import annotations

import gzip
import io
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.data import files
from ganzoo.data.cifar10 import cifar10
from ganzoo.data.images import FileImages, decode_image
from ganzoo.data.mnist import mnist as mnist_set
from ganzoo.data.order import choices, indices
from ganzoo.data.sources import open_set
from ganzoo.errors import ConfigError, DataError, UsageError
from ganzoo.pictures.images import to_uint8
from ganzoo.spec import Captions, Curve, Data, Labels, Picture, Points
from tests.packed import tarred, tree, zipped


def png(value: int, size: tuple[int, int] = (8, 8), mode: str = "L", kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, value if mode == "L" else (value, 0, 255 - value)).save(buffer, kind)
    return buffer.getvalue()


def idx(array: np.ndarray) -> bytes:
    return (
        struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        + array.astype(np.uint8).tobytes()
    )


def mnist(root: Path, folder: str, *, packed: bool) -> Path:
    images = np.arange(20 * 28 * 28).reshape(20, 28, 28) % 251
    for prefix in ("train", "t10k"):
        for kind, array in (
            ("images-idx3-ubyte", images),
            ("labels-idx1-ubyte", np.arange(20) % 10),
        ):
            name = f"{folder}/{prefix}-{kind}" + (".gz" if packed else "")
            tree(root, {name: gzip.compress(idx(array)) if packed else idx(array)})
    return root


CLASSES = {
    f"{name}/{i}.png": png(40 * i + shade)
    for shade, name in enumerate(("cat", "dog"))
    for i in range(3)
}
IMAGE = Data({"image": Picture(1, 8)})


@pytest.mark.parametrize("size", [1, 3, 7, 25])
def test_every_epoch_is_a_permutation_and_any_batch_size_gives_the_same_stream(size: int) -> None:
    stream = np.concatenate([indices(start, size, 10, 3) for start in range(0, 100, size)])[:100]
    for epoch in stream.reshape(10, 10):
        assert sorted(epoch) == list(range(10))
    assert (stream == indices(0, 100, 10, 3)).all()
    assert (stream.reshape(10, 10)[0] != stream.reshape(10, 10)[1]).any()


def test_order_is_the_same_in_another_process() -> None:
    code = "from ganzoo.data.order import *; print(indices(5, 9, 7, 11, 'A').tolist(), choices(4, np.array([3, 3, 3]), 2).tolist())"
    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert (
        there
        == f"{indices(5, 9, 7, 11, 'A').tolist()} {choices(4, np.array([3, 3, 3]), 2).tolist()}"
    )
    assert indices(5, 9, 7, 11, "A").tolist() != indices(5, 9, 7, 11, "B").tolist()


@pytest.mark.parametrize(
    "make",
    [
        lambda p: tree(p / "set", CLASSES),
        lambda p: zipped(p / "set.zip", CLASSES),
        lambda p: tarred(p / "set.tar.gz", CLASSES),
    ],
)
def test_class_folders_in_every_wrapping(make: Callable[[Path], Path], tmp_path: Path) -> None:
    data = open_set(str(make(tmp_path)))
    facts = data.facts
    assert (facts.kind, facts.count, facts.channels, facts.size, facts.classes) == (
        "images",
        6,
        1,
        8,
        ("cat", "dog"),
    )
    batch = data.bind(Data({"image": Picture(1, 8), "label": Labels(2)})).take(0, 6, 0)
    assert batch["image"].dtype == torch.uint8
    assert batch["image"].shape == (6, 1, 8, 8)
    assert batch["image"].is_contiguous(memory_format=torch.channels_last)
    shades = {
        (int(image[0, 0, 0]), int(label))
        for image, label in zip(batch["image"], batch["label"], strict=True)
    }
    assert shades == {(40 * i + label, label) for i in range(3) for label in range(2)}


def test_digest_follows_the_bytes_and_not_the_place(tmp_path: Path) -> None:
    first = open_set(str(tree(tmp_path / "one", CLASSES))).digest()
    assert open_set(str(tree(tmp_path / "two", CLASSES))).digest() == first
    assert open_set(str(zipped(tmp_path / "set.zip", CLASSES))).digest() == first
    assert (
        open_set(str(tree(tmp_path / "three", {**CLASSES, "cat/0.png": png(1)}))).digest() != first
    )
    renamed = {name.replace("0.png", "9.png"): content for name, content in CLASSES.items()}
    assert open_set(str(tree(tmp_path / "four", renamed))).digest() != first


def test_one_class_only(tmp_path: Path) -> None:
    place = str(tree(tmp_path, CLASSES))
    for only in ("dog", "1"):
        data = open_set(place, only=only)
        assert (data.facts.count, data.facts.classes) == (3, ("dog",))
        assert {int(image[0, 0, 0]) for image in data.bind(IMAGE).take(0, 3, 0)["image"]} == {
            1,
            41,
            81,
        }
    with pytest.raises(UsageError, match=r"no such class; did you mean dog\?"):
        open_set(place, only="dogs")


def test_splits_and_unpaired_domains(tmp_path: Path) -> None:
    split = tree(
        tmp_path / "split",
        {
            f"{s}/{c}/{i}.png": png(9)
            for s, n in (("train", 3), ("test", 1))
            for c in "ab"
            for i in range(n)
        },
    )
    assert open_set(str(split)).facts.count == 6
    assert open_set(str(split), split="test").facts.count == 2
    contents = {f"trainA/{i}.png": png(i) for i in range(3)} | {
        f"trainB/{i}.png": png(100 + i) for i in range(5)
    }
    data = open_set(str(zipped(tmp_path / "x.zip", {f"outer/{n}": c for n, c in contents.items()})))
    assert data.facts.domains == ("A", "B")
    batches = data.bind(Data({"A": Picture(1, 8), "B": Picture(1, 8)}, unpaired=True))
    assert batches.count == 5
    taken = batches.take(0, 15, 0)
    assert sorted(int(i[0, 0, 0]) for i in taken["A"]) == sorted([0, 1, 2] * 5)
    assert sorted(int(i[0, 0, 0]) for i in taken["B"]) == sorted([100, 101, 102, 103, 104] * 3)
    with pytest.raises(DataError, match="domain 'C'.*A, B"):
        data.bind(Data({"C": Picture(1, 8)}, unpaired=True))


@pytest.mark.parametrize("beside", [True, False])
def test_captions(beside: bool, tmp_path: Path) -> None:
    rows = [
        {"file_name": f"{i}.png", "text": [f"number {i}", f"a picture of {i}"]} for i in range(4)
    ]
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    pictures = {f"{i}.png": png(i) for i in range(4)}
    path = zipped(
        tmp_path / "set.zip", pictures if beside else {**pictures, "metadata.jsonl": lines}
    )
    if beside:
        (tmp_path / "captions.jsonl").write_bytes(lines)
    data = open_set(str(path))
    assert list(data.facts.captions())[:2] == ["number 0", "a picture of 0"]
    vocabulary = ("number", "a", "picture", "of", "0", "1", "2", "3")
    batches = data.bind(Data({"image": Picture(1, 8), "caption": Captions(vocabulary, 4)}))
    batch = batches.take(6, 40, 1)
    for image, tokens in zip(batch["image"], batch["caption"], strict=True):
        number = vocabulary.index(str(int(image[0, 0, 0]))) + 2
        assert tokens.tolist() in ([2, number, 0, 0], [3, 4, 5, number])
    assert {len(set(t.tolist())) for t in batch["caption"]} == {3, 4}, "both captions are drawn"
    assert torch.equal(batch["caption"][10:20], batches.take(16, 10, 1)["caption"])


def test_captions_as_a_table(tmp_path: Path) -> None:
    """The other form of the metadata of an imagefolder."""
    table = (
        'file_name,text,colour\r\n0.png,"a picture, of 0",red\r\n1.png,of 1,\r\n0.png,again 0,\r\n'
    )
    tree(
        tmp_path,
        {"0.png": png(0), "1.png": png(1), "metadata.csv": b"\xef\xbb\xbf" + table.encode()},
    )
    assert open_set(str(tmp_path)).facts.sentences == [["a picture, of 0", "again 0"], ["of 1"]]
    (tmp_path / "metadata.csv").write_text("picture,text\n0.png,x\n")
    with pytest.raises(DataError, match=r"metadata.csv, row 2 is not a line like"):
        open_set(str(tmp_path))


def test_a_table_of_something_else_has_no_captions(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "0.png": png(0),
            "metadata.csv": b"camera,date\nbox,1903\n",
            "metadata.jsonl": b'{"camera": "box"}\n',
        },
    )
    assert open_set(str(tmp_path)).facts.sentences == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('["", " "]', "1 images have no caption"),
        ("[null]", "is not a line like"),
        ("[{}]", "is not a line like"),
        ("null", "is not a line like"),
    ],
)
def test_a_caption_of_nothing_is_none(text: str, words: str, tmp_path: Path) -> None:
    lines = f'{{"file_name": "0.png", "text": [" one ", ""]}}\n{{"file_name": "1.png", "text": {text}}}\n'
    tree(tmp_path, {"0.png": png(0), "1.png": png(1), "captions.jsonl": lines.encode()})
    with pytest.raises(DataError, match=words):
        open_set(str(tmp_path))
    (tmp_path / "1.png").unlink()
    (tmp_path / "captions.jsonl").write_text(lines.split("\n")[0])
    assert open_set(str(tmp_path)).facts.sentences == [["one"]]


def test_captions_with_marks_and_without_end(tmp_path: Path) -> None:
    """A byte order mark, Unicode line separators in a caption, and very deep nesting."""
    line = '\ufeff{"file_name": "0.png", "text": "one\u2028two\x85three"}\r\n'
    tree(tmp_path, {"0.png": png(0), "captions.jsonl": line.encode()})
    assert open_set(str(tmp_path)).facts.sentences == [["one\u2028two\x85three"]]
    (tmp_path / "captions.jsonl").write_text("[" * 200_000)
    with pytest.raises(DataError, match=r"captions.jsonl:1 is not a line like"):
        open_set(str(tmp_path))


def test_a_picture_without_caption_is_an_error(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "0.png": png(0),
            "1.png": png(1),
            "captions.jsonl": b'{"file_name": "0.png", "text": "x"}\n',
        },
    )
    with pytest.raises(DataError, match="1 images have no caption.*1.png"):
        open_set(str(tmp_path))
    (tmp_path / "captions.jsonl").write_text("nonsense\n")
    with pytest.raises(DataError, match=r"captions.jsonl:1 is not a line like"):
        open_set(str(tmp_path))


def test_both_ways_of_decoding_give_the_same_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(5):
        Image.fromarray(rng.integers(0, 255, (40 + i, 60, 3), dtype=np.uint8)).save(
            tmp_path / f"{i}.jpg"
        )
    entries = files.list_data_files(tmp_path)
    chosen = np.array([3, 0, 3, 4])
    kept, lazy = (
        FileImages(entries, Picture(3, 16), in_memory=kind).take(chosen) for kind in (True, False)
    )
    assert torch.equal(kept, lazy)
    assert kept.shape == (4, 3, 16, 16)


def entry(content: bytes, name: str = "x.png") -> files.DataFile:
    return files.DataFile(name, len(content), lambda: content, name)


def test_kinds_of_pictures() -> None:
    def saved(image: Image.Image, kind: str = "PNG", **extra: object) -> files.DataFile:
        buffer = io.BytesIO()
        image.save(buffer, kind, **extra)
        return entry(buffer.getvalue())

    half = Image.new("RGB", (4, 8), "black")
    half.paste("white", (0, 0, 4, 4))
    exif = Image.Exif()
    exif[0x0112] = 3
    assert decode_image(saved(half, "JPEG", exif=exif, quality=95), 1, 4)[0].max() < 128, (
        "EXIF turns the white half down"
    )
    assert (decode_image(saved(Image.new("RGBA", (4, 4), (255, 0, 0, 0))), 3, 4) == 255).all(), (
        "transparent is white"
    )
    assert (
        decode_image(saved(Image.fromarray(np.full((4, 4), 257 * 100, dtype=np.uint16))), 1, 4)
        == 100
    ).all()
    assert decode_image(saved(Image.new("P", (4, 4), 3)), 3, 4).shape == (4, 4, 3)
    wide = Image.new("L", (12, 4), 0)
    wide.paste(255, (4, 0, 8, 4))
    assert (decode_image(saved(wide), 1, 4) == 255).all(), "the centre is kept"


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("folder", ["MNIST/raw", "mnist/MNIST/raw", "mnist", ""])
def test_mnist_layouts(folder: str, packed: bool, tmp_path: Path) -> None:
    data = open_set("mnist", root=mnist(tmp_path / "mnist-data", folder or ".", packed=packed))
    assert (data.facts.count, data.facts.size, data.facts.channels) == (20, 28, 1)
    assert data.facts.classes == mnist_set.classes
    image = data.bind(Data({"image": Picture(1, 28)})).take(0, 20, 0)["image"]
    assert sorted(int(i.sum()) for i in image) == sorted(
        (np.arange(20 * 784) % 251).reshape(20, 784).sum(1).tolist()
    )
    assert data.bind(Data({"image": Picture(3, 32)})).take(0, 2, 0)["image"].shape == (2, 3, 32, 32)


def test_fashion_and_mnist_do_not_mix(tmp_path: Path) -> None:
    mnist(tmp_path, "FashionMNIST/raw", packed=True)
    assert open_set("fashion-mnist", root=tmp_path).facts.classes[0] == "T-shirt/top"
    with pytest.raises(
        DataError, match=r"data set 'mnist' is not under .*MNIST/raw/.*--data-root.*--download"
    ):
        open_set("mnist", root=tmp_path)


def test_cifar_layouts(tmp_path: Path) -> None:
    rows = np.concatenate(
        [np.arange(20)[:, None] % 10, np.arange(20)[:, None].repeat(3072, 1)], axis=1
    ).astype(np.uint8)
    tree(tmp_path / "bin", {"cifar-10-batches-bin/data_batch_1.bin": rows.tobytes()})
    data = open_set("cifar10", root=tmp_path / "bin", only="aeroplane")
    assert (data.facts.count, data.facts.classes) == (2, ("airplane",))
    contents = {
        f"cifar10/train/{name}/{i}.png": png(i, (32, 32), "RGB")
        for name in cifar10.classes
        for i in range(2)
    }
    (tmp_path / "tar" / "cifar10-jpg").mkdir(parents=True)
    tarred(tmp_path / "tar" / "cifar10-jpg" / "cifar10-jpg.tar.gz", contents)
    for root in (tmp_path / "tar", tree(tmp_path / "tree", contents)):
        facts = open_set("cifar10", root=root).facts
        assert (facts.count, facts.size, facts.channels, facts.classes) == (
            20,
            32,
            3,
            cifar10.classes,
        )


def test_celeba_of_several_archives_has_no_classes(tmp_path: Path) -> None:
    (tmp_path / "celeba-64").mkdir()
    zipped(
        tmp_path / "celeba-64" / "celeba-64.zip",
        {f"a/{i}.png": png(i, (64, 64), "RGB") for i in range(3)},
    )
    zipped(
        tmp_path / "celeba-64" / "celeba-64-more.zip",
        {f"b/{i}.png": png(i, (64, 64), "RGB") for i in range(4)},
    )
    data = open_set("celeba", root=tmp_path)
    assert (data.facts.count, data.facts.classes) == (7, ())
    assert "non-commercial" in data.licence


@pytest.mark.parametrize(
    ("name", "field"),
    [("sine", Points(2)), ("gaussians", Points(2)), ("sinusoids", Curve(64, -5, 5))],
)
def test_made_up_sets(name: str, field: Points | Curve) -> None:
    data = open_set(name)
    batches = data.bind(Data({"real": field}))
    assert batches.take(0, 5, 0)["real"].shape[0] == 5
    assert data.digest() == open_set(name).digest() != open_set(name, seed=1).digest()
    with pytest.raises(ConfigError, match="asks for 3 values"):
        data.bind(Data({"real": Points(3) if isinstance(field, Points) else Curve(3)}))
    with pytest.raises(DataError, match="asks for images.*holds (points|curves)"):
        data.bind(IMAGE)


def test_a_configuration_that_the_data_contradict(tmp_path: Path) -> None:
    data = open_set(str(tree(tmp_path, CLASSES)))
    with pytest.raises(ConfigError, match="asks for 5 classes.*has 2"):
        data.bind(Data({"label": Labels(5)}))
    with pytest.raises(DataError, match="asks for captions.*holds images, labels"):
        data.bind(Data({"caption": Captions(("a",), 3)}))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda p: tree(p / "x", {"a.txt": b"hello"}), "holds no images"),
        (lambda p: tree(p / "x", {"a.jpg": b"hello"}), r"a\.jpg is not an image"),
        (
            lambda p: tree(p / "x", {"a.png": png(1), "b.png": png(1)[:40]}),
            r"b\.png is not an image.*mend or remove",
        ),
        (
            lambda p: zipped(p / "x.zip", {"a.png": png(1), "b.png": b"no"}),
            r"x\.zip:b\.png is not an image",
        ),
        (lambda p: zipped(p / "x.zip", {"../a.png": png(1)}), "points outside.*refused"),
        (lambda p: tarred(p / "x.tar.gz", {"/etc/a.png": png(1)}), "points outside.*refused"),
        (lambda p: zipped(p / "x.zip", {"a.png": bytes(100 << 20)}), "too much; refused"),
        (lambda p: tarred(p / "x.tar.gz", {"a.png": bytes(100 << 20)}), "too much; refused"),
        (lambda p: tree(p, {"x.zip": b"PK nothing"}) / "x.zip", "no archive that can be read"),
        (
            lambda p: (
                tree(p, {"x.tar.gz": tarred(p / "y.tar.gz", CLASSES).read_bytes()[:200]})
                / "x.tar.gz"
            ),
            "cannot be read|no archive",
        ),
        (lambda p: p / "nothing", "no data set, folder or archive"),
    ],
)
def test_what_is_said_of_bad_files(make: Callable[[Path], Path], text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=text) as caught:
        open_set(str(make(tmp_path))).bind(IMAGE)
    assert "\n" not in str(caught.value)


def test_a_cut_idx_file(tmp_path: Path) -> None:
    root = mnist(tmp_path, "MNIST/raw", packed=False)
    path = root / "MNIST/raw/train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match="not a whole idx file.*fetch it again"):
        open_set("mnist", root=root)


def test_near_names_of_sets() -> None:
    with pytest.raises(DataError, match=r"did you mean mnist.*sets: celeba, cifar10"):
        open_set("minst")


def test_levels_survive_the_way_to_floats_and_back(tmp_path: Path) -> None:
    from ganzoo.pictures.images import to_float

    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert (to_uint8(to_float(levels)).ravel() == np.arange(256)).all()
