"""Inputs that only the user can give: sentences, vectors of sentences, and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.errors import InputError
from ganzoo.inputs.rows import Input, Rows
from ganzoo.text import encode, is_utf8, known, positions, shortened, words

if TYPE_CHECKING:
    from torch import Tensor

VECTORS_LIMIT = 64 << 20
"""Bytes of a file of vectors."""
NAMED = 8
"""Words of a vocabulary that are told."""
EXAMPLE = 64
"""Pixels of a side of pictures drawn by chance, where the model takes any size."""


class Text(Input, frozen=True):
    """int64 (n, length): token ids of sentences; several sentences share the rows out in equal runs."""

    vocabulary: tuple[str, ...]
    length: int

    def draw(self, name: str, rows: Rows) -> Tensor:
        raise InputError(name, f"a sentence is needed (--{name} ...); it knows {self._words()}")

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        import torch

        sentences = self.sentences(value)
        _check_sentences(sentences, name, rows)
        places, index = rows.shared(len(sentences)), positions(self.vocabulary)
        tokens = {
            place: encode(sentences[place], self.vocabulary, self.length, index)
            for place in set(places)
        }
        return torch.tensor([tokens[place] for place in places])

    def sentences(self, value: Any) -> list[str]:
        """What the user gave, one by one."""
        return [str(one) for one in value] if isinstance(value, (list, tuple)) else [str(value)]

    def count(self, value: Any) -> int:
        """How many sentences are given."""
        return len(self.sentences(value))

    def describe(self) -> str:
        return f"a sentence of up to {self.length} words; known are {self._words()}"

    def _words(self) -> str:
        """The most frequent ones, and how many there are."""
        words = known(self.vocabulary)
        named = shortened(", ".join(words[:NAMED]), 80)
        return named + (f" ... ({len(words):,} words)" if len(words) > NAMED else "")

    def example(self, name: str, rows: Rows) -> Tensor:
        import torch

        return torch.tensor(
            [
                [int(t) for t in s.integers(0, len(self.vocabulary) + 2, self.length)]
                for s in rows.streams(name)
            ]
        )


class Vector(Input, frozen=True):
    """float (n, size): what an encoder of the user's own made of sentences, as rows from Python or of files (.npy, or
    .safetensors with one tensor); several share the rows out in equal runs."""

    size: int

    def draw(self, name: str, rows: Rows) -> Tensor:
        raise InputError(name, f"a vector of {self.size} numbers is needed (--set {name}=FILE.npy)")

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        import torch

        paths = files_of(value)
        try:
            given = [self._rows(_stored(path, name), name) for path in paths] or [
                self._rows(torch.as_tensor(value), name)
            ]
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(name, f"not a tensor of numbers ({error})") from None
        vectors = torch.cat(given)
        if len(vectors) > rows.whole:
            raise InputError(
                name,
                f"{len(vectors)} vectors for {rows.whole} samples; one for each is needed at least",
            )
        return vectors[rows.shared(len(vectors))]

    def _rows(self, given: Tensor, name: str) -> Tensor:
        given = given[None] if given.ndim == 1 else given
        if given.ndim != 2 or given.shape[1] != self.size or not len(given):
            raise InputError(name, f"shape {tuple(given.shape)}, expected (k, {self.size})")
        vectors = given.float()
        if not given.is_floating_point() or not vectors.isfinite().all():
            raise InputError(name, f"numbers of {given.dtype}, expected finite floats")
        return vectors

    def describe(self) -> str:
        return (
            f"{self.size} numbers that your encoder makes of a sentence: a .npy file, or a tensor"
        )

    def example(self, name: str, rows: Rows) -> Tensor:
        import torch

        return torch.stack(
            [
                torch.from_numpy(s.standard_normal(self.size, dtype="float32"))
                for s in rows.streams(name)
            ]
        )


class Image(Input, frozen=True):
    """float (n, channels, height, width) in [-1, 1]: a picture from a file or a PIL image.

    `size` fits it into a square; None keeps its own size, padded to a `multiple`. `halo`: how many pixels around a place
    the network looks at, for tiling. `whole`: it has to see a large picture at once, and is never given tiles of one.
    """

    channels: int
    size: int | None = None
    multiple: int = 1
    halo: int = 0
    whole: bool = False

    def draw(self, name: str, rows: Rows) -> Tensor:
        raise InputError(name, f"a picture is needed (--{name} FILE)")

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        import torch

        if not isinstance(value, torch.Tensor):
            raise InputError(name, f"a {type(value).__name__}, expected a tensor of images")
        pictures = value[None] if value.ndim == 3 else value
        if pictures.ndim != 4 or pictures.shape[1] != self.channels or not len(pictures):
            raise InputError(
                name, f"shape {tuple(pictures.shape)}, expected (n, {self.channels}, height, width)"
            )
        if not pictures.is_floating_point():
            raise InputError(name, f"{pictures.dtype}, expected numbers in [-1, 1]")
        return pictures[rows.shared(len(pictures))]

    def describe(self) -> str:
        kind = {1: "grey", 3: "colour"}.get(self.channels, f"{self.channels}-channel")
        return f"a {kind} picture" + (
            f", fitted to {self.size} x {self.size}" if self.size else ", any size"
        )

    def example(self, name: str, rows: Rows) -> Tensor:
        import torch

        side = self.size or max(EXAMPLE, 2 * self.multiple)
        shape = (self.channels, side, side)
        return torch.stack(
            [
                torch.from_numpy(s.uniform(-1, 1, shape).astype("float32"))
                for s in rows.streams(name)
            ]
        )


def files_of(value: Any) -> list[Path]:
    """The paths, where it is nothing else: one, or a list of them."""
    values = value if isinstance(value, (list, tuple)) else [value]
    return (
        [Path(one) for one in values] if all(isinstance(one, (str, Path)) for one in values) else []
    )


def _stored(path: Path, name: str) -> Tensor:
    """The one array of a .npy or .safetensors file; never a pickle."""
    import io
    import tokenize

    import numpy as np
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    from ganzoo.files import read

    broken = (  # what numpy and safetensors raise of files that are cut short, altered or too large
        SafetensorError, ValueError, EOFError, TypeError, KeyError, SyntaxError, tokenize.TokenError, MemoryError, OverflowError,
        NotImplementedError,
    )  # fmt: skip
    try:
        data = read(path, VECTORS_LIMIT)
        if path.suffix == ".npy":
            return torch.from_numpy(np.load(io.BytesIO(data), allow_pickle=False))
        tensors = list(load(data).values())
    except OSError as error:
        raise InputError(name, f"{path}: {error.strerror}") from None
    except broken as error:
        kind = type(error).__name__
        raise InputError(
            name,
            f"{path} holds no vectors that can be read ({kind}); .npy or .safetensors is expected",
        ) from None
    if len(tensors) != 1:
        raise InputError(name, f"{path} holds {len(tensors)} tensors, expected one")
    return tensors[0]


def _check_sentences(sentences: Sequence[str], name: str, rows: Rows) -> None:
    """InputError for what says nothing, cannot be recorded, or would be left out."""
    if not sentences or not all(sentence.strip() for sentence in sentences):
        raise InputError(name, "an empty sentence")
    for sentence in sentences:
        if not is_utf8(sentence):
            raise InputError(name, f"{shortened(sentence)!r} is not spelt in UTF-8")
        if not words(sentence):
            raise InputError(
                name, f"no word in {shortened(sentence)!r}; letters or digits are needed"
            )
    if len(sentences) > rows.whole:
        raise InputError(
            name,
            f"{len(sentences)} sentences for {rows.whole} samples; one for each is needed at least",
        )
