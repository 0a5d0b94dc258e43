"""Checks of `sample`, `encode` and `meaning`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import InputError
from ganzoo.gan import GAN, MEANING
from ganzoo.inputs import Text
from ganzoo.plugin import Plugin
from ganzoo.sampling.samples import SAMPLE
from ganzoo.spec import Curve, Output, Picture, Points
from ganzoo.testing.finding import Nonconforming, copies, distance, few, generators, must, same
from ganzoo.testing.synthetic import ROWS, built, example, inputs_of, sampled


def samples_are_as_declared(plugin: Plugin[Any]) -> None:
    """Shape as `output` says, float, finite; images in [-1, 1]; views have one row a sample."""
    made = sampled(built(plugin), inputs_of(plugin, ROWS))
    must(SAMPLE in made, f"sample returns a mapping without {SAMPLE!r}, only {', '.join(made)}")
    _declared(made[SAMPLE], plugin.output(plugin.tiny))
    for name, view in made.items():
        must(len(view) == ROWS, f"view {name!r} has {len(view)} rows for {ROWS} samples")


def rows_are_independent(plugin: Plugin[Any]) -> None:
    """A row comes out the same alone, among others, and in another order."""
    gan, inputs = built(plugin), inputs_of(plugin, ROWS)
    together = sampled(gan, inputs)
    backwards = sampled(gan, {name: tensor.flip(0) for name, tensor in inputs.items()})
    alone = [
        sampled(gan, {name: tensor[row : row + 1] for name, tensor in inputs.items()})
        for row in range(ROWS)
    ]
    for name, tensor in together.items():
        far = max(
            distance(tensor, backwards[name].flip(0)),
            distance(tensor, torch.cat([one[name] for one in alone])),
        )
        limit = max(
            1e-5, 1e-3 * float(tensor.std(dim=0).max())
        )  # float32 kernels round by batch size
        must(
            far <= limit,
            f"{name!r}: rows differ by {far:.2g} with the rows around them; let no layer mix rows in eval mode",
        )


def sample_changes_nothing(plugin: Plugin[Any]) -> None:
    """The same inputs give the same sample; neither the inputs, nor the state, nor any random generator is touched."""
    gan, inputs = built(plugin), inputs_of(plugin, ROWS)
    kept = {name: tensor.clone() for name, tensor in inputs.items()}
    state, drawn = copies(gan.state_dict()), generators()
    first = sampled(gan, inputs)
    must(
        generators() == drawn,
        "sample draws from torch's, numpy's or Python's generator; make it an input",
    )
    altered = [name for name, tensor in inputs.items() if not torch.equal(kept[name], tensor)]
    must(not altered, f"sample writes into its inputs {few(altered)}")
    torch.manual_seed(1)
    second = sampled(gan, inputs)
    for name in first:
        must(
            torch.equal(first[name], second[name]),
            f"{name!r} differs for the same inputs; all randomness must be an input",
        )
    touched = [name for name, tensor in gan.state_dict().items() if not same(tensor, state[name])]
    must(not touched, f"sample changes {few(touched)}")


def encode_gives_inputs(plugin: Plugin[Any]) -> None:
    """Where there is an encoder: it returns inputs of `sample`, one row an image, and `sample` takes them; what it has to
    be told beside, it asks for by an InputError."""
    gan, output = built(plugin), plugin.output(plugin.tiny)
    if type(gan).encode is GAN.encode:
        return
    inputs = inputs_of(plugin, ROWS)
    images = torch.stack([example(output, row) for row in range(ROWS)])
    with torch.no_grad():
        found = gan.encode(images, inputs)
        _asks_for_what_it_needs(gan, images)
    foreign = sorted(set(found) - set(inputs))
    must(
        not foreign,
        f"encode returns {few(foreign)}, which `sample` does not take (inputs: {', '.join(inputs)})",
    )
    for name, tensor in found.items():
        fits = tensor.shape == inputs[name].shape
        must(
            fits,
            f"encode returns {name!r} of shape {list(tensor.shape)}, the input's is {list(inputs[name].shape)}",
        )
    _declared(sampled(gan, {**inputs, **found})[SAMPLE], output)


def meaning_stands_for_text(plugin: Plugin[Any]) -> None:
    """Where there are vectors of sentences: one row a sentence, `sample` takes them in place of the sentence and gives the same,
    and takes what lies between two."""
    gan, inputs = built(plugin).eval(), inputs_of(plugin, ROWS)
    if type(gan).meaning is GAN.meaning:
        return
    texts = [name for name, spec in plugin.inputs(plugin.tiny).items() if isinstance(spec, Text)]
    must(len(texts) == 1, f"`meaning` is of one Text input; there are {len(texts)}")
    with torch.no_grad():
        found = gan.meaning(inputs[texts[0]])
    must(
        found.ndim == 2 and len(found) == ROWS,
        f"meaning returns shape {list(found.shape)} for {ROWS} sentences",
    )
    others = {name: tensor for name, tensor in inputs.items() if name != texts[0]}
    far = distance(sampled(gan, inputs)[SAMPLE], sampled(gan, {**others, MEANING: found})[SAMPLE])
    must(far <= 1e-5, f"samples of a sentence and of its vector differ by {far:.2g}")
    _declared(
        sampled(gan, {**others, MEANING: (found + found.flip(0)) / 2})[SAMPLE],
        plugin.output(plugin.tiny),
    )


def _asks_for_what_it_needs(gan: GAN[Any], images: Tensor) -> None:
    try:
        gan.encode(images, {})
    except InputError:
        return
    except (LookupError, TypeError, AttributeError) as error:
        told = f"{type(error).__name__}: {error}"
        raise Nonconforming(
            f"encode fails where nothing is known of the images ({told}); raise InputError"
        ) from error


def _declared(sample: Tensor, output: Output) -> None:
    match output:
        case Picture(channels, size):
            expected: list[int | None] = [ROWS, channels, size, size]
        case Points(dims):
            expected = [ROWS, dims]
        case Curve(length):
            expected = [ROWS, length]
    shape = list(sample.shape)
    fits = len(shape) == len(expected) and all(
        want in (None, have) for want, have in zip(expected, shape, strict=True)
    )
    must(fits, f"sample has shape {shape}; `output` declares {expected}")
    must(
        sample.is_floating_point() and bool(torch.isfinite(sample).all()),
        f"samples are not finite floats ({sample.dtype})",
    )
    if isinstance(output, Picture):
        far = float(sample.abs().max())
        must(far <= 1, f"images reach {far:.4g}; they must lie in [-1, 1] (end in tanh)")
