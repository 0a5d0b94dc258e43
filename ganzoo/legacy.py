"""Old checkpoints, as a plugin sees them: names and shapes of their networks in, a layout of its own networks out. Light."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Shapes = Mapping[str, tuple[int, ...]]
"""Names of one network's tensors, without wrappers, and their shapes."""
SEQUENTIAL = re.compile(r"(?:([\w.]+)\.)?(\d{1,4})\.(\w+)")
NORM = "running_mean"


@dataclass(frozen=True)
class Part:
    """One network of the file as one of the plugin's. `modules`: old module -> new module, both within their network
    (`main.0` -> `layers.0`). Parameters keep their names below; a bias that the file lacks is zero, which is the same map."""

    network: str
    modules: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a plugin makes of a file. `source`: whose layout it is, in words; `parts`: by the networks' names in the file;
    `settings`: what shapes decide of the configuration; `silent`: settings that bear on the samples and leave no trace in a
    file. `differs`: why the plugin's networks cannot hold these; the rest has no meaning then."""

    source: str
    parts: Mapping[str, Part] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    differs: str = ""


class Layer(NamedTuple):
    """A layer with weights in an `nn.Sequential`. `kind`: linear, convolution (transposed or not) or norm; `weight`: its
    shape, of a norm without one that of its statistics."""

    module: str
    number: int
    kind: str
    weight: tuple[int, ...]
    bias: bool


def sequence(shapes: Shapes) -> list[Layer] | None:
    """The layers of a network that is one `nn.Sequential`, by place (`main.0.weight`, `0.weight`); None for any other."""
    found: dict[tuple[str, int], dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        match = SEQUENTIAL.fullmatch(name)
        if match is None:
            return None
        found.setdefault((match[1] or "", int(match[2])), {})[match[3]] = shape
    if len({stem for stem, _ in found}) != 1:
        return None
    layers = [_layer(stem, number, found[stem, number]) for stem, number in sorted(found)]
    return layers if all(layer.kind for layer in layers) else None


def numbers(layers: Iterable[Layer], kind: str) -> list[int]:
    """Places of the layers of one kind."""
    return [layer.number for layer in layers if layer.kind == kind]


def _layer(stem: str, number: int, tensors: Mapping[str, tuple[int, ...]]) -> Layer:
    weight = tensors.get("weight", tensors.get(NORM, ()))
    kind = "norm" if NORM in tensors else {2: "linear", 4: "convolution"}.get(len(weight), "")
    return Layer(
        f"{stem}.{number}" if stem else str(number), number, kind, weight, "bias" in tensors
    )
