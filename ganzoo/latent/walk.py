"""Interpolation between the samples of several seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.errors import UsageError
from ganzoo.inputs import Latent
from ganzoo.latent import view
from ganzoo.sampling.samples import Samples

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model

Way = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Start and end (..., size), shares (..., 1) -> what lies between."""
PARALLEL = 1e-4
"""Sine of an angle, and product of two lengths, below which a chord stands for the arc."""


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Points on the arcs from `start` to `end`, all (..., size); `share` in [0, 1], (..., 1), how far along.

    Samples of N(0, I) in many dimensions lie near a sphere, and chords leave it: half-way between two of them is a latent as
    short as hardly any that a generator has seen (White 2016, arXiv 1609.04468, section 2.1)."""
    lengths = torch.linalg.vector_norm(start, dim=-1, keepdim=True) * torch.linalg.vector_norm(
        end, dim=-1, keepdim=True
    )
    angle = ((start * end).sum(-1, keepdim=True) / lengths.clamp_min(PARALLEL)).clamp(-1, 1).acos()
    sine = angle.sin()
    arc = (((1 - share) * angle).sin() * start + (share * angle).sin() * end) / sine.clamp_min(
        PARALLEL
    )
    return torch.where((sine < PARALLEL) | (lengths < PARALLEL), torch.lerp(start, end, share), arc)


def between(spec: Latent, start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """By the law of the latent: arcs for normal ones, straight lines for uniform ones."""
    return slerp(start, end, share) if spec.law == "normal" else torch.lerp(start, end, share)


def strip(model: Model, seeds: Sequence[int], steps: int = 8, **given: Any) -> Samples:
    """From each seed to the next, `steps` pictures a line with both ends. Where several classes or sentences are given, a line
    each, all of them from the first seed to the second."""
    _check(seeds, steps)
    lines = view.classes(model, given)
    ends = [(0, 1)] * lines if lines > 1 else [(i, i + 1) for i in range(len(seeds) - 1)]
    return view.made(
        model, _moved(model, seeds, ends, torch.linspace(0, 1, steps)), seeds[0], steps, given
    )


def loop(model: Model, seeds: Sequence[int], steps: int = 12, **given: Any) -> Samples:
    """Frames of one picture on its way through all seeds and back to the first, `steps` from each to the next; several
    classes are so many pictures a frame, which are neighbours among the rows."""
    _check(seeds, steps)
    many = view.classes(model, given)
    ends = [(i, (i + 1) % len(seeds)) for i in range(len(seeds))]
    moved = _moved(model, seeds, ends, torch.arange(steps) / steps)
    moved = {name: values.repeat(many, 1) for name, values in moved.items()}
    return view.made(model, moved, seeds[0], len(ends) * steps, given)


def _moved(
    model: Model, seeds: Sequence[int], ends: Sequence[tuple[int, int]], shares: Tensor
) -> dict[str, Tensor]:
    """Each latent (len(ends) * len(shares), size): for each pair of places among the seeds, all shares of the way."""
    found = {}
    for name, spec in view.latents(model).items():
        found[name] = along(
            view.drawn(spec, name, list(seeds)), ends, shares, partial(between, spec)
        )
    return found


def along(anchors: Tensor, ends: Sequence[tuple[int, int]], shares: Tensor, way: Way) -> Tensor:
    """(len(ends) * len(shares), size): for each pair of places among the `anchors`, all shares of the way."""
    start, end = (anchors[[pair[side] for pair in ends]][:, None] for side in (0, 1))
    return way(start, end, shares[None, :, None]).flatten(0, 1)


def _check(seeds: Sequence[int], steps: int) -> None:
    if len(seeds) < 2:
        raise UsageError("a walk needs two seeds at least")
    check_steps(steps)


def check_steps(steps: int) -> None:
    """UsageError for too few."""
    if steps < 2:
        raise UsageError(f"{steps} steps; a walk needs two at least")
