"""A run's restart point: one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ganzoo.errors import RunError, WeightsError
from ganzoo.zoo.weights import read_header, save

CHECKPOINT = "checkpoint.safetensors"
Number = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True)
class Position:
    """Where training stands: `index` steps of phase number `phase` are done. `torch`, `threads`, `machine`: bits repeat
    only where these are the same."""

    phase: Number
    index: Number
    torch: str
    threads: int
    machine: str


def here(phase: int, index: int, machine: str) -> Position:
    """The position with this process's facts."""
    return Position(phase, index, str(torch.__version__), torch.get_num_threads(), machine)


def write(folder: Path, position: Position, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Tensors of several groups ("gan", "ema", "optim/<player>") at full precision, with the position in the header."""
    tensors = {
        f"{group}:{name}": tensor
        for group, found in groups.items()
        for name, tensor in found.items()
    }
    save(folder / CHECKPOINT, tensors, {"position": json.dumps(asdict(position))}, half=False)


def position(folder: Path) -> Position:
    """Where a run stands. RunError when it has no checkpoint, WeightsError for a file that is none."""
    path = folder / CHECKPOINT
    if not path.exists():
        raise RunError(f"{folder} has no checkpoint to resume from; train without --resume")
    try:
        return msgspec.json.decode(read_header(path).metadata["position"], type=Position)
    except KeyError:
        raise WeightsError(
            path, "not a checkpoint of ganzoo (its header names no position)"
        ) from None
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise WeightsError(path, f"not a checkpoint of ganzoo ({error})") from None


def read(folder: Path) -> tuple[Position, dict[str, dict[str, Tensor]]]:
    """The position and the groups, with the errors of `position`."""
    path, found = folder / CHECKPOINT, position(folder)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(path, f"not a checkpoint of ganzoo ({error})") from None
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        group, _, name = key.partition(":")
        groups.setdefault(group, {})[name] = tensor
    return found, groups


def changed(position: Position, machine: str) -> str | None:
    """Why a resumed run will not repeat bit for bit, or None."""
    now = here(0, 0, machine)
    pairs = {
        "torch": (position.torch, now.torch),
        "threads": (position.threads, now.threads),
        "machine": (position.machine, machine),
    }
    different = [f"{name} {old} -> {new}" for name, (old, new) in pairs.items() if old != new]
    return f"resumed elsewhere, so not bit for bit: {', '.join(different)}" if different else None
