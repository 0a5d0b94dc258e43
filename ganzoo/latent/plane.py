"""A plane of the latent space as a grid of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.errors import UsageError
from ganzoo.inputs import Latent
from ganzoo.latent import varied
from ganzoo.latent.walk import choose_interpolation, walk_seeds
from ganzoo.sampling.samples import Samples

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model


def sample_plane(model: Model, seed: int = 0, side: int = 12, **given: Any) -> Samples:
    """`side` x `side` samples.

    A latent of two numbers: both are axes, at steps of equal probability, the second one upwards.
    More numbers: the corners are `seed` to `seed` + 3, with interpolation as in walks. One number:
    one line. Several classes or prompts get a line each: of the first of one or two numbers,
    otherwise from `seed` to `seed` + 1."""
    if side < 2:
        raise UsageError(f"side={side}: a grid needs at least 2")
    latents = varied.require_latents(model)
    (name, spec), *others = latents.items()
    lines = varied.count_conditions(model, given)
    if (lines > 1 and spec.size <= 2) or (spec.size == 1 and not others):
        values = torch.zeros(lines * side, spec.size)
        values[:, 0] = compute_quantiles(spec, side).repeat(lines)
        return varied.sample_varied(model, {name: values}, seed, side, given)
    if lines > 1:
        return walk_seeds(model, [seed, seed + 1], side, **given)
    if spec.size == 2 and not others:
        axis = compute_quantiles(spec, side)
        values = torch.stack([axis.repeat(side), axis.flip(0).repeat_interleave(side)], dim=1)
        return varied.sample_varied(model, {name: values}, seed, side, given)
    planes, shares = {}, torch.linspace(0, 1, side)
    for key, kind in latents.items():
        corners = varied.draw_latents(kind, key, range(seed, seed + 4))
        interpolate = choose_interpolation(kind)
        left = interpolate(corners[0], corners[2], shares[:, None])
        right = interpolate(corners[1], corners[3], shares[:, None])
        plane = interpolate(left[:, None], right[:, None], shares[None, :, None])
        planes[key] = plane.flatten(0, 1)
    return varied.sample_varied(model, planes, seed, side, given)


def compute_quantiles(spec: Latent, n: int) -> Tensor:
    """The midpoints of `n` intervals of equal probability."""
    shares = (torch.arange(n) + 0.5) / n
    return torch.special.ndtri(shares) if spec.law == "normal" else 2 * shares - 1
