"""What samples of an evaluation are asked for: labels that the seed draws, sentences that the data have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from ganzoo.data.order import choices, indices
from ganzoo.data.sources import DataSet
from ganzoo.errors import DataError
from ganzoo.inputs import Input, Label, Rows, Text, Vector
from ganzoo.spec import Data, Embeddings, Facts
from ganzoo.text import is_utf8, words

CAPTIONS = "captions of the data, the rest drawn from the seed"


def draw_labels(inputs: Mapping[str, Input], classes: tuple[str, ...], rows: Rows) -> Tensor | None:
    """The classes that are drawn for the samples, where the model takes one and `classes`, which are read, are the same ones."""
    for name, spec in inputs.items():
        if isinstance(spec, Label) and spec.classes == classes:
            return spec.draw(name, rows)
    return None


def draw_captions(inputs: Mapping[str, Input], data: DataSet, rows: Rows) -> dict[str, Any]:
    """A caption for each sample, as a sentence or a vector, where the model takes one: pictures in an order that the seed draws,
    each as often as any other, and one of a picture's captions. DataError where the data have none."""
    found: dict[str, Any] = {}
    for name, spec in inputs.items():
        if isinstance(spec, Text):
            found[name] = choose_captions(data.facts, rows)
        elif isinstance(spec, Vector):
            found[name] = data.bind(Data({name: Embeddings(spec.size)})).take(
                0, rows.whole, rows.seed
            )[name]
    return found


def choose_captions(facts: Facts, rows: Rows) -> list[str]:
    """Captions as they are written, without those that say nothing."""
    groups = [
        told
        for group in facts.sentences
        if (told := [text for text in group if is_utf8(text) and words(text)])
    ]
    if not groups:
        raise DataError(
            f"the model draws what a sentence says, and {facts.name} has no captions (a captions.jsonl)"
        )
    chosen = indices(0, rows.whole, len(groups), rows.seed, "captions")
    which = choices(0, np.asarray([len(groups[group]) for group in chosen]), rows.seed)
    return [groups[group][place] for group, place in zip(chosen, which, strict=True)]
