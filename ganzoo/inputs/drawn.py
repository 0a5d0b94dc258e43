"""Inputs that the seed can draw: latents, labels, codes, choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ganzoo.errors import InputError, did_you_mean, near
from ganzoo.inputs.rows import Input, Rows

if TYPE_CHECKING:
    from torch import Tensor


MOST = 1e6
"""The greatest code: one that is not a finite number gives no picture."""


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
            raise InputError(
                name, "a latent is given as a tensor from Python, or drawn from the seed"
            )
        return _numbers(value, name, rows, self.size)

    def describe(self) -> str:
        return f"{self.size} numbers, {'N(0, 1)' if self.law == 'normal' else 'uniform in [-1, 1]'}, drawn from the seed"


class Label(Input, frozen=True):
    """int64 (n,): a class number, by number or name; `all` or `cat,dog` shares the rows out in equal runs."""

    classes: tuple[str, ...]

    def draw(self, name: str, rows: Rows) -> Tensor:
        import torch

        return torch.tensor(
            [int(stream.integers(len(self.classes))) for stream in rows.streams(name)]
        )

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        import torch

        numbers = self._numbers(value, name)
        return torch.tensor([numbers[place] for place in rows.shared(len(numbers))])

    def count(self, value: Any) -> int:
        """How many classes are asked for; whether there are such is for `parse` to say."""
        return len(self.classes) if value == "all" else str(value).count(",") + 1

    def _numbers(self, value: Any, name: str) -> list[int]:
        if isinstance(value, str):
            return (
                list(range(len(self.classes)))
                if value == "all"
                else [self._number(v.strip(), name) for v in value.split(",")]
            )
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
        raise InputError(
            name,
            f"no class {text!r}{did_you_mean(near(text, self.classes))} (classes: {_few(self.classes)})",
        )

    def describe(self) -> str:
        return f"one of {len(self.classes)} classes: {_few(self.classes)}; or all"


class Codes(Input, frozen=True):
    """float (n, sum(categories) + continuous): one-hot categories (k1, k2, ...), then codes in [-1, 1] (c1, c2, ...).

    Text `k1=3,c2=-2..2` sets some; a range runs along the rows of the grid, on which all else stays the same; the others are
    drawn.
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
        return torch.tensor(lines, dtype=torch.float32).reshape(
            rows.count, sum(self.categories) + self.continuous
        )

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        if not isinstance(value, str):
            return _numbers(value, name, rows, sum(self.categories) + self.continuous)
        codes = self.draw(name, rows)
        for part in value.split(","):
            key, sign, text = part.strip().partition("=")
            if not sign:
                raise InputError(
                    name, f"{part!r} is not of the form c1=0.5 or c1=-2..2 ({self.describe()})"
                )
            self._set(codes, key, text, name, rows)
        return codes

    def sweeps(self, value: Any) -> bool:
        return isinstance(value, str) and ".." in value

    def _set(self, codes: Tensor, key: str, text: str, name: str, rows: Rows) -> None:
        number = int(key[1:]) - 1 if key[1:].isdecimal() else -1
        try:
            if key.startswith("k") and 0 <= number < len(self.categories):
                offset, hot = sum(self.categories[:number]), int(text)
                if not 0 <= hot < self.categories[number]:
                    raise InputError(
                        name, f"{key} is 0 .. {self.categories[number] - 1}, not {hot}"
                    )
                codes[:, offset : offset + self.categories[number]] = 0
                codes[:, offset + hot] = 1
            elif key.startswith("c") and 0 <= number < self.continuous:
                codes[:, sum(self.categories) + number] = codes.new_tensor(_sweep(text, rows))
            else:
                raise InputError(name, f"no code {key!r} ({self.describe()})")
        except ValueError:
            raise InputError(name, f"{key}={text}: not a number or a range like -2..2") from None

    def describe(self) -> str:
        kinds = [
            f"k{i} (category, 0..{size - 1})" for i, size in enumerate(self.categories, start=1)
        ]
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
            raise InputError(
                name,
                f"no option {value!r}{did_you_mean(near(str(value), self.options))} ({_few(self.options)})",
            )
        return torch.full((rows.count,), self.options.index(value))

    def describe(self) -> str:
        return f"one of {_few(self.options)}"


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
