"""What the samples of an evaluation are asked for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from ganzoo.data.sources import open_set
from ganzoo.data.spec import Facts
from ganzoo.errors import DataError
from ganzoo.evaluate import asking
from ganzoo.inputs import Label, Latent, Rows, Text
from tests.shapes import shapes

INPUTS = {"latent": Latent(4), "text": Text(("a", "red"), 4)}


def facts(*groups: tuple[str, ...]) -> Facts:
    return Facts(name="made", kind="images", count=len(groups), sentences=groups)


def test_each_picture_is_asked_for_as_often_as_any_other() -> None:
    found = asking.sentences(INPUTS, facts(("a",), ("b", "c"), ("d",)), Rows(0, 300))
    assert list(found) == ["text"]
    counts = Counter(found["text"])
    assert (counts["a"], counts["b"] + counts["c"], counts["d"]) == (100, 100, 100)
    assert 25 < counts["b"] < 75


def test_the_seed_decides(tmp_path: Path) -> None:
    known = open_set(str(shapes(tmp_path / "data", 40))).facts
    assert asking.sentences(INPUTS, known, Rows(3, 40)) == asking.sentences(INPUTS, known, Rows(3, 40))
    assert asking.sentences(INPUTS, known, Rows(3, 40)) != asking.sentences(INPUTS, known, Rows(4, 40))


def test_captions_that_say_nothing_are_left_out() -> None:
    assert set(asking.sentences(INPUTS, facts(("!!!",), ("a", "\ud800"), ()), Rows(0, 5))["text"]) == {"a"}


def test_no_captions_and_no_sentences() -> None:
    with pytest.raises(DataError, match="made has no captions"):
        asking.sentences(INPUTS, facts(("...",)), Rows(0, 5))
    assert asking.sentences({"latent": Latent(4)}, facts(), Rows(0, 5)) == {}


def test_labels_count_where_the_classes_are_the_same() -> None:
    inputs = {"label": Label(("cat", "dog"))}
    drawn = asking.labels(inputs, ("cat", "dog"), Rows(0, 6))
    assert drawn is not None
    assert drawn.equal(inputs["label"].draw("label", Rows(0, 6)))
    assert asking.labels(inputs, ("dog", "cat"), Rows(0, 6)) is None
