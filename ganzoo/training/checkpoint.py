"""A run's checkpoint: one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ganzoo.errors import RunError, WeightsError
from ganzoo.training.recipe import NonNegative
from ganzoo.zoo.weights import read_header, save_tensors

CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Position:
    """Where training stands: `index` steps of phase number `phase` are done.

    A resumed run repeats bit for bit only on the same `torch`, `threads` and `machine`.
    """

    phase: NonNegative
    index: NonNegative
    torch: str
    threads: int
    machine: str


def describe_position(phase: int, index: int, machine: str) -> Position:
    """A position in this process."""
    return Position(phase, index, str(torch.__version__), torch.get_num_threads(), machine)


def write_checkpoint(
    folder: Path, position: Position, groups: Mapping[str, Mapping[str, Tensor]]
) -> None:
    """Write tensors by group ("gan", "ema", "optim/<player>"), unrounded, and the position."""
    tensors = {
        f"{group}:{name}": tensor
        for group, found in groups.items()
        for name, tensor in found.items()
    }
    save_tensors(
        folder / CHECKPOINT, tensors, {"position": json.dumps(asdict(position))}, half=False
    )


def read_position(folder: Path) -> Position:
    """The position alone. RunError without a checkpoint, WeightsError for another file."""
    path = folder / CHECKPOINT
    if not path.exists():
        raise RunError(f"{folder} has no checkpoint to resume from; train without --resume")
    try:
        return msgspec.json.decode(read_header(path).metadata["position"], type=Position)
    except KeyError:
        raise WeightsError(path, "not a ganzoo checkpoint (its header has no position)") from None
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise WeightsError(path, f"not a ganzoo checkpoint ({error})") from None


def read_checkpoint(folder: Path) -> tuple[Position, dict[str, dict[str, Tensor]]]:
    """The position and the tensors by group. Errors as of `read_position`."""
    path, position = folder / CHECKPOINT, read_position(folder)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(path, f"not a ganzoo checkpoint ({error})") from None
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        group, _, name = key.partition(":")
        groups.setdefault(group, {})[name] = tensor
    return position, groups


def compare_machines(position: Position, machine: str) -> str | None:
    """Why a run that resumes here will not repeat bit for bit, or None."""
    here = describe_position(0, 0, machine)
    changes = []
    for name in ("torch", "threads", "machine"):
        old, new = getattr(position, name), getattr(here, name)
        if old != new:
            changes.append(f"{name} {old} -> {new}")
    return f"resumed elsewhere, so not bit for bit: {', '.join(changes)}" if changes else None
