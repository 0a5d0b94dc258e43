"""Old checkpoints of DCGANs: which of them are these networks under other names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ganzoo.legacy import Layer, Layout, Part, Shapes, numbers, sequence

EXAMPLES = "pytorch/examples dcgan (one nn.Sequential)"
UPSAMPLING = "PyTorch-GAN dcgan"
SILENT = ("latent_law", "slope")
BIASES = ("linear", "needed", "all")
"""From fewest to most."""
SMALLEST = {7: {2: 28}, 4: {3: 32, 4: 64, 5: 128}}
"""Kernel that meets the smallest maps, then how often these double: the image's size."""


def read(networks: Mapping[str, Shapes]) -> Layout | None:
    """What these networks are; None where none of them looks like a DCGAN's."""
    if any(
        "l1.0.weight" in shapes and any(n.startswith("conv_blocks.") for n in shapes)
        for shapes in networks.values()
    ):
        return Layout(
            source=UPSAMPLING,
            differs="its generator enlarges by nearest neighbours before plain convolutions and normalizes by BatchNorm with "
            "epsilon 0.8; this plugin's has transposed convolutions",
        )
    parts: dict[str, Part] = {}
    settings: dict[str, dict[str, Any]] = {}
    for label, shapes in networks.items():
        layers = sequence(shapes)
        read_one = _reader(layers) if layers else None
        if layers is None or read_one is None:
            continue
        network, found = read_one
        if isinstance(found, str):
            return Layout(source=EXAMPLES, differs=found)
        parts[label] = Part(network, {layer.module: f"layers.{layer.number}" for layer in layers})
        settings[network] = found
    return _joined(parts, settings) if parts else None


def _reader(layers: Sequence[Layer]) -> tuple[str, dict[str, Any] | str] | None:
    """The network that these layers make, and its settings or why they are not ours; None for something else."""
    maps = [layer.weight for layer in layers if layer.kind == "convolution"]
    if (
        len(maps) < 3
        or any(layer.kind == "linear" for layer in layers)
        or any(w[2] != w[3] for w in maps)
    ):
        return None
    chained = list(pairwise(maps))
    if all(before[1] == after[0] for before, after in chained):
        return "generator", _generator(layers, maps)
    if all(before[0] == after[1] for before, after in chained) and maps[-1][0] == 1:
        return "discriminator", _discriminator(layers, maps)
    return None


def _generator(layers: Sequence[Layer], maps: Sequence[tuple[int, ...]]) -> dict[str, Any] | str:
    doublings = len(maps) - 1
    size = SMALLEST.get(maps[0][2], {}).get(doublings)
    widest = maps[0][1]
    if numbers(layers, "convolution") != [3 * i for i in range(doublings + 1)]:
        return "its generator has other layers between the transposed convolutions than BatchNorm and ReLU"
    if numbers(layers, "norm") != [3 * i + 1 for i in range(doublings)]:
        return "its generator has no BatchNorm after each transposed convolution but the last"
    if (
        size is None
        or any(w[2] != 4 for w in maps[1:])
        or [w[1] for w in maps[:-1]] != [widest >> i for i in range(doublings)]
    ):
        return "its generator's kernels or widths are none of this plugin's (kernels of 4, widths that halve, 28 to 128 pixels)"
    inner = [layer.bias for layer in layers if layer.kind == "convolution"]
    return {
        "size": size, "channels": maps[-1][1], "latent": maps[0][0], "width": widest >> (doublings - 1),
        "bias": "all" if any(inner[:-1]) else "needed" if inner[-1] else "linear",
    }  # fmt: skip


def _discriminator(
    layers: Sequence[Layer], maps: Sequence[tuple[int, ...]]
) -> dict[str, Any] | str:
    halvings = len(maps) - 1
    size = SMALLEST.get(maps[-1][2], {}).get(halvings)
    first, norms = maps[0][0], numbers(layers, "norm")
    first_norm = 1 in norms
    step, start = (3, 3 if first_norm else 2) if norms else (2, 2)
    places = [0, *range(start, start + step * halvings, step)]
    if numbers(layers, "convolution") != places:
        return "its discriminator has other layers between the convolutions than BatchNorm and LeakyReLU"
    if norms and norms != [place + 1 for place in places[not first_norm : -1]]:
        return "its discriminator's BatchNorm stands elsewhere"
    if (
        size is None
        or any(w[2] != 4 for w in maps[:-1])
        or [w[0] for w in maps[:-1]] != [first << i for i in range(halvings)]
    ):
        return "its discriminator's kernels or widths are none of this plugin's (kernels of 4, widths that double)"
    biases = {layer.number: layer.bias for layer in layers if layer.kind == "convolution"}
    bare = {number for number in places[:-1] if number + 1 not in norms}
    needed = any(biases[number] for number in bare)
    inner = any(biases[number] for number in places[:-1] if number not in bare)
    return {
        "size": size, "channels": maps[0][1], "discriminator_width": first, "first_norm": first_norm,
        "discriminator_norm": "batch" if norms else "none", "bias": "all" if inner else "needed" if needed else "linear",
    }  # fmt: skip


def _joined(parts: Mapping[str, Part], settings: Mapping[str, dict[str, Any]]) -> Layout:
    """Generator and discriminator in one configuration: the more biases of the two, for a bias of zero is none."""
    made, judged = settings.get("generator", {}), settings.get("discriminator", {})
    for name in ("size", "channels"):
        if made and judged and made[name] != judged[name]:
            return Layout(
                source=EXAMPLES,
                differs=f"generator and discriminator do not belong together: {name} {made[name]} and {judged[name]}",
            )
    whole = {
        **judged,
        **made,
        "bias": max((s["bias"] for s in settings.values()), key=BIASES.index),
    }
    if whole.get("discriminator_width") == whole.get("width"):
        whole.pop("discriminator_width", None)
    return Layout(source=EXAMPLES, parts=parts, settings=whole, silent=SILENT)
