"""Opens other people's checkpoints: torch's restricted unpickler or safetensors, and never code.

A pickle is a program. `torch.load(weights_only=True)` runs a fragment of its language that can build containers and tensors and
call nothing else; what it refuses is refused here too, there is no other way in. The only file that may call it."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import WeightsError
from ganzoo.zoo.weights import read_header

LARGEST = 8 * 2**30
"""Bytes of a file, packed or unpacked."""
PROGRAM, OLD = 64 * 2**20, 2**30
"""Bytes of the pickle in it, which holds no tensors' numbers; and of a file from before torch 1.6, which is one."""
MOST, DEEPEST = 20_000, 8
"""Entries, and wrappers around one another. A pickle can name one list a billion times in a few lines."""
PREFIXES = ("module", "_orig_mod")
"""Put before every name by DistributedDataParallel and by torch.compile."""
ROLES = re.compile(r"(?i)(net|model)?_?(g|d|gen|dis|disc|generator|discriminator|critic)(_?ema)?")
"""What a network is called inside a larger module."""
FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
DANGER = "a pickle that names one can run any program as it is opened"
OTHERWISE = "save the networks' state_dict() alone, or safetensors, where you trust it"


@dataclass
class Checkpoint:
    """Tensors by network, as they are called in the file; "" is a network without a name. `dropped`: what was left out, and
    why."""

    path: Path
    networks: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)

    def add(self, label: str, name: str, tensor: Tensor) -> None:
        """One tensor under its name without wrappers; a network inside a module becomes one of its own."""
        words = [word for word in name.split(".") if word]
        while words and words[0] in PREFIXES:
            words.pop(0)
        if len(words) > 2 and ROLES.fullmatch(words[0]):
            label = full(label, words.pop(0))
            while words and words[0] in PREFIXES:
                words.pop(0)
        tensors, plain = self.networks.setdefault(label, {}), ".".join(words)
        if plain in tensors:
            raise WeightsError(
                self.path, f"{full(label, plain)} is in it twice, under different wrappers"
            )
        tensors[plain] = tensor


def read(path: Path) -> Checkpoint:
    """The networks in a .pth, .pt, .ckpt or .safetensors file, on the CPU and unread until they are used. WeightsError for a
    file that is too large, no checkpoint, or needs more than containers and tensors."""
    if not path.is_file():
        raise WeightsError(path, "no such file" if not path.exists() else "not a file")
    size = path.stat().st_size
    if size > LARGEST:
        raise WeightsError(path, f"{size:,} bytes; a checkpoint may have {LARGEST:,}")
    found = Checkpoint(path)
    for label, name, value in _walk(
        _tensors(path) if path.suffix == ".safetensors" else _unpickled(path), path, found
    ):
        found.add(label, name, _checked(value, f"{label}.{name}" if label else name, path))
    if not found.networks:
        raise WeightsError(path, "no tensors in it")
    return found


def full(label: str, name: str) -> str:
    """How a tensor is called in messages."""
    return f"{label}.{name}" if label else name


def _tensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    read_header(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(path, str(error)) from None


def _unpickled(path: Path) -> Any:
    packed = zipfile.is_zipfile(path)
    if packed:
        _measure(path)
    elif path.stat().st_size > OLD:
        raise WeightsError(
            path, f"larger than {OLD:,} bytes and in the format before torch 1.6; save it anew"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=packed)
    except OSError as error:
        raise WeightsError(path, f"cannot be read ({error.strerror or error})") from None
    except Exception as error:  # the unpickler raises whatever a broken file makes it stumble over
        raise WeightsError(path, _refusal(str(error) or type(error).__name__)) from None


def _measure(path: Path) -> None:
    """WeightsError for an archive whose parts unpack to more than a checkpoint may have, before any is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise WeightsError(path, f"not a readable checkpoint ({error})") from None
    if len(parts) > MOST or sum(part.file_size for part in parts) > LARGEST:
        raise WeightsError(path, f"unpacks to more than {LARGEST:,} bytes or {MOST:,} parts")
    for part in parts:
        if part.filename.endswith("data.pkl") and part.file_size > PROGRAM:
            raise WeightsError(
                path, f"its pickle has {part.file_size:,} bytes; {PROGRAM:,} are allowed"
            )
        if part.compress_type != zipfile.ZIP_STORED and "/data/" in part.filename:
            raise WeightsError(path, "its tensors are compressed, which torch.save never does")


def _refusal(message: str) -> str:
    """What the unpickler would not do, in one line."""
    wanted = re.search(r"GLOBAL ([\w.]+)", message) or re.search(
        r"Unsupported (?:class|global)\w* ([\w.]+)", message
    )
    if wanted:
        return f"not opened: it needs {wanted[1]}, and {DANGER}; {OTHERWISE}"
    if "TorchScript" in message:
        return f"not opened: a TorchScript archive holds a program, not weights alone; {OTHERWISE}"
    if "legacy .tar" in message:
        return f"not opened: the format of torch before 0.1.10, which only an unrestricted pickle reads; {OTHERWISE}"
    plain = re.search(r"WeightsUnpickler error: ([^\n]+)", message)
    reason = (plain[1] if plain else message.strip().splitlines()[0])[:200]
    return f"not a readable checkpoint ({''.join(c if c.isprintable() else '?' for c in reason)})"


def _walk(value: Any, path: Path, found: Checkpoint) -> Iterator[tuple[str, str, Any]]:
    """(network, name, tensor) of a state dict inside any wrappers; what holds no tensors is noted as dropped."""
    if not isinstance(value, Mapping):
        raise WeightsError(path, f"holds {type(value).__name__}, not networks by name; {OTHERWISE}")
    left = [MOST]

    def entries(part: Mapping[Any, Any], label: str, depth: int) -> Iterator[tuple[str, str, Any]]:
        for key, inner in part.items():
            left[0] -= 1
            if depth > DEEPEST or left[0] < 0:
                raise WeightsError(
                    path, f"more than {MOST:,} entries, or wrapped more than {DEEPEST} times"
                )
            name = key if isinstance(key, str) and key.isprintable() else ascii(key)[:80]
            if isinstance(inner, Tensor):
                yield label, name, inner
            elif isinstance(inner, Mapping) and not _is_optimizer(inner):
                yield from entries(inner, full(label, name), depth + 1)
            else:
                kind = "an optimizer's state" if isinstance(inner, Mapping) else "no tensor"
                found.dropped.append(f"{full(label, name)}: {kind}")

    yield from entries(value, "", 0)


def _is_optimizer(value: Mapping[Any, Any]) -> bool:
    return {"state", "param_groups"} <= set(value)


def _checked(tensor: Tensor, name: str, path: Path) -> Tensor:
    """The tensor, if it is a plain one whose numbers are in the file."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
        raise WeightsError(
            path, f"{name} is sparse, quantized or without numbers; plain tensors are needed"
        )
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise WeightsError(path, f"{name} claims more numbers than the file holds")
    return tensor.detach()
