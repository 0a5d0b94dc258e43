"""Weights in safetensors: read and written strictly, never from a pickle.

Imports torch only when tensors are loaded or saved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from ganzoo.errors import WeightsError
from ganzoo.files import Record, decode_json, read_limited, replacing
from ganzoo.version import VERSION
from ganzoo.zoo.header import HEADER_LIMIT as HEADER_LIMIT
from ganzoo.zoo.header import TORCH_NAMES
from ganzoo.zoo.header import Header as Header
from ganzoo.zoo.header import read_header as read_header
from ganzoo.zoo.manifest import File, FileName

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.gan import GAN

MODEL, TRAINING, CONFIG = "model.safetensors", "training.safetensors", "config.json"
CONFIG_LIMIT = 1_000_000
CASTABLE = frozenset(("float32", "float16", "bfloat16"))
"""Dtypes that are cast to each other on loading."""
SHOWN = 6
"""Tensor names that an error lists."""
_Plugin = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_]{0,63}\Z")]
_Line = Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]*\Z")]
_Network = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}\Z")]


class ModelConfig(Record, frozen=True, kw_only=True):
    """config.json of a published model or a run.

    `networks`: those in model.safetensors; `files`: sizes and hashes of the published files."""

    format: int = 1
    library_name: str = "ganzoo"
    plugin: _Plugin
    distribution: _Line
    version: _Line
    networks: Annotated[list[_Network], msgspec.Meta(max_length=64)]
    config: dict[str, Any]
    files: Annotated[dict[FileName, File], msgspec.Meta(max_length=1000)] = {}


def read_config(folder: Path) -> ModelConfig:
    """Read config.json of a model folder; unknown keys are errors."""
    path = folder / CONFIG
    try:
        config = decode_json(read_limited(path, CONFIG_LIMIT), ModelConfig)
    except FileNotFoundError:
        raise WeightsError(path, "no such file: not a folder of a ganzoo model or run") from None
    except OSError as error:
        raise WeightsError(path, f"cannot be read ({error.strerror})") from None
    except msgspec.DecodeError as error:
        raise WeightsError(path, str(error)) from None
    if config.library_name != "ganzoo" or config.format != 1:
        raise WeightsError(
            path,
            f"format {config.format} of library {config.library_name!r} "
            f"is not known to ganzoo {VERSION}",
        )
    return config


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], *, half: bool = True
) -> None:
    """Write tensors atomically. `half`: store float32 tensors of 2 or more dimensions as float16
    unless a value overflows."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    stored = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu()
        if half and tensor.ndim >= 2 and tensor.dtype == torch.float32:
            small = tensor.half()
            tensor = small if bool(torch.isfinite(small).all()) else tensor
        stored[name] = tensor.contiguous().clone()
    with replacing(path) as temporary:
        try:
            save_file(stored, temporary, {"format": "pt", **metadata})
        except SafetensorError as error:
            raise WeightsError(path, f"cannot be written ({error})") from None


def load_tensors(path: Path, into: Mapping[str, Tensor]) -> None:
    """Copy a file's tensors into live ones, one at a time; these keep dtype, device and layout.

    Strict: WeightsError lists missing, unexpected and misshapen tensors before any is read. A
    dtype must match, except that float32, float16 and bfloat16 are cast to each other."""
    import torch
    from safetensors import SafetensorError, safe_open

    header = check_shapes(path, {name: tuple(tensor.shape) for name, tensor in into.items()})
    mismatches = []
    for name, tensor in into.items():
        found = TORCH_NAMES[header.tensors[name][0]]
        expected = str(tensor.dtype).removeprefix("torch.")
        if found != expected and not {found, expected} <= CASTABLE:
            mismatches.append(f"{name} {found}, expected {expected}")
    _refuse(path, {"of another dtype": mismatches})
    try:
        with safe_open(path, "pt") as file, torch.no_grad():
            for name, tensor in into.items():
                tensor.copy_(file.get_tensor(name))
    except (SafetensorError, OSError) as error:
        raise WeightsError(path, str(error)) from None


def check_shapes(path: Path, expected: Mapping[str, tuple[int, ...]]) -> Header:
    """The file's header; WeightsError unless it holds exactly the `expected` names and shapes."""
    header = read_header(path)
    found = {name: shape for name, (_, shape) in header.tensors.items()}
    misshapen = []
    for name, shape in expected.items():
        if found.get(name, shape) != shape:
            misshapen.append(f"{name} {list(found[name])}, expected {list(shape)}")
    _refuse(
        path,
        {
            "missing": sorted(set(expected) - set(found)),
            "unexpected": sorted(set(found) - set(expected)),
            "of another shape": misshapen,
        },
    )
    return header


def collect_tensors(gan: GAN[Any], names: Sequence[str]) -> dict[str, Tensor]:
    """Parameters and buffers of the named networks, by name in a file (`generator.0.weight`)."""
    return {
        f"{name}.{key}": tensor
        for name in names
        for key, tensor in gan.get_submodule(name).state_dict().items()
    }


def build_metadata(config: ModelConfig) -> dict[str, str]:
    """Metadata in the header of a published file."""
    import json

    return {
        "plugin": config.plugin,
        "distribution": config.distribution,
        "version": config.version,
        "config": json.dumps(config.config, sort_keys=True),
    }


def _refuse(path: Path, problems: Mapping[str, Sequence[str]]) -> None:
    """Raise WeightsError if any kind of problem has tensors."""
    parts = []
    for kind, names in problems.items():
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            parts.append(f"{kind}: {', '.join(names[:SHOWN])}{more}")
    if parts:
        raise WeightsError(path, "does not fit its config: " + "; ".join(parts))
