"""Vectors of sentences beside the pictures, made by some other encoder."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from ganzoo.data.sources import open_set
from ganzoo.errors import ConfigError, DataError
from ganzoo.spec import Data, Embeddings, Picture
from tests.shapes import shapes

N = 12


def held(place: Path, **changes: Tensor) -> Path:
    """Shapes without captions, each with two vectors: its number, and its negative number."""
    shapes(place, N)
    (place / "captions.jsonl").unlink()
    rows = {
        f"{number}.png": torch.tensor([[number, 1.0, 0.0], [-number, 1.0, 0.0]])
        for number in range(N)
    }
    save_file(
        rows | {name.replace("_", "."): tensor for name, tensor in changes.items()},
        place / "embeddings.safetensors",
    )
    return place


def taken(place: Path, count: int = N, seed: int = 0) -> dict[str, Tensor]:
    return (
        open_set(str(place))
        .bind(Data({"image": Picture(3, 16), "vector": Embeddings(3)}))
        .take(0, count, seed)
    )


def test_each_picture_has_its_own(tmp_path: Path) -> None:
    place = held(tmp_path / "data")
    found = open_set(str(place))
    assert (found.facts.embedding, found.facts.sentences) == (3, [])
    batch = taken(place, 4 * N)
    assert batch["vector"].dtype == torch.float32
    numbers = batch["vector"][:, 0]
    for number, image in zip(numbers.abs().int().tolist(), batch["image"], strict=True):
        red = image[0].float().mean() > image[2].float().mean()
        assert bool(red) == (number % 2 == 0)  # every second shape is red
    assert (numbers > 0).any()
    assert (numbers < 0).any()  # one of the two is drawn each time
    assert torch.equal(batch["vector"], taken(place, 4 * N)["vector"])


def test_archives_half_precision_and_the_digest(tmp_path: Path) -> None:
    place = held(tmp_path / "data", **{"3_png": torch.full((3,), 2.0, dtype=torch.bfloat16)})
    before = open_set(str(place)).digest()
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for path in sorted(place.iterdir()):
            archive.write(path, f"data/{path.name}")
    packed = open_set(str(tmp_path / "data.zip"))
    assert packed.facts.embedding == 3
    assert (taken(tmp_path / "data.zip")["vector"] == 2).all(dim=1).sum() == 1
    held(tmp_path / "other", **{"3_png": torch.ones(1, 3)})
    assert open_set(str(tmp_path / "other")).digest() != before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"3_png": torch.ones(1, 4)}, "vectors of 3 and 4 numbers"),
        (
            {"3_png": torch.ones(1, 3, dtype=torch.int64)},
            "'3.png' is 1 x 3 of torch.int64, expected finite floats",
        ),
        ({"3_png": torch.full((1, 3), np.nan)}, "expected finite floats"),
        ({"3_png": torch.ones(0, 3)}, "'3.png' is 0 x 3"),
        ({"3_png": torch.ones(1, 3), "nobody": torch.ones(1, 2)}, "vectors of 2 and 3 numbers"),
        ({"3_png": torch.ones(1, 1, 3)}, "'3.png' is 1 x 1 x 3"),
        ({"3_png": torch.ones(2, 0)}, "'3.png' is 2 x 0"),
        ({"3_png": torch.ones(0)}, "'3.png' is 0 of"),
        ({"3_png": torch.full((1, 3), 1e300, dtype=torch.float64)}, "expected finite floats"),
        ({"3_png": torch.ones(1, 3).to(torch.float8_e4m3fn)}, "expected finite floats"),
    ],
)
def test_vectors_that_are_none(tmp_path: Path, changes: dict[str, Tensor], said: str) -> None:
    with pytest.raises(DataError, match=said):
        open_set(str(held(tmp_path / "data", **changes)))


def test_a_picture_without_any(tmp_path: Path) -> None:
    place = held(tmp_path / "data")
    Image.new("RGB", (16, 16)).save(place / "more.png")
    with pytest.raises(
        DataError, match="1 images have no vector in embeddings.safetensors, the first is"
    ):
        open_set(str(place))


def test_beside_two_domains_they_mean_nothing(tmp_path: Path) -> None:
    for folder in ("trainA", "trainB"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        Image.new("RGB", (16, 16)).save(tmp_path / "data" / folder / "1.png")
    save_file({"1.png": torch.ones(1, 3)}, tmp_path / "data" / "embeddings.safetensors")
    assert open_set(str(tmp_path / "data")).facts.embedding is None


def test_a_file_that_is_none(tmp_path: Path) -> None:
    place = shapes(tmp_path / "data", 4)
    (place / "embeddings.safetensors").write_bytes(b"{}")
    with pytest.raises(DataError, match="is not a safetensors file"):
        open_set(str(place))


def test_what_a_plugin_asks_for_and_the_data_lack(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="5 numbers in a text embedding, data set 'data' has vectors of 3"
    ):
        open_set(str(held(tmp_path / "data"))).bind(Data({"vector": Embeddings(5)}))
    with pytest.raises(DataError, match="asks for text embeddings .* holds images, captions"):
        open_set(str(shapes(tmp_path / "told", 4))).bind(Data({"vector": Embeddings(3)}))
