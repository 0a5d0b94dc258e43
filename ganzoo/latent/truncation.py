"""Truncation: latents nearer the middle make better samples, and fewer kinds of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.errors import UsageError
from ganzoo.inputs import Latent
from ganzoo.latent import view
from ganzoo.sampling.samples import Samples

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model

BOUNDS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
FAR = 3.0
"""A bound from which on next to nothing is cut off."""


def truncated(spec: Latent, values: Tensor, bound: float) -> Tensor:
    """Latents of N(0, 1), each number mapped so that its law is N(0, 1) given that it lies in [-`bound`, `bound`] (the law of
    Brock et al. 2019, section 3.1, who draw again until it does). It keeps order and sign, so that a sample changes
    steadily as the bound does. Uniform latents are scaled by `bound` / 3."""
    if bound <= 0:
        raise UsageError(f"truncation at {bound:g}; a bound above 0 is needed")
    if spec.law == "uniform":
        return values * min(1.0, bound / FAR)
    low = torch.special.ndtr(torch.tensor(-bound, dtype=torch.float64))
    share = low + torch.special.ndtr(values.double()) * (1 - 2 * low)
    cut: Tensor = torch.special.ndtri(share)
    return cut.clamp(-bound, bound).to(values.dtype)


def table(
    model: Model, seed: int = 0, columns: int = 10, bounds: tuple[float, ...] = BOUNDS, **given: Any
) -> Samples:
    """A line for each bound, with the same seeds in each, `seed` on; of several classes or sentences, a table each."""
    moved, many = {}, view.classes(model, given)
    for name, spec in view.latents(model).items():
        values = view.drawn(spec, name, list(range(seed, seed + columns)))
        moved[name] = torch.cat([truncated(spec, values, bound) for bound in bounds]).repeat(
            many, 1
        )
    return view.made(model, moved, seed, columns, given)
