"""What `sample` is fed: latents, labels, codes, choices, sentences, pictures. Light: torch and numpy are imported inside.

Input `name` of row i has its own random stream, keyed by sha256(f"{seed + i}/{name}"): row 7 is the same picture for any
number of rows or batch size, on any device, and giving `--label` does not move the latent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ganzoo.errors import InputError, did_you_mean, near
from ganzoo.text import encode

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


MOST = 1e6
"""The greatest code: one that is not a finite number gives no picture."""


class Rows(msgspec.Struct, frozen=True):
    """Rows [start, start + count) of `total` samples that begin at `seed`; `columns` of the grid they will stand in."""

    seed: int
    count: int
    start: int = 0
    total: int | None = None
    columns: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise InputError("seed", f"{self.seed} is not in 0 .. 2**63 - 1")
        if self.count < 1:
            raise InputError("n", f"{self.count} samples asked for; at least 1 is needed")

    @property
    def whole(self) -> int:
        """How many rows the request has in all."""
        return self.count if self.total is None else self.total

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.start + self.count))

    def streams(self, name: str) -> Iterator[np.random.Generator]:
        """One generator a row, valid until the next is taken. Philox takes all 128 bits of its key; torch's CPU
        generator would keep 32 of a seed, which makes equal rows likely among a million."""
        import hashlib

        import numpy as np

        bits = np.random.Philox(key=0)
        generator, state = np.random.Generator(bits), bits.state
        for row in self:
            digest = hashlib.sha256(f"{self.seed + row}/{name}".encode()).digest()
            state["state"]["key"] = np.frombuffer(digest[:16], dtype="<u8").astype(np.uint64)
            bits.state = state
            yield generator


class Input(msgspec.Struct, frozen=True):
    """One named input of `sample`."""

    def draw(self, name: str, rows: Rows) -> Tensor:
        """Random values, first dimension `rows.count`, on the CPU. InputError where only the user can say."""
        raise NotImplementedError

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        """What the user gave (text from a command line, or Python values), first dimension `rows.count`."""
        raise NotImplementedError

    def describe(self) -> str:
        """A few words for `ganzoo info`."""
        raise NotImplementedError

    def example(self, name: str, rows: Rows) -> Tensor:
        """Any valid value, for checks."""
        return self.draw(name, rows)


class Latent(Input, frozen=True):
    """float (n, size): N(0, 1), or uniform in [-1, 1]."""

    size: int
    law: Literal["normal", "uniform"] = "normal"

    def draw(self, name: str, rows: Rows) -> Tensor:
        import numpy as np
        import torch

        out = np.empty((rows.count, self.size), dtype=np.float32)
        for line, stream in zip(out, rows.streams(name), strict=True):
            if self.law == "normal":
                stream.standard_normal(out=line, dtype=np.float32)
            else:
                line[:] = stream.uniform(-1, 1, self.size)
        return torch.from_numpy(out)

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        if isinstance(value, str):
            raise InputError(name, "a latent is given as a tensor from Python, or drawn from the seed")
        return _numbers(value, name, rows, self.size)

    def describe(self) -> str:
        return f"{self.size} numbers, {'N(0, 1)' if self.law == 'normal' else 'uniform in [-1, 1]'}, drawn from the seed"


class Label(Input, frozen=True):
    """int64 (n,): a class number, by number or name; `all` or `cat,dog` shares the rows out in equal runs."""

    classes: tuple[str, ...]

    def draw(self, name: str, rows: Rows) -> Tensor:
        import torch

        return torch.tensor([int(stream.integers(len(self.classes))) for stream in rows.streams(name)])

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        import torch

        numbers = self._numbers(value, name)
        return torch.tensor([numbers[row * len(numbers) // rows.whole] for row in rows])

    def _numbers(self, value: Any, name: str) -> list[int]:
        if isinstance(value, str):
            return list(range(len(self.classes))) if value == "all" else [self._number(v.strip(), name) for v in value.split(",")]
        values = value.tolist() if hasattr(value, "tolist") else value  # a tensor or an array
        values = [values] if isinstance(values, int) else list(values)
        if not values:
            raise InputError(name, "no class is given")
        return [self._number(str(v), name) for v in values]

    def _number(self, text: str, name: str) -> int:
        if text in self.classes:
            return self.classes.index(text)
        if text.isdecimal() and int(text) < len(self.classes):
            return int(text)
        raise InputError(name, f"no class {text!r}{did_you_mean(near(text, self.classes))} (classes: {_few(self.classes)})")

    def describe(self) -> str:
        return f"one of {len(self.classes)} classes: {_few(self.classes)}; or all"


class Codes(Input, frozen=True):
    """float (n, sum(categories) + continuous): one-hot categories (k1, k2, ...), then codes in [-1, 1] (c1, c2, ...).

    Text `k1=3,c2=-2..2` sets some; a range runs along the rows of the grid; the others stay drawn.
    """

    categories: tuple[int, ...] = ()
    continuous: int = 0

    def draw(self, name: str, rows: Rows) -> Tensor:
        import torch

        lines = []
        for stream in rows.streams(name):
            line: list[float] = []
            for size in self.categories:
                hot = int(stream.integers(size))
                line += [float(i == hot) for i in range(size)]
            lines.append(line + [float(v) for v in stream.uniform(-1, 1, self.continuous)])
        return torch.tensor(lines, dtype=torch.float32).reshape(rows.count, sum(self.categories) + self.continuous)

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        if not isinstance(value, str):
            return _numbers(value, name, rows, sum(self.categories) + self.continuous)
        codes = self.draw(name, rows)
        for part in value.split(","):
            key, sign, text = part.strip().partition("=")
            if not sign:
                raise InputError(name, f"{part!r} is not of the form c1=0.5 or c1=-2..2 ({self.describe()})")
            self._set(codes, key, text, name, rows)
        return codes

    def _set(self, codes: Tensor, key: str, text: str, name: str, rows: Rows) -> None:
        number = int(key[1:]) - 1 if key[1:].isdecimal() else -1
        try:
            if key.startswith("k") and 0 <= number < len(self.categories):
                offset, hot = sum(self.categories[:number]), int(text)
                if not 0 <= hot < self.categories[number]:
                    raise InputError(name, f"{key} is 0 .. {self.categories[number] - 1}, not {hot}")
                codes[:, offset : offset + self.categories[number]] = 0
                codes[:, offset + hot] = 1
            elif key.startswith("c") and 0 <= number < self.continuous:
                codes[:, sum(self.categories) + number] = codes.new_tensor(_sweep(text, rows))
            else:
                raise InputError(name, f"no code {key!r} ({self.describe()})")
        except ValueError:
            raise InputError(name, f"{key}={text}: not a number or a range like -2..2") from None

    def describe(self) -> str:
        kinds = [f"k{i} (category, 0..{size - 1})" for i, size in enumerate(self.categories, start=1)]
        return ", ".join(kinds + [f"c{i} (in [-1, 1])" for i in range(1, self.continuous + 1)])


class Choice(Input, frozen=True):
    """int64 (n,): which of `options`; the first unless told."""

    options: tuple[str, ...]

    def draw(self, name: str, rows: Rows) -> Tensor:
        import torch

        return torch.zeros(rows.count, dtype=torch.int64)

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        import torch

        if value not in self.options:
            raise InputError(name, f"no option {value!r}{did_you_mean(near(str(value), self.options))} ({_few(self.options)})")
        return torch.full((rows.count,), self.options.index(value))

    def describe(self) -> str:
        return f"one of {_few(self.options)}"


class Text(Input, frozen=True):
    """int64 (n, length): token ids of sentences; several sentences share the rows out in equal runs."""

    vocabulary: tuple[str, ...]
    length: int

    def draw(self, name: str, rows: Rows) -> Tensor:
        raise InputError(name, f"a sentence is needed (--{name} ...)")

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        import torch

        sentences = [value] if isinstance(value, str) else [str(v) for v in value]
        if not sentences or not all(sentence.strip() for sentence in sentences):
            raise InputError(name, "an empty sentence")
        tokens = [encode(sentence, self.vocabulary, self.length) for sentence in sentences]
        return torch.tensor([tokens[row * len(tokens) // rows.whole] for row in rows])

    def describe(self) -> str:
        return f"a sentence of up to {self.length} words; {len(self.vocabulary)} are known"

    def example(self, name: str, rows: Rows) -> Tensor:
        import torch

        return torch.tensor([[int(t) for t in s.integers(0, len(self.vocabulary) + 2, self.length)] for s in rows.streams(name)])


class Image(Input, frozen=True):
    """float (n, channels, height, width) in [-1, 1]: a picture from a file or a PIL image.

    `size` fits it into a square; None keeps its own size, padded to a `multiple`. `halo`: how many pixels around a place
    the network looks at, for tiling.
    """

    channels: int
    size: int | None = None
    multiple: int = 1
    halo: int = 0

    def draw(self, name: str, rows: Rows) -> Tensor:
        raise InputError(name, f"a picture is needed (--{name} FILE)")

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        import torch

        from ganzoo.images import open_picture, to_input

        values = [value] if isinstance(value, (str, Path)) or not isinstance(value, Sequence) else list(value)
        if isinstance(value, torch.Tensor):
            pictures = value[None] if value.ndim == 3 else value
        else:
            opened = [to_input(open_picture(v, name), self) for v in values]
            if len({one.shape for one in opened}) != 1:
                sizes = ", ".join(f"{one.shape[2]} x {one.shape[1]}" for one in opened)
                raise InputError(name, f"pictures of one size are needed at a time, not {sizes or 'none'}")
            pictures = torch.stack(opened)
        if pictures.ndim != 4 or pictures.shape[1] != self.channels or not len(pictures):
            raise InputError(name, f"shape {tuple(pictures.shape)}, expected (n, {self.channels}, height, width)")
        if not pictures.is_floating_point():
            raise InputError(name, f"{pictures.dtype}, expected numbers in [-1, 1]")
        return pictures[[row * len(pictures) // rows.whole for row in rows]]

    def describe(self) -> str:
        kind = {1: "grey", 3: "colour"}.get(self.channels, f"{self.channels}-channel")
        return f"a {kind} picture" + (f", fitted to {self.size} x {self.size}" if self.size else ", any size")

    def example(self, name: str, rows: Rows) -> Tensor:
        import torch

        side = self.size or 16 * self.multiple
        shape = (self.channels, side, side)
        return torch.stack([torch.from_numpy(s.uniform(-1, 1, shape).astype("float32")) for s in rows.streams(name)])


def _numbers(value: Any, name: str, rows: Rows, size: int) -> Tensor:
    """What Python gave as float32 (rows.count, size): one line for all rows, or one for each."""
    import torch

    try:
        tensor = torch.as_tensor(value, dtype=torch.float32)
    except (TypeError, ValueError) as error:
        raise InputError(name, f"not a tensor of numbers ({error})") from None
    tensor = tensor.expand(rows.whole, -1) if tensor.ndim == 1 else tensor
    if tuple(tensor.shape) != (rows.whole, size):
        raise InputError(name, f"shape {tuple(tensor.shape)}, expected ({rows.whole}, {size})")
    return tensor[rows.start : rows.start + rows.count]


def _few(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _sweep(text: str, rows: Rows) -> list[float]:
    """`0.5` for every row, or `-2..2` in equal steps along each line of the grid."""
    first, dots, last = text.partition("..")
    low, high = float(first), float(last if dots else first)
    if not max(abs(low), abs(high)) <= MOST:
        raise ValueError(text)
    steps = rows.columns or rows.whole
    return [low + (high - low) * (row % steps) / max(1, steps - 1) for row in rows]
