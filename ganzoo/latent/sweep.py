"""Codes one at a time: all else is held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ganzoo.errors import UsageError
from ganzoo.inputs import Codes, Rows
from ganzoo.latent import view
from ganzoo.sampling.samples import Samples

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model


def keys(model: Model) -> list[str]:
    """k1, k2, ... and c1, c2, ..., as far as the model has them; none where it takes no codes."""
    found = [spec for spec in model.inputs.values() if isinstance(spec, Codes)]
    return [key for spec in found[:1] for key in _keys(spec)]


def code(
    model: Model,
    key: str,
    seed: int = 0,
    steps: int = 10,
    lines: int = 8,
    span: float = 2.0,
    **given: Any,
) -> Samples:
    """A category (k1): its values along each line, which has noise of its own. A number (c1): from -`span` to `span` along each
    line; a line for each value of the first category, all with the same noise, or `lines` of noise where there is none."""
    name, spec = view.codes(model)
    if key not in _keys(spec):
        raise UsageError(f"no code {key!r} ({spec.describe()})")
    place, category = int(key[1:]) - 1, key.startswith("k")
    columns = spec.categories[place] if category else steps
    same = not category and bool(spec.categories)
    rows = spec.categories[0] if same else lines
    seeds = [seed if same else seed + line for line in range(rows) for _ in range(columns)]
    values = torch.cat([spec.draw(name, Rows(s, 1)) for s in seeds])
    if same:
        _categorise(values, spec, 0, torch.arange(rows).repeat_interleave(columns))
    if category:
        _categorise(values, spec, place, torch.arange(columns).repeat(rows))
    else:
        values[:, sum(spec.categories) + place] = torch.linspace(-span, span, columns).repeat(rows)
    moved = {
        other: view.drawn(latent, other, seeds) for other, latent in view.latents(model).items()
    }
    return view.made(model, {name: values, **moved}, seed, columns, given)


def _keys(spec: Codes) -> list[str]:
    numbers = range(1, spec.continuous + 1)
    return [f"k{i}" for i in range(1, len(spec.categories) + 1)] + [f"c{i}" for i in numbers]


def _categorise(values: Tensor, spec: Codes, place: int, hot: Tensor) -> None:
    """Sets category `place` of each row."""
    start, size = sum(spec.categories[:place]), spec.categories[place]
    values[:, start : start + size] = F.one_hot(hot, size).to(values)
