"""A plane of the latent space as a grid of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.errors import UsageError
from ganzoo.inputs import Latent
from ganzoo.latent import view
from ganzoo.latent.walk import between, strip
from ganzoo.sampling.samples import Samples

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model


def grid(model: Model, seed: int = 0, side: int = 12, **given: Any) -> Samples:
    """`side` x `side` pictures. Two latent numbers: both axes, at steps of equal probability, the second upwards. More: the four
    corners are those of `seed` to `seed` + 3, and the plane between them is curved as walks are. One number: one line. Where
    several classes or sentences are given, a line each: of the first of one or two numbers, else from `seed` to `seed` + 1."""
    if side < 2:
        raise UsageError(f"a grid of {side}; 2 at least")
    (name, spec), *others = view.latents(model).items()
    lines = view.classes(model, given)
    if (lines > 1 and spec.size <= 2) or (spec.size == 1 and not others):
        values = torch.zeros(lines * side, spec.size)
        values[:, 0] = quantiles(spec, side).repeat(lines)
        return view.made(model, {name: values}, seed, side, given)
    if lines > 1:
        return strip(model, [seed, seed + 1], side, **given)
    if spec.size == 2 and not others:
        axis = quantiles(spec, side)
        values = torch.stack([axis.repeat(side), axis.flip(0).repeat_interleave(side)], dim=1)
        return view.made(model, {name: values}, seed, side, given)
    moved = {key: _corners(kind, key, seed, side) for key, kind in view.latents(model).items()}
    return view.made(model, moved, seed, side, given)


def quantiles(spec: Latent, n: int) -> Tensor:
    """The numbers that cut a latent's law into equal shares, in the middle of each."""
    shares = (torch.arange(n) + 0.5) / n
    return torch.special.ndtri(shares) if spec.law == "normal" else 2 * shares - 1


def _corners(spec: Latent, name: str, seed: int, side: int) -> Tensor:
    """(side * side, size)."""
    corners, shares = (
        view.drawn(spec, name, list(range(seed, seed + 4))),
        torch.linspace(0, 1, side),
    )
    left, right = (between(spec, corners[i], corners[i + 2], shares[:, None]) for i in (0, 1))
    return between(spec, left[:, None], right[:, None], shares[None, :, None]).flatten(0, 1)
