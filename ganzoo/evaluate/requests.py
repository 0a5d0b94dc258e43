"""What the samples of an evaluation are requested to show: labels by seed, captions of the data."""

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

FROM_CAPTIONS = "captions of the data, the rest drawn from the seed"


def draw_labels(inputs: Mapping[str, Input], classes: tuple[str, ...], rows: Rows) -> Tensor | None:
    """The class of each sample, if the model takes a label with exactly these classes."""
    for name, spec in inputs.items():
        if isinstance(spec, Label) and spec.classes == classes:
            return spec.draw(name, rows)
    return None


def draw_captions(inputs: Mapping[str, Input], data: DataSet, rows: Rows) -> dict[str, Any]:
    """A caption, or its embedding, for each sample, if the model takes one.

    The seed draws the order of the images and one caption of each; all images occur equally often.
    DataError if the data have no captions."""
    found: dict[str, Any] = {}
    for name, spec in inputs.items():
        if isinstance(spec, Text):
            found[name] = choose_captions(data.facts, rows)
        elif isinstance(spec, Vector):
            batches = data.bind(Data({name: Embeddings(spec.size)}))
            found[name] = batches.take(0, rows.whole, rows.seed)[name]
    return found


def choose_captions(facts: Facts, rows: Rows) -> list[str]:
    """Captions as written, without those that contain no words."""
    groups = []
    for group in facts.sentences:
        usable = [text for text in group if is_utf8(text) and words(text)]
        if usable:
            groups.append(usable)
    if not groups:
        raise DataError(f"the model needs captions; {facts.name} has no captions (captions.jsonl)")
    order = indices(0, rows.whole, len(groups), rows.seed, "captions")
    which = choices(0, np.asarray([len(groups[group]) for group in order]), rows.seed)
    return [groups[group][place] for group, place in zip(order, which, strict=True)]
