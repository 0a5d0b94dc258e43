"""Old checkpoints as a plugin sees them: names and shapes in, a layout of its networks out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Shapes = Mapping[str, tuple[int, ...]]
"""Names of one network's tensors, without wrappers, and their shapes."""
SEQUENTIAL = re.compile(r"(?:([\w.]+)\.)?(\d{1,4})\.(\w+)")
NORM, KINDS = "running_mean", {2: "linear", 4: "convolution"}


@dataclass(frozen=True)
class Part:
    """One network of the file as one of the plugin's.

    `modules`: old module -> new module, each within its network (`main.0` -> `layers.0`).
    Parameters keep their names within a module. A bias that the file lacks is zero."""

    network: str
    modules: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a plugin reads a file.

    `source`: whose layout it is, in words. `parts`: by the networks' names in the file. `settings`:
    what the shapes decide of the config. `silent`: settings that affect samples and are not in the
    file. `differs`: why the plugin's networks cannot hold these; the other fields are then
    unused."""

    source: str
    parts: Mapping[str, Part] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    differs: str = ""


class Layer(NamedTuple):
    """A layer with weights in an `nn.Sequential`.

    `kind`: linear, convolution (transposed or not) or norm. `weight`: its shape; for a norm without
    weights, that of its statistics."""

    module: str
    number: int
    kind: str
    weight: tuple[int, ...]
    bias: bool


def sequence(shapes: Shapes) -> list[Layer] | None:
    """The layers of one `nn.Sequential` in order (`main.0.weight`, `0.weight`), or None."""
    found: dict[tuple[str, int], dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        match = SEQUENTIAL.fullmatch(name)
        if match is None:
            return None
        found.setdefault((match[1] or "", int(match[2])), {})[match[3]] = shape
    if len({stem for stem, _ in found}) != 1:
        return None
    layers = []
    for (stem, number), tensors in sorted(found.items()):
        weight = tensors.get("weight", tensors.get(NORM, ()))
        kind = "norm" if NORM in tensors else KINDS.get(len(weight))
        if kind is None:
            return None
        module = f"{stem}.{number}" if stem else str(number)
        layers.append(Layer(module, number, kind, weight, "bias" in tensors))
    return layers


def numbers(layers: Iterable[Layer], kind: str) -> list[int]:
    """Positions of the layers of one kind."""
    return [layer.number for layer in layers if layer.kind == kind]
