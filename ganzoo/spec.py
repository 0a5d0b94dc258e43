"""Fields of a batch, outputs of a model, and facts of a data set. Light: no torch, no numpy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import msgspec

from ganzoo.errors import DataError


class Picture(msgspec.Struct, frozen=True):
    """Images in [-1, 1], float (n, channels, size, size).

    `size`: None if the model keeps the size of its input. `flip`: mirror training examples left to
    right with probability 1/2.
    """

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
    """Token ids, int64 (n, length); 0 is padding, 1 an unknown word.

    Each step draws one of an image's captions. `split`: share of the captions in which each known
    word is replaced, with probability 1/2, by pieces of the vocabulary.
    """

    vocabulary: tuple[str, ...]
    length: int
    split: float = 0.0


class Embeddings(msgspec.Struct, frozen=True):
    """Text embeddings of another encoder, float32 (n, size). Each step draws one of an image's."""

    size: int


Output = Picture | Points | Curve
Field = Picture | Points | Curve | Labels | Captions | Embeddings


class Data(msgspec.Struct, frozen=True):
    """Tensors of a batch by name. `unpaired`: each field is a domain, shuffled on its own."""

    fields: Mapping[str, Field]
    unpaired: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a data set before a model is built.

    `kind`: "images", "points" or "curves". `size`: side of the images in pixels, None if they
    differ. `classes`: names in label order. `dims`: coordinates of a point or values of a curve.
    `low`, `high`: range of a curve's steps. `domains`: names of unpaired domains. `sentences`:
    captions of each image. `embedding`: size of the text embeddings, None if there are none.
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
