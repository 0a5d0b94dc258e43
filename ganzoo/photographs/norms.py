"""Instance norm by statistics of one's own, without a change to the networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

ROWS = 64
"""Of maps whose statistics are taken, at a time."""
Moments = list[tuple[Tensor, Tensor]]
"""Mean and variance, one number a channel, of each call of instance norm in turn."""


def _moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """In float32, a few rows at a time: on channels-last maps several times faster than `torch.var_mean`, and a float32 copy of
    maps in half precision would be the largest thing in memory. Distances from one place's values, lest squares cancel."""
    middle = maps[:1, :, :1].float().mean(dim=tuple(range(2, maps.ndim)), keepdim=True)
    first, second = torch.zeros(2, maps.shape[1], dtype=torch.float64, device="cpu")
    over = (0, *range(2, maps.ndim))
    for start in range(0, maps.shape[2], ROWS):
        apart = maps[:, :, start : start + ROWS].float() - middle
        first += apart.sum(dim=over).cpu()
        second += apart.square_().sum(dim=over).cpu()
    n = maps.numel() / maps.shape[1]
    mean, square = first / n, second / n
    found = torch.stack([middle.flatten().cpu() + mean, (square - mean.square()).clamp(min=0)])
    moved = found.float().to(maps.device)
    return moved[0], moved[1]


class Norms(TorchFunctionMode):
    """Instance norm, while this is entered: by the moments given, one pair a call, or by those of what passes, which are kept.

    The networks are not touched, so there is nothing to put back."""

    def __init__(self, fixed: Moments | None = None) -> None:
        super().__init__()
        self.fixed, self.seen = fixed, Moments()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        return self._norm(*args, **kwargs) if func is F.instance_norm else func(*args, **kwargs)

    def _norm(
        self, maps: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Tensor | None = None,
        bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
    ) -> Tensor:  # fmt: skip
        if not use_input_stats:
            return F.instance_norm(
                maps, running_mean, running_var, weight, bias, False, momentum, eps
            )
        if self.fixed is None:
            mean, variance = _moments(maps)
        elif len(self.seen) < len(self.fixed):
            mean, variance = self.fixed[len(self.seen)]
        else:
            raise RuntimeError(
                f"more calls of instance norm on a tile than the {len(self.fixed)} on the whole picture"
            )
        self.seen.append((mean, variance))
        return F.batch_norm(maps, mean, variance, weight, bias, False, 0.0, eps)

    def check(self) -> None:
        """RuntimeError where fewer calls were made than for the whole picture."""
        if self.fixed is not None and len(self.seen) != len(self.fixed):
            raise RuntimeError(
                f"{len(self.seen)} calls of instance norm on a tile, {len(self.fixed)} on the whole picture"
            )
