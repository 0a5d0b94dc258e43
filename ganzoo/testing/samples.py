"""Checks of `sample`, `encode` and `meaning`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import InputError
from ganzoo.gan import MEANING
from ganzoo.inputs import Text
from ganzoo.plugin import Plugin
from ganzoo.sampling.generation import SAMPLE
from ganzoo.spec import Curve, Output, Picture, Points
from ganzoo.testing.finding import (
    Nonconforming,
    copy_tensors,
    equal_bits,
    list_first,
    max_difference,
    read_generators,
    require_that,
)
from ganzoo.testing.synthetic import (
    CHECKED_ROWS,
    build_tiny,
    draw_inputs,
    draw_samples,
    make_example,
)


def samples_are_as_declared(plugin: Plugin[Any]) -> None:
    """Shape as `output` declares, float, finite; images in [-1, 1]; views have one row a sample."""
    made = draw_samples(build_tiny(plugin), draw_inputs(plugin, CHECKED_ROWS))
    require_that(
        SAMPLE in made, f"sample returns a mapping without {SAMPLE!r}, only {', '.join(made)}"
    )
    _require_declared(made[SAMPLE], plugin.output(plugin.tiny))
    for name, view in made.items():
        require_that(
            len(view) == CHECKED_ROWS,
            f"view {name!r} has {len(view)} rows for {CHECKED_ROWS} samples",
        )


def rows_are_independent(plugin: Plugin[Any]) -> None:
    """A sample does not depend on the others of its batch, nor on their order."""
    gan, inputs = build_tiny(plugin), draw_inputs(plugin, CHECKED_ROWS)
    together = draw_samples(gan, inputs)
    backwards = draw_samples(gan, {name: tensor.flip(0) for name, tensor in inputs.items()})
    alone = []
    for row in range(CHECKED_ROWS):
        one = {name: tensor[row : row + 1] for name, tensor in inputs.items()}
        alone.append(draw_samples(gan, one))
    for name, tensor in together.items():
        far = max(
            max_difference(tensor, backwards[name].flip(0)),
            max_difference(tensor, torch.cat([one[name] for one in alone])),
        )
        # float32 kernels round differently for each batch size
        limit = max(1e-5, 1e-3 * float(tensor.std(dim=0).max()))
        hint = "let no layer mix rows in eval mode"
        message = f"{name!r}: rows differ by {far:.2g} with the rows around them; {hint}"
        require_that(far <= limit, message)


def sample_changes_nothing(plugin: Plugin[Any]) -> None:
    """Equal inputs give equal samples; inputs, state and random generators stay as they are."""
    gan, inputs = build_tiny(plugin), draw_inputs(plugin, CHECKED_ROWS)
    kept = {name: tensor.clone() for name, tensor in inputs.items()}
    state, drawn = copy_tensors(gan.state_dict()), read_generators()
    first = draw_samples(gan, inputs)
    require_that(
        read_generators() == drawn,
        "sample draws from torch's, numpy's or Python's generator; make it an input",
    )
    altered = [name for name, tensor in inputs.items() if not torch.equal(kept[name], tensor)]
    require_that(not altered, f"sample writes into its inputs {list_first(altered)}")
    torch.manual_seed(1)
    second = draw_samples(gan, inputs)
    for name in first:
        require_that(
            torch.equal(first[name], second[name]),
            f"{name!r} differs for the same inputs; all randomness must be an input",
        )
    touched = [
        name for name, tensor in gan.state_dict().items() if not equal_bits(tensor, state[name])
    ]
    require_that(not touched, f"sample changes {list_first(touched)}")


def encode_gives_inputs(plugin: Plugin[Any]) -> None:
    """`encode`, if defined, returns inputs that `sample` takes, one row an image.

    It raises InputError for inputs that it needs and does not get."""
    gan, output = build_tiny(plugin), plugin.output(plugin.tiny)
    if not gan.has_encoder:
        return
    inputs = draw_inputs(plugin, CHECKED_ROWS)
    images = torch.stack([make_example(output, row) for row in range(CHECKED_ROWS)])
    with torch.no_grad():
        found = gan.encode(images, inputs)
        try:
            gan.encode(images, {})
        except InputError:
            pass
        except (LookupError, TypeError, AttributeError) as error:
            reason = f"{type(error).__name__}: {error}"
            message = f"encode fails where nothing is known of the images ({reason})"
            raise Nonconforming(f"{message}; raise InputError") from error
    foreign = sorted(set(found) - set(inputs))
    known = f"(inputs: {', '.join(inputs)})"
    message = f"encode returns {list_first(foreign)}, which `sample` does not take {known}"
    require_that(not foreign, message)
    for name, tensor in found.items():
        shape, expected = list(tensor.shape), list(inputs[name].shape)
        message = f"encode returns {name!r} of shape {shape}, the input's is {expected}"
        require_that(shape == expected, message)
    _require_declared(draw_samples(gan, {**inputs, **found})[SAMPLE], output)


def meaning_stands_for_text(plugin: Plugin[Any]) -> None:
    """`meaning`, if defined, returns one text embedding a prompt.

    `sample` gives the same for embedding and prompt, and takes the mean of two embeddings."""
    gan, inputs = build_tiny(plugin).eval(), draw_inputs(plugin, CHECKED_ROWS)
    if not gan.has_text_embedding:
        return
    texts = [name for name, spec in plugin.inputs(plugin.tiny).items() if isinstance(spec, Text)]
    require_that(len(texts) == 1, f"`meaning` is of one Text input; there are {len(texts)}")
    with torch.no_grad():
        found = gan.meaning(inputs[texts[0]])
    require_that(
        found.ndim == 2 and len(found) == CHECKED_ROWS,
        f"meaning returns shape {list(found.shape)} for {CHECKED_ROWS} sentences",
    )
    others = {name: tensor for name, tensor in inputs.items() if name != texts[0]}
    expected = draw_samples(gan, inputs)[SAMPLE]
    far = max_difference(expected, draw_samples(gan, {**others, MEANING: found})[SAMPLE])
    require_that(far <= 1e-5, f"samples of a sentence and of its vector differ by {far:.2g}")
    between = draw_samples(gan, {**others, MEANING: (found + found.flip(0)) / 2})[SAMPLE]
    _require_declared(between, plugin.output(plugin.tiny))


def _require_declared(sample: Tensor, output: Output) -> None:
    """A sample has the declared shape and range."""
    match output:
        case Picture(channels, size):
            expected: list[int | None] = [CHECKED_ROWS, channels, size, size]
        case Points(dims):
            expected = [CHECKED_ROWS, dims]
        case Curve(length):
            expected = [CHECKED_ROWS, length]
    shape = list(sample.shape)
    fits = len(shape) == len(expected) and all(
        want in (None, have) for want, have in zip(expected, shape, strict=True)
    )
    require_that(fits, f"sample has shape {shape}; `output` declares {expected}")
    require_that(
        sample.is_floating_point() and bool(torch.isfinite(sample).all()),
        f"samples are not finite floats ({sample.dtype})",
    )
    if isinstance(output, Picture):
        far = float(sample.abs().max())
        require_that(far <= 1, f"images reach {far:.4g}; they must lie in [-1, 1] (end in tanh)")
