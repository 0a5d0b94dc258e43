"""Recognise old checkpoints of DCGANs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ganzoo.legacy import Layer, Layout, Part, Shapes, numbers, sequence

EXAMPLES = "pytorch/examples dcgan (one nn.Sequential)"
UPSAMPLING = "PyTorch-GAN dcgan"
SILENT = ("latent_law", "slope")
BIASES = ("linear", "needed", "all")
"""Values of `bias`, from fewest to most biases."""
SIZES = {7: {2: 28}, 4: {3: 32, 4: 64, 5: 128}}
"""Image size by the kernel at the smallest maps (7 or 4) and the number of doublings."""


def read_layout(networks: Mapping[str, Shapes]) -> Layout | None:
    """The layout of these networks, or None if none of them looks like a DCGAN."""
    for shapes in networks.values():
        blocks = any(name.startswith("conv_blocks.") for name in shapes)
        if blocks and "l1.0.weight" in shapes:
            return Layout(
                source=UPSAMPLING,
                differs="its generator enlarges by nearest neighbours before plain convolutions "
                "and normalizes by BatchNorm with epsilon 0.8; this plugin's has transposed "
                "convolutions",
            )
    parts: dict[str, Part] = {}
    settings: dict[str, dict[str, Any]] = {}
    for label, shapes in networks.items():
        layers = sequence(shapes) or []
        network = name_network(layers)
        if network is None:
            continue
        read = read_generator if network == "generator" else read_discriminator
        found = read(layers, convolution_shapes(layers))
        if isinstance(found, str):
            return Layout(source=EXAMPLES, differs=found)
        parts[label] = Part(network, {layer.module: f"layers.{layer.number}" for layer in layers})
        settings[network] = found
    return merge_settings(parts, settings) if parts else None


def convolution_shapes(layers: Sequence[Layer]) -> list[tuple[int, ...]]:
    """Shapes of the convolutions' weights, in order."""
    return [layer.weight for layer in layers if layer.kind == "convolution"]


def name_network(layers: Sequence[Layer]) -> str | None:
    """The network that these layers make: "generator", "discriminator" or None.

    Channels chain as in transposed convolutions, or as in plain ones that end in one logit.
    """
    shapes = convolution_shapes(layers)
    if len(shapes) < 3 or any(layer.kind == "linear" for layer in layers):
        return None
    if any(shape[2] != shape[3] for shape in shapes):
        return None
    if all(before[1] == after[0] for before, after in pairwise(shapes)):
        return "generator"
    if all(before[0] == after[1] for before, after in pairwise(shapes)) and shapes[-1][0] == 1:
        return "discriminator"
    return None


def read_generator(
    layers: Sequence[Layer], shapes: Sequence[tuple[int, ...]]
) -> dict[str, Any] | str:
    """The generator's settings, or why this plugin cannot hold it."""
    doublings = len(shapes) - 1
    size = SIZES.get(shapes[0][2], {}).get(doublings)
    widest = shapes[0][1]
    if numbers(layers, "convolution") != [3 * i for i in range(doublings + 1)]:
        return (
            "its generator has other layers between the transposed convolutions than BatchNorm "
            "and ReLU"
        )
    if numbers(layers, "norm") != [3 * i + 1 for i in range(doublings)]:
        return "its generator has no BatchNorm after each transposed convolution but the last"
    halving = [shape[1] for shape in shapes[:-1]] == [widest >> i for i in range(doublings)]
    if size is None or not halving or any(shape[2] != 4 for shape in shapes[1:]):
        return (
            "its generator's kernels or widths are none of this plugin's (kernels of 4, widths "
            "that halve, 28 to 128 pixels)"
        )
    *inner, last = [layer.bias for layer in layers if layer.kind == "convolution"]
    return {
        "size": size,
        "channels": shapes[-1][1],
        "latent": shapes[0][0],
        "width": widest >> (doublings - 1),
        "bias": "all" if any(inner) else "needed" if last else "linear",
    }


def read_discriminator(
    layers: Sequence[Layer], shapes: Sequence[tuple[int, ...]]
) -> dict[str, Any] | str:
    """The discriminator's settings, or why this plugin cannot hold it."""
    halvings = len(shapes) - 1
    size = SIZES.get(shapes[-1][2], {}).get(halvings)
    first, norms = shapes[0][0], numbers(layers, "norm")
    first_norm = 1 in norms
    step, start = (3, 3 if first_norm else 2) if norms else (2, 2)
    places = [0, *range(start, start + step * halvings, step)]
    if numbers(layers, "convolution") != places:
        return (
            "its discriminator has other layers between the convolutions than BatchNorm and "
            "LeakyReLU"
        )
    if norms and norms != [place + 1 for place in places[not first_norm : -1]]:
        return "its discriminator's BatchNorm stands elsewhere"
    doubling = [shape[0] for shape in shapes[:-1]] == [first << i for i in range(halvings)]
    if size is None or not doubling or any(shape[2] != 4 for shape in shapes[:-1]):
        return (
            "its discriminator's kernels or widths are none of this plugin's (kernels of 4, widths "
            "that double)"
        )
    biases = {layer.number: layer.bias for layer in layers if layer.kind == "convolution"}
    normed = [biases[place] for place in places[:-1] if place + 1 in norms]
    bare = [biases[place] for place in places[:-1] if place + 1 not in norms]
    return {
        "size": size,
        "channels": shapes[0][1],
        "discriminator_width": first,
        "first_norm": first_norm,
        "discriminator_norm": "batch" if norms else "none",
        "bias": "all" if any(normed) else "needed" if any(bare) else "linear",
    }


def merge_settings(parts: Mapping[str, Part], settings: Mapping[str, dict[str, Any]]) -> Layout:
    """Generator and discriminator in one config, with the more biases of the two.

    A missing bias is loaded as zero.
    """
    generator, discriminator = settings.get("generator", {}), settings.get("discriminator", {})
    for name in ("size", "channels"):
        if generator and discriminator and generator[name] != discriminator[name]:
            return Layout(
                source=EXAMPLES,
                differs=f"generator and discriminator do not belong together: {name} "
                f"{generator[name]} and {discriminator[name]}",
            )
    bias = max((found["bias"] for found in settings.values()), key=BIASES.index)
    whole = {**discriminator, **generator, "bias": bias}
    if whole.get("discriminator_width") == whole.get("width"):
        whole.pop("discriminator_width", None)
    return Layout(source=EXAMPLES, parts=parts, settings=whole, silent=SILENT)
