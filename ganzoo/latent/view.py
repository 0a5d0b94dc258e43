"""What is looked at: rows of inputs of which some move and all others are held, and what the model makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.errors import UsageError
from ganzoo.gan import MEANING
from ganzoo.inputs import Codes, Input, Label, Latent, Rows, Text
from ganzoo.sampling import samples

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model

BATCH = 64


def latents(model: Model) -> dict[str, Latent]:
    """The latents a model takes. UsageError where it takes none."""
    found = {name: spec for name, spec in model.inputs.items() if isinstance(spec, Latent)}
    if not found:
        raise UsageError(
            f"{model.name} takes no latent, so there is nothing to walk in; it takes {', '.join(model.inputs)}"
        )
    return found


def codes(model: Model) -> tuple[str, Codes]:
    """Name and kind of the codes a model takes. UsageError where it takes none."""
    for name, spec in model.inputs.items():
        if isinstance(spec, Codes):
            return name, spec
    raise UsageError(
        f"{model.name} takes no codes; those that do are trained by plugins such as infogan"
    )


def classes(model: Model, given: Mapping[str, Any]) -> int:
    """How many classes, or sentences, are asked for; 1 where none is."""
    named = model.inputs.items()
    return max(
        (
            spec.count(given[name])
            for name, spec in named
            if isinstance(spec, (Label, Text)) and name in given
        ),
        default=1,
    )


def made(
    model: Model, moved: Mapping[str, Tensor], seed: int, columns: int, given: Mapping[str, Any]
) -> samples.Samples:
    """Samples of the inputs `moved`, (n, ...) each, `columns` in a line. What the user gave is shared out over the rows, as
    sampling does; all else is what `seed` draws, the same in every row. A `MEANING` that is moved stands for the sentence."""
    n = len(next(iter(moved.values())))
    samples.check_names(model.inputs, given)
    given = samples.open_images(model.inputs, given)
    held = {
        name: _held(name, spec, given, Rows(seed, n, 0, n, columns))
        for name, spec in model.inputs.items()
        if name not in moved and not (isinstance(spec, Text) and MEANING in moved)
    }
    inputs = {**held, **moved}
    feed = (
        {name: tensor[start : start + BATCH] for name, tensor in inputs.items()}
        for start in range(0, n, BATCH)
    )
    parts = samples.run(model.fast, feed, model.device, model.precision)
    return samples.Samples(
        parts.pop(samples.SAMPLE), model.plugin.output(model.config), seed, columns, parts
    )


def _held(name: str, spec: Input, given: Mapping[str, Any], rows: Rows) -> Tensor:
    if name in given:
        return spec.parse(given[name], name, rows)
    drawn = spec.draw(name, Rows(rows.seed, 1))
    return drawn.expand(rows.count, *drawn.shape[1:])


def drawn(spec: Latent, name: str, seeds: list[int]) -> Tensor:
    """The latents that these seeds draw, (n, size)."""
    return torch.cat([spec.draw(name, Rows(seed, 1)) for seed in seeds])
