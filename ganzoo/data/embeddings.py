"""Vectors of sentences that some other encoder made, kept beside the pictures, and which of a picture's is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from ganzoo.data.batches import Taker
from ganzoo.data.files import MEMBER_LIMIT, VECTORS, Entry
from ganzoo.data.layout import attached
from ganzoo.data.order import picker
from ganzoo.errors import DataError

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


class Vectors:
    """Of each picture at least one, float32 (size,)."""

    def __init__(self, groups: Sequence[Sequence[NDArray[np.float32]]]) -> None:
        self.pick = picker(np.asarray([len(group) for group in groups], dtype=np.int64))
        self.table = np.stack([vector for group in groups for vector in group])
        self.size = int(self.table.shape[1])

    def taker(self) -> Taker:
        """What gives one vector for each picture, float32 (n, size)."""

        def take(chosen: NDArray[np.int64], position: int, seed: int) -> Tensor:
            return torch.from_numpy(self.table[self.pick(chosen, position, seed)])

        return take


def vectors(found: Sequence[Entry], pictures: Sequence[Entry]) -> Vectors | None:
    """Those of the files called embeddings.safetensors, which name pictures as lists of captions do; None where there is none.

    DataError for a file that is none, vectors of several sizes, or a picture without any."""
    files = lists(found) if pictures else []
    told = [
        (entry.path.parent, PurePosixPath(name), rows)
        for entry in files
        for name, rows in _rows(entry)
    ]
    if not told:
        return None
    sizes = sorted({row.shape[0] for _, _, rows in told for row in rows})
    if len(sizes) != 1:
        raise DataError(
            f"{files[0].shown}: vectors of {' and '.join(map(str, sizes[:2]))} numbers; one size is needed"
        )
    return Vectors(attached(told, pictures, f"vector in {VECTORS}"))


def lists(found: Sequence[Entry]) -> list[Entry]:
    """The files that hold vectors."""
    return [entry for entry in found if entry.path.name == VECTORS]


def _rows(entry: Entry) -> list[tuple[str, list[NDArray[np.float32]]]]:
    """The vectors of a file by picture."""
    if entry.size > MEMBER_LIMIT:
        raise DataError(
            f"{entry.shown} has {entry.size:,} bytes; at most {MEMBER_LIMIT:,} are read"
        )
    try:
        tensors = load(entry.read())
    except (SafetensorError, ValueError, KeyError) as error:
        raise DataError(f"{entry.shown} is not a safetensors file of floats ({error})") from None
    found = []
    for name, tensor in sorted(tensors.items()):
        vectors = (
            tensor.float()
            if tensor.dtype in FLOATS and tensor.ndim in (1, 2) and tensor.numel()
            else None
        )
        if vectors is None or not vectors.isfinite().all():
            shape = " x ".join(map(str, tensor.shape))
            raise DataError(
                f"{entry.shown}: {name!r} is {shape} of {tensor.dtype}, expected finite floats, a row a sentence"
            )
        found.append((name, list(vectors.reshape(-1, vectors.shape[-1]).numpy())))
    return found
