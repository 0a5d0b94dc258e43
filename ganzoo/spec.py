"""What a batch holds, what a model gives, and what is known of a data set. Light: no torch, no numpy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import msgspec

from ganzoo.errors import DataError


class Picture(msgspec.Struct, frozen=True):
    """Images in [-1, 1], float (n, channels, size, size). `size` None: any size, for models that keep their input's.

    `flip`, of training data: every second one, by chance, is mirrored left to right."""

    plural: ClassVar[str] = "images"
    default_count: ClassVar[int] = 64

    channels: int
    size: int | None = None
    flip: bool = False


class Points(msgspec.Struct, frozen=True):
    """Points, float (n, dims)."""

    plural: ClassVar[str] = "points"
    default_count: ClassVar[int] = 1024

    dims: int


class Curve(msgspec.Struct, frozen=True):
    """Curves, float (n, length): values at `length` equal steps from `low` to `high`."""

    plural: ClassVar[str] = "curves"
    default_count: ClassVar[int] = 16

    length: int
    low: float = -1.0
    high: float = 1.0


class Labels(msgspec.Struct, frozen=True):
    """Class numbers, int64 (n,), in [0, classes)."""

    classes: int


class Captions(msgspec.Struct, frozen=True):
    """Token ids, int64 (n, length); 0 pads, 1 is unknown. One of an image's captions is drawn each step.

    `split`: the share of captions in which every second known word, by chance, is spelt by pieces of the vocabulary, so that
    training sees them."""

    vocabulary: tuple[str, ...]
    length: int
    split: float = 0.0


class Embeddings(msgspec.Struct, frozen=True):
    """Vectors of sentences that another encoder has made, float32 (n, size). One of an image's is drawn each step."""

    size: int


Output = Picture | Points | Curve
Field = Picture | Points | Curve | Labels | Captions | Embeddings


class Data(msgspec.Struct, frozen=True):
    """The tensors of one batch by name. `unpaired`: each field is a domain of that name, shuffled on its own."""

    fields: Mapping[str, Field]
    unpaired: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a data set before a model is built.

    `kind`: "images", "points" or "curves"; `size`: pixels of a side of the stored images, None when they differ;
    `classes`: names in label order; `dims`: coordinates of a point or values of a curve; `low`, `high`: a curve's domain;
    `domains`: names of unpaired sets; `embedding`: numbers of a sentence's vector, None where the set holds none.
    """

    name: str
    kind: str
    count: int
    channels: int | None = None
    size: int | None = None
    classes: tuple[str, ...] = ()
    dims: int | None = None
    low: float = -1.0
    high: float = 1.0
    domains: tuple[str, ...] = ()
    sentences: Sequence[Sequence[str]] = ()
    embedding: int | None = None

    def captions(self) -> Iterator[str]:
        """Every caption of every image; empty when the set has none."""
        for group in self.sentences:
            yield from group

    def require(self, kind: str) -> None:
        """Raises DataError unless the set holds `kind`."""
        if self.kind != kind:
            raise DataError(f"data set {self.name!r} holds {self.kind}, and {kind} are asked for")
