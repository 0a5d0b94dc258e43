"""Samples with some inputs varied and the rest fixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.errors import UsageError
from ganzoo.gan import MEANING
from ganzoo.inputs import Codes, Latent, Rows, Text
from ganzoo.sampling import generation, samples
from ganzoo.sampling.feed import check_names, open_images

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model

VARIED_BATCH = 64


def require_latents(model: Model) -> dict[str, Latent]:
    """The latents of a model by name; UsageError where it takes none."""
    found = {name: spec for name, spec in model.inputs.items() if isinstance(spec, Latent)}
    if not found:
        names = ", ".join(model.inputs)
        raise UsageError(f"{model.name} takes no latent to explore; it takes {names}")
    return found


def require_codes(model: Model) -> tuple[str, Codes]:
    """Name and kind of the codes of a model; UsageError where it takes none."""
    for name, spec in model.inputs.items():
        if isinstance(spec, Codes):
            return name, spec
    raise UsageError(f"{model.name} takes no codes; models of plugins such as infogan do")


def count_conditions(model: Model, given: Mapping[str, Any]) -> int:
    """How many classes or prompts are given, at least 1."""
    counts = [spec.count(given[name]) for name, spec in model.inputs.items() if name in given]
    return max(counts, default=1)


def draw_latents(spec: Latent, name: str, seeds: Sequence[int]) -> Tensor:
    """The latents of these seeds, (n, size)."""
    return torch.cat([spec.draw(name, Rows(seed, 1)) for seed in seeds])


def sample_varied(
    model: Model,
    varied: Mapping[str, Tensor],
    seed: int,
    columns: int,
    given: Mapping[str, Any],
) -> samples.Samples:
    """Samples of the inputs `varied`, each (n, ...), in a grid of `columns`.

    Inputs in `given` are distributed over the rows as in sampling; `seed` draws the rest once for
    all rows. A varied text embedding takes the place of the text."""
    n = len(next(iter(varied.values())))
    check_names(model.inputs, given)
    given = open_images(model.inputs, given)
    inputs = dict(varied)
    for name, spec in model.inputs.items():
        if name in varied or (isinstance(spec, Text) and MEANING in varied):
            continue
        if name in given:
            inputs[name] = spec.parse(given[name], name, Rows(seed, n, 0, n, columns))
        else:
            drawn = spec.draw(name, Rows(seed, 1))
            inputs[name] = drawn.expand(n, *drawn.shape[1:])
    feed = (
        {name: rows[start : start + VARIED_BATCH] for name, rows in inputs.items()}
        for start in range(0, n, VARIED_BATCH)
    )
    views = generation.generate(model.fast, feed, model.device, model.precision)
    return samples.Samples(
        views.pop(generation.SAMPLE), model.plugin.output(model.config), seed, columns, views
    )
