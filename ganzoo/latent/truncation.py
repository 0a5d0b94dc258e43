"""Truncation: latents near the mean give better but less diverse samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.errors import UsageError
from ganzoo.inputs import Latent
from ganzoo.latent import varied
from ganzoo.sampling.samples import Samples

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model

TRUNCATION_BOUNDS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
UNTRUNCATED = 3.0
"""Bound that cuts off almost nothing of N(0, 1)."""


def truncate(spec: Latent, values: Tensor, bound: float) -> Tensor:
    """Map latents of N(0, 1) to N(0, 1) truncated to [-`bound`, `bound`].

    Brock et al. 2019 (section 3.1) draw again until a number lies inside; this monotone map has the
    same law and changes samples steadily with the bound. Uniform latents are scaled by `bound` /
    3."""
    if bound <= 0:
        raise UsageError(f"truncation bound {bound:g}: a number above 0 is needed")
    if spec.law == "uniform":
        return values * min(1.0, bound / UNTRUNCATED)
    low = torch.special.ndtr(torch.tensor(-bound, dtype=torch.float64))
    share = low + torch.special.ndtr(values.double()) * (1 - 2 * low)
    truncated: Tensor = torch.special.ndtri(share)
    return truncated.clamp(-bound, bound).to(values.dtype)


def sample_truncations(
    model: Model,
    seed: int = 0,
    columns: int = 10,
    bounds: tuple[float, ...] = TRUNCATION_BOUNDS,
    **given: Any,
) -> Samples:
    """A line for each bound, with the seeds from `seed` on; a table for each class or prompt."""
    count = varied.count_conditions(model, given)
    latents = {}
    for name, spec in varied.require_latents(model).items():
        values = varied.draw_latents(spec, name, range(seed, seed + columns))
        latents[name] = torch.cat([truncate(spec, values, one) for one in bounds]).repeat(count, 1)
    return varied.sample_varied(model, latents, seed, columns, given)
