"""Prefetching: the next batch is prepared while a step runs."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from torch import Tensor

Key = tuple[int, int, int]


class BatchSource(Protocol):
    """An endless stream of examples, each a pure function of (seed, position).

    An epoch has `count` examples.
    """

    count: int

    def take(self, position: int, size: int, seed: int) -> dict[str, Tensor]: ...


class Ahead:
    """Takes batches from a thread, one step ahead, with the same result as without a thread.

    `pin`: page-locked memory, from which a GPU copies while it computes.
    """

    def __init__(self, batches: BatchSource, *, pin: bool = False) -> None:
        self.batches, self.pin = batches, pin
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self.pending: tuple[Key, Future[dict[str, Tensor]]] | None = None

    def take(self, position: int, size: int, seed: int, stride: int) -> dict[str, Tensor]:
        """Return examples [position, position + size) and start on those `stride` further on."""
        key = (position, size, seed)
        if self.pending is not None and self.pending[0] == key:
            batch = self.pending[1].result()
        else:
            batch = self._get(key)
        following = (position + stride, size, seed)
        self.pending = (following, self.pool.submit(self._get, following))
        return batch

    def stop(self) -> None:
        """End the thread."""
        self.pending = None
        self.pool.shutdown(wait=True, cancel_futures=True)

    def _get(self, key: Key) -> dict[str, Tensor]:
        batch = self.batches.take(*key)
        if self.pin:
            batch = {name: tensor.pin_memory() for name, tensor in batch.items()}
        return batch
