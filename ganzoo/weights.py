"""Weights as bytes: safetensors in and out, strict, never a pickle. Importing this module does not import torch."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from ganzoo.errors import WeightsError
from ganzoo.manifest import Record
from ganzoo.version import VERSION

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.gan import GAN

MODEL, TRAINING, CONFIG = "model.safetensors", "training.safetensors", "config.json"
HEADER_LIMIT = 25_000_000
_Size = Annotated[int, msgspec.Meta(ge=0)]


class ModelConfig(Record, frozen=True, kw_only=True):
    """config.json of a published model or a run: what to build. `networks`: those in model.safetensors."""

    format: int = 1
    library_name: str = "ganzoo"
    plugin: str
    distribution: str
    version: str
    networks: list[str]
    config: dict[str, Any]


class _Place(Record, frozen=True):
    """What a safetensors header says of one tensor; the offsets count from the header's end."""

    dtype: str
    shape: tuple[_Size, ...]
    data_offsets: tuple[_Size, _Size]


@dataclass(frozen=True)
class Header:
    """What a safetensors file says of itself: shape and dtype by tensor name, and its metadata."""

    tensors: dict[str, tuple[str, tuple[int, ...]]]
    metadata: dict[str, str]


def read_header(path: Path) -> Header:
    """The header of a safetensors file, read without torch. WeightsError when it is cut, foreign or not safetensors."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            first = file.read(8)
            length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
            if not 2 <= length <= min(HEADER_LIMIT, size - 8):
                raise WeightsError(path, "not a safetensors file, or cut short; pull it again")
            raw = msgspec.json.decode(file.read(length), type=dict[str, Any])
        metadata = msgspec.convert(raw.pop("__metadata__", {}), dict[str, str])
        entries = msgspec.convert(raw, dict[str, _Place])
    except FileNotFoundError:
        raise WeightsError(path, "no such file") from None
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise WeightsError(path, f"not a readable safetensors file ({error})") from None
    whole = 8 + length + max((entry.data_offsets[1] for entry in entries.values()), default=0)
    if size != whole:
        raise WeightsError(path, f"{size} bytes, its header says {whole}: cut short or altered")
    return Header({name: (entry.dtype, entry.shape) for name, entry in entries.items()}, metadata)


def read_config(folder: Path) -> ModelConfig:
    """config.json of a model folder, read as strictly as a user's own settings."""
    path = folder / CONFIG
    try:
        found = msgspec.json.decode(path.read_bytes(), type=ModelConfig)
    except OSError:
        raise WeightsError(path, "no such file: not a folder of a ganzoo model or run") from None
    except msgspec.DecodeError as error:
        raise WeightsError(path, str(error)) from None
    if found.library_name != "ganzoo" or found.format != 1:
        raise WeightsError(path, f"format {found.format} of library {found.library_name!r} is not known to ganzoo {VERSION}")
    return found


def write_json(path: Path, value: Any) -> None:
    """JSON, indented, in one atomic step."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
    with replacing(path) as temporary:
        temporary.write_bytes(text)


class replacing:
    """Context giving a temporary path; on success it takes the place of `path` at once, on failure it is removed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")

    def __enter__(self) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.temporary

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is not None:
            self.temporary.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.filename is None:  # a full disk names no file
                error.filename = str(self.path)
            return
        self.temporary.chmod(0o644)  # safetensors writes for the owner alone
        with self.temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(self.temporary, self.path)


def save(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], *, half: bool = True) -> None:
    """Write tensors atomically. `half`: matrices and kernels as float16 where that is finite, vectors as they are."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    def stored(tensor: Tensor) -> Tensor:
        tensor = tensor.detach().cpu()
        if half and tensor.ndim >= 2 and tensor.dtype == torch.float32:
            small = tensor.half()
            tensor = small if bool(torch.isfinite(small).all()) else tensor
        return tensor.contiguous().clone()

    with replacing(path) as temporary:
        try:
            save_file({name: stored(t) for name, t in tensors.items()}, temporary, {"format": "pt", **metadata})
        except SafetensorError as error:
            raise WeightsError(path, f"cannot be written ({error})") from None


def load(path: Path, into: Mapping[str, Tensor]) -> None:
    """Copy a file's tensors into live ones, which keep their dtype, device and memory format.

    Strict: WeightsError lists missing, unexpected and ill-shaped names before anything is read."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    check_shapes(path, {name: tuple(tensor.shape) for name, tensor in into.items()})
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(path, str(error)) from None
    with torch.no_grad():
        for name, tensor in tensors.items():
            into[name].copy_(tensor)


def check_shapes(path: Path, expected: Mapping[str, tuple[int, ...]]) -> None:
    """WeightsError unless the file holds exactly the `expected` names and shapes."""
    found = {name: shape for name, (_, shape) in read_header(path).tensors.items()}
    problems = [
        *_problem("missing", sorted(set(expected) - set(found))),
        *_problem("unexpected", sorted(set(found) - set(expected))),
        *_problem(
            "of another shape",
            [f"{n} {list(found[n])}, expected {list(expected[n])}" for n in expected if found.get(n, expected[n]) != expected[n]],
        ),
    ]
    if problems:
        raise WeightsError(path, "does not fit its configuration: " + "; ".join(problems))


def networks(gan: GAN[Any], names: tuple[str, ...] | list[str]) -> dict[str, Tensor]:
    """Live parameters and buffers of the named networks, keyed as in a published file (`generator.0.weight`)."""
    return {f"{name}.{key}": tensor for name in names for key, tensor in gan.get_submodule(name).state_dict().items()}


def metadata(config: ModelConfig) -> dict[str, str]:
    """The strings a published file carries beside its tensors."""
    return {
        "plugin": config.plugin,
        "distribution": config.distribution,
        "version": config.version,
        "config": json.dumps(config.config, sort_keys=True),
    }


def _problem(kind: str, names: list[str]) -> list[str]:
    return [f"{kind}: {', '.join(names[:6])}{f' and {len(names) - 6} more' if len(names) > 6 else ''}"] if names else []
