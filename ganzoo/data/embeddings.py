"""Text embeddings that another encoder made, kept beside the images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from ganzoo.data.files import EMBEDDINGS, MEMBER_LIMIT, DataFile
from ganzoo.data.layout import match_images
from ganzoo.data.order import group_picker
from ganzoo.errors import DataError

FLOAT_TYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


class EmbeddingTable:
    """Text embeddings of each image, float32 (size,), at least one an image."""

    def __init__(self, groups: Sequence[Sequence[NDArray[np.float32]]]) -> None:
        self.pick = group_picker(np.asarray([len(group) for group in groups], dtype=np.int64))
        self.table = np.stack([vector for group in groups for vector in group])
        self.size = int(self.table.shape[1])

    def take(self, chosen: NDArray[np.int64], position: int, seed: int) -> Tensor:
        """One random embedding of each image, float32 (n, size)."""
        return torch.from_numpy(self.table[self.pick(chosen, position, seed)])


def list_embeddings(files: Sequence[DataFile]) -> list[DataFile]:
    """The embedding files of a set."""
    return [file for file in files if file.path.name == EMBEDDINGS]


def read_embeddings(files: Sequence[DataFile], images: Sequence[DataFile]) -> EmbeddingTable | None:
    """Embeddings of all images, which files name as caption lists do; None if there are none.

    DataError for a file in another format, several sizes, or an image without an embedding.
    """
    rows: list[tuple[PurePosixPath, PurePosixPath, list[NDArray[np.float32]]]] = []
    listed = list_embeddings(files) if images else []
    for file in listed:
        if file.size > MEMBER_LIMIT:
            problem = f"has {file.size:,} bytes; at most {MEMBER_LIMIT:,} are read"
            raise DataError(f"{file.shown} {problem}")
        try:
            tensors = load(file.read())
        except (SafetensorError, ValueError, KeyError) as error:
            raise DataError(f"{file.shown} is not a safetensors file of floats ({error})") from None
        for name, tensor in sorted(tensors.items()):
            fits = tensor.dtype in FLOAT_TYPES and tensor.ndim in (1, 2) and tensor.numel() > 0
            if not fits or not tensor.float().isfinite().all():
                shape = " x ".join(map(str, tensor.shape))
                raise DataError(
                    f"{file.shown}: {name!r} is {shape} of {tensor.dtype}, "
                    "expected finite floats, one row for each caption"
                )
            vectors = list(tensor.float().reshape(-1, tensor.shape[-1]).numpy())
            rows.append((file.path.parent, PurePosixPath(name), vectors))
    if not rows:
        return None
    sizes = sorted({vector.shape[0] for _, _, vectors in rows for vector in vectors})
    if len(sizes) != 1:
        problem = f"vectors of {sizes[0]} and {sizes[1]} numbers; all must have one size"
        raise DataError(f"{listed[0].shown}: {problem}")
    return EmbeddingTable(match_images(rows, images, f"vector in {EMBEDDINGS}"))
