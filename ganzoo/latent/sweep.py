"""Vary one code and fix the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ganzoo.errors import UsageError
from ganzoo.inputs import Codes, Rows
from ganzoo.latent import varied
from ganzoo.sampling.samples import Samples

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model


def list_code_keys(model: Model) -> list[str]:
    """k1, k2, ... (categories) and c1, c2, ... (numbers) of a model; [] where it takes no codes."""
    for spec in model.inputs.values():
        if isinstance(spec, Codes):
            return _name_codes(spec)
    return []


def sweep_code(
    model: Model,
    key: str,
    seed: int = 0,
    steps: int = 10,
    lines: int = 8,
    span: float = 2.0,
    **given: Any,
) -> Samples:
    """Vary one code along each line.

    A category (k1) takes all its values; the `lines` differ in noise. A number (c1) runs from
    -`span` to `span`; there is a line for each value of the first category, all with the same
    noise, or `lines` of different noise where there is no category."""
    name, spec = varied.require_codes(model)
    if key not in _name_codes(spec):
        raise UsageError(f"no code {key!r} ({spec.describe()})")
    index, is_category = int(key[1:]) - 1, key.startswith("k")
    columns = spec.categories[index] if is_category else steps
    by_category = not is_category and bool(spec.categories)
    lines = spec.categories[0] if by_category else lines
    seeds = [seed if by_category else seed + line for line in range(lines) for _ in range(columns)]
    values = torch.cat([spec.draw(name, Rows(one, 1)) for one in seeds])
    if by_category:
        _set_category(values, spec, 0, torch.arange(lines).repeat_interleave(columns))
    if is_category:
        _set_category(values, spec, index, torch.arange(columns).repeat(lines))
    else:
        numbers = torch.linspace(-span, span, columns).repeat(lines)
        values[:, sum(spec.categories) + index] = numbers
    latents = varied.require_latents(model)
    inputs = {other: varied.draw_latents(latent, other, seeds) for other, latent in latents.items()}
    return varied.sample_varied(model, {name: values, **inputs}, seed, columns, given)


def _name_codes(spec: Codes) -> list[str]:
    categories = [f"k{i + 1}" for i in range(len(spec.categories))]
    return categories + [f"c{i + 1}" for i in range(spec.continuous)]


def _set_category(values: Tensor, spec: Codes, index: int, hot: Tensor) -> None:
    """Set category `index` of each row, in place."""
    start, size = sum(spec.categories[:index]), spec.categories[index]
    values[:, start : start + size] = F.one_hot(hot, size).to(values)
