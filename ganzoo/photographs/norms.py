"""Instance norm with given statistics, without a change to the networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

MOMENT_ROWS = 64
"""Rows of the maps that are summed at a time."""
InstanceMoments = list[tuple[Tensor, Tensor]]
"""Mean and variance of each channel, for each call of instance norm in turn."""


def measure_moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel of `maps` (1, channels, height, ...), in float32.

    A few rows at a time: several times faster than `torch.var_mean` on channels-last maps, and a
    float32 copy of half-precision maps would be the largest thing in memory. The values of one
    place are subtracted first, so that the squares do not cancel."""
    offset = maps[:1, :, :1].float().mean(dim=tuple(range(2, maps.ndim)), keepdim=True)
    total, total_squares = torch.zeros(2, maps.shape[1], dtype=torch.float64, device="cpu")
    axes = (0, *range(2, maps.ndim))
    for start in range(0, maps.shape[2], MOMENT_ROWS):
        centred = maps[:, :, start : start + MOMENT_ROWS].float() - offset
        total += centred.sum(dim=axes).cpu()
        total_squares += centred.square_().sum(dim=axes).cpu()
    n = maps.numel() / maps.shape[1]
    mean = total / n
    variance = (total_squares / n - mean.square()).clamp(min=0)
    moments = torch.stack([offset.flatten().cpu() + mean, variance]).float().to(maps.device)
    return moments[0], moments[1]


class InstanceNormMode(TorchFunctionMode):
    """While entered, instance norm uses `moments`, one pair a call, or those of its input.

    `recorded` holds the pairs used so far. The networks are not touched."""

    def __init__(self, moments: InstanceMoments | None = None) -> None:
        super().__init__()
        self.moments, self.recorded = moments, InstanceMoments()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        normalize = self._normalize if func is F.instance_norm else func
        return normalize(*args, **(kwargs or {}))

    def _normalize(
        self,
        maps: Tensor,
        running_mean: Tensor | None = None,
        running_var: Tensor | None = None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        use_input_stats: bool = True,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """`torch.nn.functional.instance_norm`, with its signature."""
        if not use_input_stats:
            return F.instance_norm(
                maps, running_mean, running_var, weight, bias, False, momentum, eps
            )
        if self.moments is None:
            mean, variance = measure_moments(maps)
        elif len(self.recorded) < len(self.moments):
            mean, variance = self.moments[len(self.recorded)]
        else:
            raise RuntimeError(
                f"a tile makes more calls of instance norm than the {len(self.moments)} "
                "of the whole image"
            )
        self.recorded.append((mean, variance))
        return F.batch_norm(maps, mean, variance, weight, bias, False, 0.0, eps)

    def check_calls(self) -> None:
        """RuntimeError where a tile made fewer calls than the whole image."""
        if self.moments is not None and len(self.recorded) != len(self.moments):
            raise RuntimeError(
                f"a tile makes {len(self.recorded)} calls of instance norm, "
                f"the whole image {len(self.moments)}"
            )
