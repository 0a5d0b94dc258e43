"""The error that checks raise, and comparisons that they share."""

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
    """A plugin breaks the contract; the message says where and what to change."""


def require_that(condition: bool, message: str) -> None:
    """Raise Nonconforming unless the condition holds."""
    if not condition:
        raise Nonconforming(message)


def list_first(names: Iterable[str]) -> str:
    """The first four names, and how many more there are."""
    listed = list(names)
    return ", ".join(listed[:4]) + (f" and {len(listed) - 4} more" if len(listed) > 4 else "")


def equal_bits(a: Tensor, b: Tensor) -> bool:
    """Equal bit for bit, NaN included."""
    return (
        a.shape == b.shape
        and a.dtype == b.dtype
        and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
    )


def max_difference(a: Tensor, b: Tensor) -> float:
    """Largest absolute difference; infinite for different shapes."""
    return float((a - b).abs().max()) if a.shape == b.shape else math.inf


def copy_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def read_generators() -> tuple[Any, ...]:
    """State of every global random generator, comparable by ==."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    return (
        torch.get_rng_state().numpy().tobytes(),
        random.getstate(),
        np.asarray(keys).tobytes(),
        kind,
        *rest,
    )
