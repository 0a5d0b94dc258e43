"""Inputs that can be drawn from the seed: latents, labels, codes, choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ganzoo.errors import InputError, did_you_mean, near
from ganzoo.inputs.rows import Input, Rows

if TYPE_CHECKING:
    from torch import Tensor


LARGEST_CODE = 1e6


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
            raise InputError(name, "a latent is drawn from the seed or given in Python as a tensor")
        return parse_numbers(value, name, rows, self.size)

    def describe(self) -> str:
        law = "N(0, 1)" if self.law == "normal" else "uniform in [-1, 1]"
        return f"{self.size} numbers, {law}, drawn from the seed"


class Label(Input, frozen=True):
    """int64 (n,): a class, by number or name. `all` or `cat,dog`: each has an equal run of rows."""

    classes: tuple[str, ...]

    def draw(self, name: str, rows: Rows) -> Tensor:
        import torch

        drawn = [int(stream.integers(len(self.classes))) for stream in rows.streams(name)]
        return torch.tensor(drawn)

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        import torch

        if hasattr(value, "tolist"):  # a tensor or an array
            value = value.tolist()
        if value == "all":
            numbers = list(range(len(self.classes)))
        else:
            if isinstance(value, str):
                value = value.split(",")
            elif isinstance(value, int):
                value = [value]
            numbers = [self.find(str(one).strip(), name) for one in value]
        if not numbers:
            raise InputError(name, "no class is given")
        return torch.tensor([numbers[place] for place in rows.shared(len(numbers))])

    def find(self, text: str, name: str) -> int:
        """The number of a class given by name or number."""
        if text in self.classes:
            return self.classes.index(text)
        if text.isdecimal() and int(text) < len(self.classes):
            return int(text)
        hint = did_you_mean(near(text, self.classes))
        raise InputError(name, f"no class {text!r}{hint} (classes: {list_few(self.classes)})")

    def count(self, value: Any) -> int:
        if isinstance(value, str):
            return len(self.classes) if value == "all" else value.count(",") + 1
        if hasattr(value, "tolist"):
            value = value.tolist()
        return len(value) if isinstance(value, (list, tuple)) else 1

    def describe(self) -> str:
        return f"one of {len(self.classes)} classes: {list_few(self.classes)}; or all"


class Codes(Input, frozen=True):
    """float (n, sum(categories) + continuous): one-hot categories k1, ..., then codes c1, ...

    Continuous codes are drawn in [-1, 1]. The text `k1=3,c2=-2..2` sets some codes and draws the
    rest; a range runs along each line of the grid, on which everything else is held.
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
            line += [float(value) for value in stream.uniform(-1, 1, self.continuous)]
            lines.append(line)
        return torch.tensor(lines, dtype=torch.float32).reshape(rows.count, self.size)

    @property
    def size(self) -> int:
        """Numbers per row."""
        return sum(self.categories) + self.continuous

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        if not isinstance(value, str):
            return parse_numbers(value, name, rows, self.size)
        codes = self.draw(name, rows)
        for part in value.split(","):
            key, sign, text = part.strip().partition("=")
            if not sign:
                problem = f"{part!r} is not of the form c1=0.5 or c1=-2..2 ({self.describe()})"
                raise InputError(name, problem)
            try:
                self.assign(codes, key, text, name, rows)
            except ValueError:
                problem = f"{key}={text}: not a number or a range like -2..2"
                raise InputError(name, problem) from None
        return codes

    def assign(self, codes: Tensor, key: str, text: str, name: str, rows: Rows) -> None:
        """Write one code of all `rows` into `codes`. ValueError for text that is no number."""
        index = int(key[1:]) - 1 if key[1:].isdecimal() else -1
        if key.startswith("k") and 0 <= index < len(self.categories):
            size, offset, hot = self.categories[index], sum(self.categories[:index]), int(text)
            if not 0 <= hot < size:
                raise InputError(name, f"{key} is 0 .. {size - 1}, not {hot}")
            codes[:, offset : offset + size] = 0
            codes[:, offset + hot] = 1
        elif key.startswith("c") and 0 <= index < self.continuous:
            first, dots, last = text.partition("..")
            low, high = float(first), float(last if dots else first)
            if not max(abs(low), abs(high)) <= LARGEST_CODE:
                raise ValueError(text)
            steps = rows.columns or rows.whole
            values = [low + (high - low) * (row % steps) / max(1, steps - 1) for row in rows]
            codes[:, sum(self.categories) + index] = codes.new_tensor(values)
        else:
            raise InputError(name, f"no code {key!r} ({self.describe()})")

    def sweeps(self, value: Any) -> bool:
        return isinstance(value, str) and ".." in value

    def describe(self) -> str:
        names = []
        for number, size in enumerate(self.categories, start=1):
            names.append(f"k{number} (category, 0..{size - 1})")
        for number in range(1, self.continuous + 1):
            names.append(f"c{number} (in [-1, 1])")
        return ", ".join(names)


class Choice(Input, frozen=True):
    """int64 (n,): index into `options`; 0 by default."""

    is_random: ClassVar[bool] = False

    options: tuple[str, ...]

    def draw(self, name: str, rows: Rows) -> Tensor:
        import torch

        return torch.zeros(rows.count, dtype=torch.int64)

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        import torch

        if value not in self.options:
            hint = did_you_mean(near(str(value), self.options))
            raise InputError(name, f"no option {value!r}{hint} ({list_few(self.options)})")
        return torch.full((rows.count,), self.options.index(value))

    def describe(self) -> str:
        return f"one of {list_few(self.options)}"


def parse_numbers(value: Any, name: str, rows: Rows, size: int) -> Tensor:
    """Python numbers as float32 (rows.count, size): one line for all rows, or one per row."""
    import torch

    try:
        tensor = torch.as_tensor(value, dtype=torch.float32)
    except (TypeError, ValueError) as error:
        raise InputError(name, f"not a tensor of numbers ({error})") from None
    if tensor.ndim == 1:
        tensor = tensor.expand(rows.whole, -1)
    if tuple(tensor.shape) != (rows.whole, size):
        raise InputError(name, f"shape {tuple(tensor.shape)}, expected ({rows.whole}, {size})")
    return tensor[rows.start : rows.start + rows.count]


def list_few(names: Sequence[str], most: int = 12) -> str:
    """At most `most` names, joined."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
