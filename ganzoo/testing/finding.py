"""What a check finds, and the comparisons that checks share."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.errors import GanzooError


class Nonconforming(GanzooError, AssertionError):
    """A plugin breaks the contract; the text says where and what to change."""


def must(kept: bool, otherwise: str) -> None:
    if not kept:
        raise Nonconforming(otherwise)


def few(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:4]) + (f" and {len(listed) - 4} more" if len(listed) > 4 else "")


def same(a: Tensor, b: Tensor) -> bool:
    """Bit for bit, NaN included."""
    return (
        a.shape == b.shape
        and a.dtype == b.dtype
        and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
    )


def distance(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max()) if a.shape == b.shape else math.inf


def copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def generators() -> tuple[Any, ...]:
    """The state of every global random generator, comparable."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    return (
        torch.get_rng_state().numpy().tobytes(),
        random.getstate(),
        np.asarray(keys).tobytes(),
        kind,
        *rest,
    )
