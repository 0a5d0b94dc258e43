"""Inputs that only the user can give: prompts, text embeddings, images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ganzoo.errors import InputError
from ganzoo.inputs.record import list_paths, record_files, record_value
from ganzoo.inputs.rows import Input, Rows
from ganzoo.text import encode, index_entries, is_utf8, list_words, shorten, words

if TYPE_CHECKING:
    from torch import Tensor

VECTOR_FILE_LIMIT = 64 << 20
"""Largest size of a vector file in bytes."""
NAMED_WORDS = 8
"""Words of a vocabulary that a description names."""
EXAMPLE_SIDE = 64
"""Pixels per side of example images where the model accepts any size."""


class Text(Input, frozen=True):
    """int64 (n, length): token ids of prompts. Several prompts share the rows in equal runs."""

    is_random: ClassVar[bool] = False

    vocabulary: tuple[str, ...]
    length: int

    def draw(self, name: str, rows: Rows) -> Tensor:
        problem = f"a prompt is needed (--{name} ...); it knows {self.name_words()}"
        raise InputError(name, problem)

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        """Token ids. InputError for a prompt without words and for more prompts than rows."""
        import torch

        prompts = self.prompts(value)
        if not prompts or not all(prompt.strip() for prompt in prompts):
            raise InputError(name, "an empty prompt")
        for prompt in prompts:
            if not is_utf8(prompt):
                raise InputError(name, f"{shorten(prompt)!r} is not valid UTF-8")
            if not words(prompt):
                problem = f"no word in {shorten(prompt)!r}; letters or digits are needed"
                raise InputError(name, problem)
        if len(prompts) > rows.whole:
            problem = (
                f"{len(prompts)} prompts for {rows.whole} samples; give at least as many samples"
            )
            raise InputError(name, problem)
        index, tokens = index_entries(self.vocabulary), {}
        places = rows.shared(len(prompts))
        for place in set(places):
            tokens[place] = encode(prompts[place], self.vocabulary, self.length, index)
        return torch.tensor([tokens[place] for place in places])

    def prompts(self, value: Any) -> list[str]:
        return [str(one) for one in value] if isinstance(value, (list, tuple)) else [str(value)]

    def count(self, value: Any) -> int:
        return len(self.prompts(value))

    def describe(self) -> str:
        return f"a prompt of up to {self.length} words; known are {self.name_words()}"

    def name_words(self) -> str:
        """The most frequent words, and how many there are."""
        vocabulary = list_words(self.vocabulary)
        named = shorten(", ".join(vocabulary[:NAMED_WORDS]), 80)
        more = f" ... ({len(vocabulary):,} words)" if len(vocabulary) > NAMED_WORDS else ""
        return named + more

    def example(self, name: str, rows: Rows) -> Tensor:
        import torch

        tokens = [s.integers(0, len(self.vocabulary) + 2, self.length) for s in rows.streams(name)]
        return torch.tensor([[int(token) for token in row] for row in tokens])


class Vector(Input, frozen=True):
    """float (n, size): text embeddings from an encoder of the user's.

    Given as Python numbers or as files: .npy, or .safetensors with one tensor. Several vectors
    share the rows in equal runs.
    """

    is_random: ClassVar[bool] = False

    size: int

    def draw(self, name: str, rows: Rows) -> Tensor:
        raise InputError(name, f"a vector of {self.size} numbers is needed (--set {name}=FILE.npy)")

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        import torch

        try:
            given = [_load_vectors(path, name) for path in list_paths(value)]
            vectors = [self.check(one, name) for one in given or [torch.as_tensor(value)]]
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(name, f"not a tensor of numbers ({error})") from None
        joined = torch.cat(vectors)
        if len(joined) > rows.whole:
            problem = (
                f"{len(joined)} vectors for {rows.whole} samples; give at least as many samples"
            )
            raise InputError(name, problem)
        return joined[rows.shared(len(joined))]

    def check(self, given: Tensor, name: str) -> Tensor:
        """One vector or several as float32 (k, size). InputError for anything else."""
        given = given[None] if given.ndim == 1 else given
        if given.ndim != 2 or given.shape[1] != self.size or not len(given):
            raise InputError(name, f"shape {tuple(given.shape)}, expected (k, {self.size})")
        vectors = given.float()
        if not given.is_floating_point() or not vectors.isfinite().all():
            raise InputError(name, f"numbers of {given.dtype}, expected finite floats")
        return vectors

    def record(self, value: Any, name: str) -> Any:
        paths = list_paths(value)
        return record_files(paths, name) if paths else record_value(value)

    def describe(self) -> str:
        return f"text embedding of {self.size} numbers from your encoder: a .npy file, or a tensor"

    def example(self, name: str, rows: Rows) -> Tensor:
        import torch

        drawn = [s.standard_normal(self.size, dtype="float32") for s in rows.streams(name)]
        return torch.stack([torch.from_numpy(row) for row in drawn])


class Image(Input, frozen=True):
    """float (n, channels, height, width) in [-1, 1]. Sampling opens files for it.

    `size`: images are fitted to a square of this size; None keeps their size and pads it to a
    `multiple`. `halo`: radius in pixels of what the network sees around a place, for tiling.
    `whole`: the network must see a large image at once and is never given tiles of it.
    """

    is_random: ClassVar[bool] = False

    channels: int
    size: int | None = None
    multiple: int = 1
    halo: int = 0
    whole: bool = False

    def draw(self, name: str, rows: Rows) -> Tensor:
        raise InputError(name, f"an image is needed (--{name} FILE)")

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        """A tensor of one image or several, which share the rows in equal runs."""
        import torch

        if not isinstance(value, torch.Tensor):
            raise InputError(name, f"a {type(value).__name__}, expected a tensor of images")
        images = value[None] if value.ndim == 3 else value
        if images.ndim != 4 or images.shape[1] != self.channels or not len(images):
            expected = f"(n, {self.channels}, height, width)"
            raise InputError(name, f"shape {tuple(images.shape)}, expected {expected}")
        if not images.is_floating_point():
            raise InputError(name, f"{images.dtype}, expected numbers in [-1, 1]")
        return images[rows.shared(len(images))]

    def record(self, value: Any, name: str) -> Any:
        paths = list_paths(value)
        return record_files(paths, name) if paths else None

    @property
    def has_any_size(self) -> bool:
        return self.size is None

    def describe(self) -> str:
        kind = {1: "grayscale", 3: "color"}.get(self.channels, f"{self.channels}-channel")
        size = f"fitted to {self.size} x {self.size}" if self.size else "any size"
        return f"{kind} image, {size}"

    def example(self, name: str, rows: Rows) -> Tensor:
        import torch

        side = self.size or max(EXAMPLE_SIDE, 2 * self.multiple)
        shape = (self.channels, side, side)
        drawn = [s.uniform(-1, 1, shape).astype("float32") for s in rows.streams(name)]
        return torch.stack([torch.from_numpy(image) for image in drawn])


def _load_vectors(path: Path, name: str) -> Tensor:
    """The only array of a .npy or .safetensors file; never a pickle."""
    import io
    import tokenize

    import numpy as np
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    from ganzoo.files import read_limited

    # what numpy and safetensors raise for files that are cut short, altered or too large
    broken = (
        SafetensorError,
        ValueError,
        EOFError,
        TypeError,
        KeyError,
        SyntaxError,
        tokenize.TokenError,
        MemoryError,
        OverflowError,
        NotImplementedError,
    )
    try:
        data = read_limited(path, VECTOR_FILE_LIMIT)
        if path.suffix == ".npy":
            return torch.from_numpy(np.load(io.BytesIO(data), allow_pickle=False))
        tensors = list(load(data).values())
    except OSError as error:
        raise InputError(name, f"{path}: {error.strerror}") from None
    except broken as error:
        kind = type(error).__name__
        problem = f"{path} holds no readable vectors ({kind}); expected .npy or .safetensors"
        raise InputError(name, problem) from None
    if len(tensors) != 1:
        raise InputError(name, f"{path} holds {len(tensors)} tensors, expected one")
    return tensors[0]
