"""What data sets hold, and the tensors that a plugin's fields take from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.data.batches import Taker
from ganzoo.data.captions import captions
from ganzoo.data.embeddings import Vectors
from ganzoo.data.images import Pictures, Stored
from ganzoo.data.order import coins
from ganzoo.errors import ConfigError, DataError
from ganzoo.spec import Captions, Curve, Embeddings, Facts, Field, Labels, Picture, Points


class Content:
    """What a set holds, by domain ("" where there is one)."""

    def count(self, domain: str) -> int:
        """Examples of a domain."""
        raise NotImplementedError

    def digest(self) -> str:
        raise NotImplementedError

    def taker(self, field: Field, facts: Facts, domain: str, key: str) -> Taker:
        """What gives the field's tensor for some examples; DataError when the set has no such thing."""
        raise NotImplementedError


class Values(Content):
    """Points or curves in memory."""

    def __init__(self, values: NDArray[np.float32]) -> None:
        self.values = values

    def count(self, domain: str) -> int:
        return len(self.values)

    def digest(self) -> str:
        return hashlib.sha256(self.values.tobytes()).hexdigest()

    def taker(self, field: Field, facts: Facts, domain: str, key: str) -> Taker:
        wanted = (
            field.dims
            if isinstance(field, Points)
            else field.length
            if isinstance(field, Curve)
            else None
        )
        if wanted is None or (facts.kind == "points") != isinstance(field, Points):
            raise _lacks(facts, key, field)
        if wanted != facts.dims:
            raise ConfigError(
                key,
                f"the configuration asks for {wanted} values, data set {facts.name!r} has {facts.dims}",
            )
        values = torch.from_numpy(self.values)
        return lambda chosen, position, seed: values[torch.from_numpy(chosen)]


class Gallery(Content):
    """Pictures by domain, with labels, captions and vectors where there are any. `load` decodes a domain for a Picture field."""

    def __init__(
        self,
        counts: Mapping[str, int],
        load: Callable[[Picture, str], Pictures | Stored],
        digest: Callable[[], str],
        labels: NDArray[np.int64] | None = None,
        vectors: Vectors | None = None,
    ) -> None:
        self.counts, self.load, self._digest, self.labels, self.vectors = (
            counts,
            load,
            digest,
            labels,
            vectors,
        )

    def count(self, domain: str) -> int:
        return self.counts[domain]

    def digest(self) -> str:
        return self._digest()

    def taker(self, field: Field, facts: Facts, domain: str, key: str) -> Taker:
        if domain not in self.counts:
            there = (
                f"domains {', '.join(facts.domains)}"
                if facts.domains
                else "no domains (folders trainA and trainB make them)"
            )
            raise DataError(f"domain {domain!r} is asked for, data set {facts.name!r} has {there}")
        if isinstance(field, Picture):
            if field.channels not in (1, 3):
                raise ConfigError(
                    key,
                    f"the configuration asks for {field.channels} channels; pictures have 1 (grey) or 3",
                )
            pictures = self.load(field, domain)
            return (
                _mirroring(pictures, self.counts[domain], domain)
                if field.flip
                else lambda chosen, place, seed: pictures.take(chosen)
            )
        if isinstance(field, Labels) and self.labels is not None:
            return self._labels(field, facts, key)
        if isinstance(field, Captions) and facts.sentences:
            return captions(field, facts)
        if isinstance(field, Embeddings) and self.vectors:
            if field.size != self.vectors.size:
                there = f"data set {facts.name!r} has vectors of {self.vectors.size}"
                raise ConfigError(
                    key, f"the configuration asks for {field.size} numbers of a sentence, {there}"
                )
            return self.vectors.taker()
        raise _lacks(facts, key, field)

    def _labels(self, field: Labels, facts: Facts, key: str) -> Taker:
        if field.classes != len(facts.classes):
            raise ConfigError(
                key,
                f"the configuration asks for {field.classes} classes, data set {facts.name!r} has {len(facts.classes)}",
            )
        labels = torch.from_numpy(np.asarray(self.labels))
        return lambda chosen, position, seed: labels[torch.from_numpy(chosen)]


def _mirroring(pictures: Pictures | Stored, count: int, domain: str) -> Taker:
    def take(chosen: NDArray[np.int64], position: int, seed: int) -> Tensor:
        images = pictures.take(chosen)
        mirrored = torch.from_numpy(coins(position, len(chosen), count, seed, domain))
        images[mirrored] = images[mirrored].flip(3)
        return images

    return take


def _lacks(facts: Facts, key: str, field: Field) -> DataError:
    names = {
        Picture: "pictures",
        Points: "points",
        Curve: "curves",
        Labels: "labels",
        Captions: "captions",
    }
    wanted = names.get(type(field), "embeddings of captions")
    there = {
        "labels": facts.classes,
        "captions": facts.sentences,
        "embeddings of captions": facts.embedding,
    }
    has = [facts.kind, *(name for name, some in there.items() if some)]
    return DataError(
        f"the plugin asks for {wanted} (as {key!r}), data set {facts.name!r} holds {', '.join(has)}"
    )
