"""Read other people's checkpoints, with torch's restricted unpickler or safetensors.

A pickle is a program. `torch.load(weights_only=True)` runs the part of its language that builds
containers and tensors; what it refuses is refused here as well, so no code in them runs. No other
file may call it."""

from __future__ import annotations

import itertools
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

LARGEST_CHECKPOINT = 8 * 2**30
"""Bytes of a file, packed or unpacked."""
LARGEST_PICKLE = 64 * 2**20
"""Bytes of the pickle in an archive, which does not hold the tensors' numbers."""
LARGEST_LEGACY = 2**30
"""Bytes of a file in the format before torch 1.6, which is one pickle."""
MOST_ENTRIES, DEEPEST = 20_000, 8
"""Limits of entries and nesting. A few lines of pickle can name one list a billion times."""
PREFIXES = ("module", "_orig_mod")
"""What DistributedDataParallel and torch.compile put before every name."""
ROLES = re.compile(r"(?i)(net|model)?_?(g|d|gen|dis|disc|generator|discriminator|critic)(_?ema)?")
"""Names of a network inside a larger module."""
IMPORTED_FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
DANGER = "a pickle that names one can run any program when it is opened"
REMEDY = "if you trust it, save the networks' state_dict() alone, or use safetensors"


@dataclass
class Checkpoint:
    """Tensors by network, under their names in the file; "" is a network without a name.

    `dropped`: what is left out, and why."""

    path: Path
    networks: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)

    def add(self, label: str, name: str, tensor: Tensor) -> None:
        """Add a tensor without wrappers in its name; a network in a module is one of its own."""
        words = [word for word in name.split(".") if word]
        while words and words[0] in PREFIXES:
            words.pop(0)
        if len(words) > 2 and ROLES.fullmatch(words[0]):
            label = join_name(label, words.pop(0))
            while words and words[0] in PREFIXES:
                words.pop(0)
        tensors = self.networks.setdefault(label, {})
        plain = ".".join(words)
        if plain in tensors:
            full = join_name(label, plain)
            raise WeightsError(self.path, f"{full} is in it twice, under different wrappers")
        tensors[plain] = tensor


def read_foreign_checkpoint(path: Path) -> Checkpoint:
    """The networks in a .pth, .pt, .ckpt or .safetensors file, on the CPU.

    WeightsError for a file that is too large, no checkpoint, or needs more than containers and
    tensors."""
    if not path.is_file():
        raise WeightsError(path, "no such file" if not path.exists() else "not a file")
    size = path.stat().st_size
    if size > LARGEST_CHECKPOINT:
        raise WeightsError(path, f"{size:,} bytes; at most {LARGEST_CHECKPOINT:,} are read")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        read_header(path)
        try:
            content: Any = load_file(path)
        except (SafetensorError, OSError) as error:
            raise WeightsError(path, str(error)) from None
    else:
        content = _unpickle(path)
    if not isinstance(content, Mapping):
        raise WeightsError(path, f"holds {type(content).__name__}, not networks by name; {REMEDY}")
    checkpoint = Checkpoint(path)
    for label, name, tensor in _walk_tensors(content, checkpoint, itertools.count(1)):
        full = join_name(label, name)
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise WeightsError(
                path, f"{full} is sparse, quantized or without numbers; plain tensors are needed"
            )
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise WeightsError(path, f"{full} claims more numbers than the file holds")
        checkpoint.add(label, name, tensor.detach())
    if not checkpoint.networks:
        raise WeightsError(path, "no tensors in it")
    return checkpoint


def join_name(label: str, name: str) -> str:
    return f"{label}.{name}" if label else name


def _unpickle(path: Path) -> Any:
    """What the restricted unpickler makes of the file; WeightsError for all that it refuses."""
    is_archive = zipfile.is_zipfile(path)
    if is_archive:
        _check_archive(path)
    elif path.stat().st_size > LARGEST_LEGACY:
        problem = f"more than {LARGEST_LEGACY:,} bytes in the format before torch 1.6"
        raise WeightsError(path, f"{problem}; save it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)
    except OSError as error:
        raise WeightsError(path, f"cannot be read ({error.strerror or error})") from None
    except Exception as error:  # a broken file makes the unpickler raise anything
        message = str(error) or type(error).__name__
    needed = re.search(r"GLOBAL ([\w.]+)", message) or re.search(
        r"Unsupported (?:class|global)\w* ([\w.]+)", message
    )
    if needed:
        problem = f"not opened: it needs {needed[1]}, and {DANGER}; {REMEDY}"
    elif "TorchScript" in message:
        problem = f"not opened: a TorchScript archive holds a program, not only weights; {REMEDY}"
    elif "legacy .tar" in message:
        problem = (
            "not opened: the format of torch before 0.1.10, which only an unrestricted pickle "
            f"reads; {REMEDY}"
        )
    else:
        found = re.search(r"WeightsUnpickler error: ([^\n]+)", message)
        reason = (found[1] if found else message.strip().splitlines()[0])[:200]
        printable = "".join(c if c.isprintable() else "?" for c in reason)
        problem = f"not a readable checkpoint ({printable})"
    raise WeightsError(path, problem)


def _check_archive(path: Path) -> None:
    """WeightsError, before anything is unpacked, for an archive with parts that are too large."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise WeightsError(path, f"not a readable checkpoint ({error})") from None
    size = sum(part.file_size for part in parts)
    if len(parts) > MOST_ENTRIES or size > LARGEST_CHECKPOINT:
        raise WeightsError(
            path, f"unpacks to more than {LARGEST_CHECKPOINT:,} bytes or {MOST_ENTRIES:,} parts"
        )
    for part in parts:
        if part.filename.endswith("data.pkl") and part.file_size > LARGEST_PICKLE:
            raise WeightsError(
                path, f"its pickle has {part.file_size:,} bytes; {LARGEST_PICKLE:,} are allowed"
            )
        if part.compress_type != zipfile.ZIP_STORED and "/data/" in part.filename:
            raise WeightsError(path, "its tensors are compressed, which torch.save never does")


def _walk_tensors(
    content: Mapping[Any, Any],
    checkpoint: Checkpoint,
    entries: Iterator[int],
    label: str = "",
    depth: int = 0,
) -> Iterator[tuple[str, str, Tensor]]:
    """(network, name, tensor) of a state dict inside any wrappers; adds the rest to `dropped`.

    `entries` counts those of the whole file."""
    for key, value in content.items():
        if depth > DEEPEST or next(entries) > MOST_ENTRIES:
            raise WeightsError(
                checkpoint.path,
                f"more than {MOST_ENTRIES:,} entries, or nested more than {DEEPEST} deep",
            )
        name = key if isinstance(key, str) and key.isprintable() else ascii(key)[:80]
        if isinstance(value, Tensor):
            yield label, name, value
        elif not isinstance(value, Mapping):
            checkpoint.dropped.append(f"{join_name(label, name)}: no tensor")
        elif {"state", "param_groups"} <= set(value):
            checkpoint.dropped.append(f"{join_name(label, name)}: an optimizer's state")
        else:
            yield from _walk_tensors(value, checkpoint, entries, join_name(label, name), depth + 1)
