"""Synthetic data and tiny models for checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganzoo.gan import GAN
from ganzoo.inputs import Choice, Rows
from ganzoo.plugin import Plugin
from ganzoo.sampling.generation import autocast, name_views
from ganzoo.spec import Captions, Curve, Data, Embeddings, Facts, Field, Labels, Picture, Points

CHECKED_ROWS = 5
"""Samples that a check draws."""


class Synthetic:
    """Synthetic examples of a plugin's fields; each is a function of (seed, position)."""

    count = 64

    def __init__(self, data: Data) -> None:
        self.fields = data.fields

    def take(self, position: int, size: int, seed: int) -> dict[str, Tensor]:
        """`size` examples by field name."""
        places = [(seed + 1000 * (position + row)) % 2**63 for row in range(size)]
        return {
            name: torch.stack([make_example(field, place + number) for place in places])
            for number, (name, field) in enumerate(self.fields.items())
        }


def make_example(field: Field, seed: int) -> Tensor:
    """One example of a field, without the batch dimension."""
    rng = torch.Generator().manual_seed(seed)
    match field:
        case Picture(channels, size):
            return torch.rand(channels, size or 16, size or 16, generator=rng) * 2 - 1
        case Points(dims):
            return torch.randn(dims, generator=rng)
        case Curve(length):
            return torch.rand(length, generator=rng) * 2 - 1
        case Labels(classes):
            return torch.randint(classes, (), generator=rng)
        case Captions(vocabulary, length):
            return torch.randint(len(vocabulary) + 2, (length,), generator=rng)
        case Embeddings(size):
            return torch.randn(size, generator=rng)


def describe_data(data: Data) -> Facts:
    """Facts of a data set with exactly these fields."""
    known: dict[str, Any] = {"kind": "images"}
    for field in data.fields.values():
        match field:
            case Picture(channels, size):
                known |= {"channels": channels, "size": size}
            case Points(dims):
                known |= {"kind": "points", "dims": dims}
            case Curve(length, low, high):
                known |= {"kind": "curves", "dims": length, "low": low, "high": high}
            case Labels(classes):
                known["classes"] = tuple(f"class {number}" for number in range(classes))
            case Captions():
                known["sentences"] = (
                    ("a small red bird", "a bird on a branch"),
                    ("a large blue flower",),
                )
            case Embeddings(size):
                known["embedding"] = size
    domains = tuple(data.fields) if data.unpaired else ()
    return Facts(name="synthetic", count=Synthetic.count, domains=domains, **known)


def build_tiny(plugin: Plugin[Any], seed: int = 0) -> GAN[Any]:
    """A model of the plugin's `tiny` config."""
    torch.manual_seed(seed)
    return plugin.build(plugin.tiny)


def draw_inputs(plugin: Plugin[Any], n: int) -> dict[str, Tensor]:
    """Examples of every input; a choice cycles through its options."""
    rows = Rows(0, n)
    found = {}
    for name, spec in plugin.inputs(plugin.tiny).items():
        if isinstance(spec, Choice):
            found[name] = torch.arange(n) % len(spec.options)
        else:
            found[name] = spec.example(name, rows)
    return found


def draw_samples(
    gan: GAN[Any], inputs: Mapping[str, Tensor], precision: str = "fp32"
) -> dict[str, Tensor]:
    """Views of samples, in eval mode."""
    gan.eval()
    with torch.no_grad(), autocast(torch.device("cpu"), precision):
        return dict(name_views(gan.sample(inputs)))
