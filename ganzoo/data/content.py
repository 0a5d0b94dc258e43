"""What a data set holds, and the tensors that it gives for the fields of a plugin."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.data.batches import Taker
from ganzoo.data.captions import caption_taker
from ganzoo.data.embeddings import EmbeddingTable
from ganzoo.data.images import ArrayImages, FileImages
from ganzoo.data.named import ValueArrays, report_broken
from ganzoo.data.order import flips
from ganzoo.errors import ConfigError, DataError
from ganzoo.spec import Captions, Curve, Embeddings, Facts, Field, Labels, Picture, Points

LABELS_LACK = "its record names classes, but its reader gives no labels"


class Content:
    """Examples of a data set, by domain ("" if there is only one)."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def count(self, domain: str) -> int:
        """Examples of a domain."""
        raise NotImplementedError

    def digest(self) -> str:
        """sha256 over all examples."""
        raise NotImplementedError

    def taker(self, field: Field, domain: str, key: str) -> Taker:
        """A function that gives the field's tensor. DataError if the set has no such thing,
        ConfigError if its shape differs; `key` is the field's name."""
        raise NotImplementedError

    def describe_lack(self, key: str, field: Field) -> DataError:
        facts = self.facts
        names = {
            Picture: "images",
            Points: "points",
            Curve: "curves",
            Labels: "labels",
            Captions: "captions",
            Embeddings: "text embeddings",
        }
        optional = {
            "labels": facts.classes,
            "captions": facts.sentences,
            "text embeddings": facts.embedding,
        }
        has = [facts.kind, *(name for name, value in optional.items() if value)]
        return DataError(
            f"the plugin asks for {names[type(field)]} (as {key!r}), "
            f"data set {facts.name!r} holds {', '.join(has)}"
        )

    def describe_mismatch(self, key: str, requested: str, has: object) -> ConfigError:
        where = f"data set {self.facts.name!r}"
        return ConfigError(key, f"the config asks for {requested}, {where} has {has}")


class ValueContent(Content):
    """Points or curves in memory, float32 (n, dims)."""

    def __init__(self, name: str, examples: ValueArrays) -> None:
        self.values = np.asarray(examples.values, dtype=np.float32)
        if self.values.ndim != 2:
            raise report_broken(name, "its values are not (n, dims)")
        count, dims = self.values.shape
        low, high = examples.low, examples.high
        facts = Facts(name=name, kind=examples.kind, count=count, dims=dims, low=low, high=high)
        super().__init__(facts)

    def count(self, domain: str) -> int:
        return len(self.values)

    def digest(self) -> str:
        return hashlib.sha256(self.values.tobytes()).hexdigest()

    def taker(self, field: Field, domain: str, key: str) -> Taker:
        if isinstance(field, Points) and self.facts.kind == "points":
            dims = field.dims
        elif isinstance(field, Curve) and self.facts.kind == "curves":
            dims = field.length
        else:
            raise self.describe_lack(key, field)
        if dims != self.facts.dims:
            raise self.describe_mismatch(key, f"{dims} values", self.facts.dims)
        values = torch.from_numpy(self.values)
        return lambda chosen, position, seed: values[torch.from_numpy(chosen)]


class ImageContent(Content):
    """Images by domain, with labels, captions and text embeddings if there are any.

    `load` gives the images of a domain in the shape of a field.
    """

    def __init__(
        self,
        facts: Facts,
        counts: Mapping[str, int],
        load: Callable[[Picture, str], FileImages | ArrayImages],
        digest: Callable[[], str],
        labels: NDArray[np.int64] | None = None,
        embeddings: EmbeddingTable | None = None,
    ) -> None:
        super().__init__(facts)
        self.counts, self.load, self._digest = counts, load, digest
        self.labels, self.embeddings = labels, embeddings

    def count(self, domain: str) -> int:
        return self.counts[domain]

    def digest(self) -> str:
        return self._digest()

    def taker(self, field: Field, domain: str, key: str) -> Taker:
        facts = self.facts
        if domain not in self.counts:
            has = "no domains (folders trainA and trainB make them)"
            if facts.domains:
                has = f"domains {', '.join(facts.domains)}"
            raise DataError(f"domain {domain!r} is requested, data set {facts.name!r} has {has}")
        if isinstance(field, Picture):
            if field.channels not in (1, 3):
                requested = f"the config asks for {field.channels} channels"
                raise ConfigError(key, f"{requested}; images have 1 (grey) or 3")
            images, count, flip = self.load(field, domain), self.counts[domain], field.flip

            def take(chosen: NDArray[np.int64], position: int, seed: int) -> Tensor:
                taken = images.take(chosen)
                if flip:
                    drawn = flips(position, len(chosen), count, seed, domain)
                    mirrored = torch.from_numpy(drawn)
                    taken[mirrored] = taken[mirrored].flip(3)
                return taken

            return take
        if isinstance(field, Labels) and self.labels is not None:
            if field.classes != len(facts.classes):
                raise self.describe_mismatch(key, f"{field.classes} classes", len(facts.classes))
            labels = torch.from_numpy(self.labels)
            return lambda chosen, position, seed: labels[torch.from_numpy(chosen)]
        if isinstance(field, Captions) and facts.sentences:
            return caption_taker(field, facts)
        if isinstance(field, Embeddings) and self.embeddings:
            if field.size != self.embeddings.size:
                requested = f"{field.size} numbers in a text embedding"
                raise self.describe_mismatch(key, requested, f"vectors of {self.embeddings.size}")
            return self.embeddings.take
        if isinstance(field, Labels) and facts.classes:
            raise report_broken(facts.name, LABELS_LACK)
        raise self.describe_lack(key, field)
