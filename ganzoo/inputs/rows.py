"""Rows of a request, their random streams, and the base class of inputs.

Input `name` of row i draws from its own stream, keyed by sha256(f"{seed + i}/{name}"). Row 7 is
the same for any number of rows, any batch size and any device, and giving `--label` does not
change the latent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from ganzoo.errors import InputError
from ganzoo.inputs.record import record_value
from ganzoo.inputs.streams import derive_key

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


class Rows(msgspec.Struct, frozen=True):
    """Rows [start, start + count) of a request for `total` samples from `seed` on.

    `columns`: of the grid that the samples stand in. `held`: every row of a grid line draws what
    the first one draws, so that they differ only in the swept input.
    """

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
            raise InputError("n", f"{self.count} samples requested; at least 1 is needed")

    @property
    def whole(self) -> int:
        """Rows of the whole request."""
        return self.count if self.total is None else self.total

    def shared(self, count: int) -> list[int]:
        """For each row, which of `count` things it has; each gets an equal run of the request."""
        return [row * count // self.whole for row in self]

    def split(self, size: int, held: bool) -> Iterator[Rows]:
        """Parts of at most `size` rows."""
        end = self.start + self.count
        for start in range(self.start, end, size):
            count = min(size, end - start)
            yield Rows(self.seed, count, start, self.whole, self.columns, held)

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.start + self.count))

    def streams(self, name: str) -> Iterator[np.random.Generator]:
        """One generator per row, valid until the next one is taken."""
        import numpy as np

        bits = np.random.Philox(key=0)
        generator, state = np.random.Generator(bits), bits.state
        for row in self:
            source = row - row % (self.columns or self.whole) if self.held else row
            state["state"]["key"] = derive_key(self.seed + source, name)
            bits.state = state
            yield generator


class Input(msgspec.Struct, frozen=True):
    """One named input of `sample`."""

    is_random: ClassVar[bool] = True
    """Whether `draw` depends on the seed. Otherwise it has one value, or only the user has one."""

    def draw(self, name: str, rows: Rows) -> Tensor:
        """Values for `rows`, first dimension `rows.count`, on the CPU.

        Raises InputError where only the user can give a value.
        """
        raise NotImplementedError

    def parse(self, value: Any, name: str, rows: Rows) -> Tensor:
        """A given value (command-line text or a Python object), first dimension `rows.count`."""
        raise NotImplementedError

    def describe(self) -> str:
        """A few words for `ganzoo info`."""
        raise NotImplementedError

    def example(self, name: str, rows: Rows) -> Tensor:
        """Any valid values, for checks."""
        return self.draw(name, rows)

    def sweeps(self, value: Any) -> bool:
        """Whether `value` is a range along each grid line; other inputs are then held there."""
        return False

    def count(self, value: Any) -> int:
        """How many classes or prompts `value` asks for, each with its own grid lines; else 0."""
        return 0

    def prompts(self, value: Any) -> list[str]:
        """The prompts in `value`; empty for an input that is not text."""
        return []

    def record(self, value: Any, name: str) -> Any:
        """What the origin of a sample keeps of `value`: JSON data, or None."""
        return record_value(value)

    @property
    def has_any_size(self) -> bool:
        """Whether this is an image input that accepts every image size."""
        return False
