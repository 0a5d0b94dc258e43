"""From the requested inputs to batches of tensors."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import InputError, did_you_mean, near
from ganzoo.inputs import Image, Input, Rows
from ganzoo.pictures import images
from ganzoo.spec import Output

GRID_LINE = 8
"""Samples per class or prompt where several are requested: one line of the grid."""


def draw_seed() -> int:
    """A random seed, short enough to be typed."""
    return secrets.randbelow(2**31)


def check_names(inputs: Mapping[str, Input], given: Iterable[str]) -> None:
    """InputError for a name that the model does not take."""
    for name in given:
        if name not in inputs:
            known = ", ".join(f"{key} ({spec.describe()})" for key, spec in inputs.items())
            hint = did_you_mean(near(name, inputs))
            raise InputError(name, f"this model has no such input{hint}; it takes: {known}")


def list_prompts(inputs: Mapping[str, Input], given: Mapping[str, Any]) -> tuple[str, ...]:
    """The given prompts where there are several; else none."""
    for name, spec in inputs.items():
        prompts = spec.prompts(given[name]) if name in given else []
        if len(prompts) > 1:
            return tuple(prompts)
    return ()


def count_kinds(inputs: Mapping[str, Input], given: Mapping[str, Any]) -> int:
    """Classes and prompts that are requested."""
    return sum(spec.count(given[name]) for name, spec in inputs.items() if name in given)


def default_count(inputs: Mapping[str, Input], output: Output, given: Mapping[str, Any]) -> int:
    """Number of samples where none is requested.

    One per given image, a grid line per given class or prompt, else what suits the output.
    """
    for name, spec in inputs.items():
        if isinstance(spec, Image):
            value = given.get(name)
            many = isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) == 4
            return len(value) if many and value is not None else 1
    kinds = count_kinds(inputs, given)
    return GRID_LINE * kinds if kinds > 1 else output.default_count


def choose_columns(inputs: Mapping[str, Input], given: Mapping[str, Any], n: int) -> int | None:
    """Columns that give each class or prompt lines of its own; None where that is not possible."""
    kinds = count_kinds(inputs, given)
    return n // kinds if kinds > 1 and n % kinds == 0 else None


def open_images(inputs: Mapping[str, Input], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with image files and PIL images replaced by tensors."""
    opened = dict(values)
    for name, value in values.items():
        spec = inputs[name]
        if isinstance(spec, Image) and not isinstance(value, Tensor):
            many = isinstance(value, Sequence) and not isinstance(value, str)
            opened[name] = images.read_inputs(list(value) if many else [value], spec, name)
    return opened


def batch_inputs(
    inputs: Mapping[str, Input], values: Mapping[str, Any], rows: Rows, size: int
) -> Iterator[dict[str, Tensor]]:
    """The inputs of `rows`, `size` rows at a time: given values parsed, the others drawn."""
    check_names(inputs, values)
    opened = open_images(inputs, values)
    held = any(inputs[name].sweeps(value) for name, value in values.items())
    parts = rows.split(size, held) if held or size < rows.count else [rows]

    def fill(part: Rows) -> dict[str, Tensor]:
        batch = {}
        for name, spec in inputs.items():
            if name in opened:
                batch[name] = spec.parse(opened[name], name, part)
            else:
                batch[name] = spec.draw(name, part)
        return batch

    return map(fill, parts)


def move_to_device(inputs: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Inputs on `device`, images channels-last."""
    moved = {}
    for name, tensor in inputs.items():
        tensor = tensor.to(device, non_blocking=True)
        if tensor.ndim == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        moved[name] = tensor
    return moved
