"""Recognise old checkpoints of multilayer perceptrons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import isqrt
from typing import Any

from ganzoo.legacy import Layer, Layout, Part, Shapes, numbers, sequence

SOURCE = "a multilayer perceptron in one nn.Sequential"
IMPLEMENTATIONS = "PyTorch-GAN gan"
SILENT: tuple[str, ...] = ("latent_law", "activation", "discriminator_activation", "slope")
DROPOUT_RATE = 0.3
"""Assumed rate: a checkpoint shows that there is a dropout layer, not its rate."""


def read_layout(networks: Mapping[str, Shapes]) -> Layout | None:
    """The layout of these networks, or None if none of them is a perceptron."""
    parts: dict[str, Part] = {}
    settings: dict[str, Any] = {}
    silent = SILENT
    for label, shapes in networks.items():
        layers = sequence(shapes) or []
        linear = [layer for layer in layers if layer.kind == "linear"]
        if len(linear) < 2 or any(layer.kind == "convolution" for layer in layers):
            continue
        if any(before.weight[0] != after.weight[1] for before, after in pairwise(linear)):
            continue
        network = "discriminator" if linear[-1].weight[0] == 1 else "generator"
        found = read_perceptron(layers, linear, network)
        if isinstance(found, str):
            source = IMPLEMENTATIONS if layers[0].module.startswith("model.") else SOURCE
            return Layout(source=source, differs=found)
        if found.get("batch_norm"):
            silent += ("batch_norm_epsilon",)
        settings |= found
        parts[label] = Part(network, {layer.module: f"layers.{layer.number}" for layer in layers})
    return Layout(source=SOURCE, parts=parts, settings=settings, silent=silent) if parts else None


def read_perceptron(
    layers: Sequence[Layer], linear: Sequence[Layer], network: str
) -> dict[str, Any] | str:
    """The settings of one network, or why this plugin cannot hold it.

    Between two linear layers it allows an activation, then BatchNorm, then dropout, the last two
    optional.
    """
    places, norms = numbers(layers, "linear"), numbers(layers, "norm")
    if any(place + 1 in norms for place in places):
        return f"its {network} has BatchNorm before the activation; this plugin's stands after it"
    if norms and network == "discriminator":
        return "its discriminator has BatchNorm; this plugin's has none"
    gap = places[1] - places[0]
    dropout = gap - 2 - bool(norms)
    regular = places == [gap * i for i in range(len(places))] and dropout in (0, 1)
    if not regular or (norms and norms != [place + 2 for place in places[:-1]]):
        return (
            f"its {network} has other layers between the linear ones than an activation, "
            "BatchNorm and a dropout"
        )
    widths = [layer.weight[0] for layer in linear[:-1]]
    rate = DROPOUT_RATE if dropout else 0.0
    if network == "discriminator":
        return {"discriminator": widths, "dropout": rate}
    return {
        "latent": linear[0].weight[1],
        "generator": widths,
        "generator_dropout": rate,
        "batch_norm": bool(norms),
        **guess_shape(linear[-1].weight[0]),
    }


def guess_shape(values: int) -> dict[str, Any]:
    """An example of so many values: a square grey or RGB image with an even side, else a point."""
    for channels in (1, 3):
        side = isqrt(values // channels)
        if channels * side**2 == values and side >= 8 and side % 2 == 0:
            return {"kind": "images", "channels": channels, "size": side}
    return {"kind": "points", "dims": values}
