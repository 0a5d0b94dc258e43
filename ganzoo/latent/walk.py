"""Interpolation between the samples of several seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.linalg import vector_norm

from ganzoo.errors import UsageError
from ganzoo.inputs import Latent
from ganzoo.latent import varied
from ganzoo.sampling.samples import Samples

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model

Interpolation = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Start and end (..., size), share of the way (..., 1) -> points in between."""
PARALLEL = 1e-4
"""Sine of an angle, and product of two lengths, below which a line replaces the arc."""


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Points on the arcs from `start` to `end`, both (..., size), at `share` in [0, 1], (..., 1).

    Samples of N(0, I) in many dimensions lie near a sphere. The middle of a straight line between
    two of them is shorter than nearly all latents in training (White 2016, arXiv 1609.04468,
    section 2.1)."""
    lengths = vector_norm(start, dim=-1, keepdim=True) * vector_norm(end, dim=-1, keepdim=True)
    cosine = (start * end).sum(-1, keepdim=True) / lengths.clamp_min(PARALLEL)
    angle = cosine.clamp(-1, 1).acos()
    sine = angle.sin()
    weighted = ((1 - share) * angle).sin() * start + (share * angle).sin() * end
    arc = weighted / sine.clamp_min(PARALLEL)
    return torch.where((sine < PARALLEL) | (lengths < PARALLEL), torch.lerp(start, end, share), arc)


def choose_interpolation(spec: Latent) -> Interpolation:
    """Arcs for normal latents, straight lines for uniform ones."""
    return slerp if spec.law == "normal" else torch.lerp


def walk_seeds(model: Model, seeds: Sequence[int], steps: int = 8, **given: Any) -> Samples:
    """One line of `steps` samples from each seed to the next, both ends included.

    Several classes or prompts get a line each, all from the first seed to the second."""
    _check_seeds(seeds, steps)
    lines = varied.count_conditions(model, given)
    ends = [(0, 1)] * lines if lines > 1 else [(i, i + 1) for i in range(len(seeds) - 1)]
    latents = _interpolate_latents(model, seeds, ends, torch.linspace(0, 1, steps))
    return varied.sample_varied(model, latents, seeds[0], steps, given)


def loop_seeds(model: Model, seeds: Sequence[int], steps: int = 12, **given: Any) -> Samples:
    """Frames of a loop through all seeds, `steps` from each to the next.

    Several classes or prompts give several samples a frame: row f of each is frame f."""
    _check_seeds(seeds, steps)
    count = varied.count_conditions(model, given)
    ends = [(i, (i + 1) % len(seeds)) for i in range(len(seeds))]
    latents = _interpolate_latents(model, seeds, ends, torch.arange(steps) / steps)
    latents = {name: values.repeat(count, 1) for name, values in latents.items()}
    return varied.sample_varied(model, latents, seeds[0], len(ends) * steps, given)


def _interpolate_latents(
    model: Model, seeds: Sequence[int], ends: Sequence[tuple[int, int]], shares: Tensor
) -> dict[str, Tensor]:
    """Each latent of the model, interpolated between pairs of seeds."""
    latents = {}
    for name, spec in varied.require_latents(model).items():
        drawn = varied.draw_latents(spec, name, seeds)
        latents[name] = interpolate_pairs(drawn, ends, shares, choose_interpolation(spec))
    return latents


def interpolate_pairs(
    anchors: Tensor, ends: Sequence[tuple[int, int]], shares: Tensor, way: Interpolation
) -> Tensor:
    """All `shares` of the way between each pair of `anchors`: (len(ends) * len(shares), size)."""
    start, end = (anchors[list(side)][:, None] for side in zip(*ends, strict=True))
    return way(start, end, shares[None, :, None]).flatten(0, 1)


def _check_seeds(seeds: Sequence[int], steps: int) -> None:
    if len(seeds) < 2:
        raise UsageError("a walk needs at least two seeds")
    check_steps(steps)


def check_steps(steps: int) -> None:
    """UsageError for fewer than two."""
    if steps < 2:
        raise UsageError(f"steps={steps}: a walk needs at least two steps")
