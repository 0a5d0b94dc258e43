"""The next batch is got ready while a step runs."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from ganzoo.training.loop import Batches

Key = tuple[int, int, int]


class Ahead:
    """Batches, each begun by a thread when the one before it is taken. They are pure functions of their place, so what comes
    out is the same as without. `pin`: page-locked memory, from which a GPU copies while it computes."""

    def __init__(self, batches: Batches, *, pin: bool = False) -> None:
        self.batches, self.pin = batches, pin
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self.begun: tuple[Key, Future[dict[str, Tensor]]] | None = None

    def take(self, position: int, size: int, seed: int, stride: int) -> dict[str, Tensor]:
        """Examples [position, position + size); those `stride` further on are begun."""
        asked = (position, size, seed)
        ready = self.begun is not None and self.begun[0] == asked
        batch = self.begun[1].result() if self.begun is not None and ready else self._get(asked)
        following = (position + stride, size, seed)
        self.begun = (following, self.pool.submit(self._get, following))
        return batch

    def stop(self) -> None:
        """Nothing is got ready any more."""
        self.begun = None
        self.pool.shutdown(wait=True, cancel_futures=True)

    def _get(self, key: Key) -> dict[str, Tensor]:
        taken = self.batches.take(*key)
        return {name: tensor.pin_memory() for name, tensor in taken.items()} if self.pin else taken
