"""What the samples of an evaluation are asked for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ganzoo.data.sources import open_set
from ganzoo.errors import ConfigError, DataError
from ganzoo.evaluate import requests
from ganzoo.inputs import Label, Latent, Rows, Text, Vector
from ganzoo.spec import Facts
from tests.shapes import shapes

INPUTS = {"latent": Latent(4), "text": Text(("a", "red"), 4)}


def facts(*groups: tuple[str, ...]) -> Facts:
    return Facts(name="made", kind="images", count=len(groups), sentences=groups)


def test_each_picture_is_asked_for_as_often_as_any_other() -> None:
    counts = Counter(requests.choose_captions(facts(("a",), ("b", "c"), ("d",)), Rows(0, 300)))
    assert (counts["a"], counts["b"] + counts["c"], counts["d"]) == (100, 100, 100)
    assert 25 < counts["b"] < 75


def test_the_seed_decides(tmp_path: Path) -> None:
    known = open_set(str(shapes(tmp_path / "data", 40))).facts
    assert requests.choose_captions(known, Rows(3, 40)) == requests.choose_captions(
        known, Rows(3, 40)
    )
    assert requests.choose_captions(known, Rows(3, 40)) != requests.choose_captions(
        known, Rows(4, 40)
    )


def test_captions_that_say_nothing_are_left_out() -> None:
    assert set(requests.choose_captions(facts(("!!!",), ("a", "\ud800"), ()), Rows(0, 5))) == {"a"}


def test_no_captions() -> None:
    with pytest.raises(DataError, match="made has no captions"):
        requests.choose_captions(facts(("...",)), Rows(0, 5))


def test_what_a_model_takes_is_asked_for(tmp_path: Path) -> None:
    place = shapes(tmp_path / "data", 4)
    save_file(
        {f"{n}.png": torch.full((2, 3), float(n)) for n in range(4)},
        place / "embeddings.safetensors",
    )
    data, rows = open_set(str(place)), Rows(1, 8)
    assert requests.draw_captions({"latent": Latent(4)}, data, rows) == {}
    assert requests.draw_captions(INPUTS, data, rows) == {
        "text": requests.choose_captions(data.facts, rows)
    }
    vectors = requests.draw_captions({"embedding": Vector(3)}, data, rows)["embedding"]
    assert sorted(vectors[:, 0].tolist()) == [0, 0, 1, 1, 2, 2, 3, 3]
    with pytest.raises(ConfigError, match="has vectors of 3"):
        requests.draw_captions({"embedding": Vector(5)}, data, rows)


def test_labels_count_where_the_classes_are_the_same() -> None:
    inputs = {"label": Label(("cat", "dog"))}
    drawn = requests.draw_labels(inputs, ("cat", "dog"), Rows(0, 6))
    assert drawn is not None
    assert drawn.equal(inputs["label"].draw("label", Rows(0, 6)))
    assert requests.draw_labels(inputs, ("dog", "cat"), Rows(0, 6)) is None
