"""Rows of a request and their random streams; the base of inputs.

Input `name` of row i has its own random stream, keyed by sha256(f"{seed + i}/{name}"): row 7 is the same picture for any
number of rows or batch size, on any device, and giving `--label` does not move the latent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from ganzoo.errors import InputError
from ganzoo.inputs.streams import derive_key

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


class Rows(msgspec.Struct, frozen=True):
    """Rows [start, start + count) of `total` samples that begin at `seed`; `columns` of the grid they will stand in.

    `held`: all rows of a line of the grid draw what its first one draws, so that they differ by what is swept alone."""

    seed: int
    count: int
    start: int = 0
    total: int | None = None
    columns: int | None = None
    held: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise InputError("seed", f"{self.seed} is not in 0 .. 2**63 - 1")
        if self.count < 1:
            raise InputError("n", f"{self.count} samples asked for; at least 1 is needed")

    @property
    def whole(self) -> int:
        """How many rows the request has in all."""
        return self.count if self.total is None else self.total

    def shared(self, count: int) -> list[int]:
        """Which of `count` things each row has: they share all rows of the request out in equal runs."""
        return [row * count // self.whole for row in self]

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.start + self.count))

    def streams(self, name: str) -> Iterator[np.random.Generator]:
        """One generator a row, valid until the next is taken. Philox takes all 128 bits of its key; torch's CPU
        generator would keep 32 of a seed, which makes equal rows likely among a million."""
        import numpy as np

        bits = np.random.Philox(key=0)
        generator, state = np.random.Generator(bits), bits.state
        for row in self:
            drawn = row - row % (self.columns or self.whole) if self.held else row
            state["state"]["key"] = derive_key(self.seed + drawn, name)
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

    def sweeps(self, value: Any) -> bool:
        """Whether the user gave a range that runs along each line of the grid: all else is then held there."""
        return False

    def example(self, name: str, rows: Rows) -> Tensor:
        """Any valid value, for checks."""
        return self.draw(name, rows)
