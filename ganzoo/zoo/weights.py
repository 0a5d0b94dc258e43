"""Weights as bytes: safetensors in and out, strict, never a pickle. Importing this module does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from ganzoo.errors import WeightsError
from ganzoo.files import Record, decode_json, read_limited, replacing
from ganzoo.version import VERSION
from ganzoo.zoo.header import HEADER_LIMIT as HEADER_LIMIT
from ganzoo.zoo.header import TORCH
from ganzoo.zoo.header import Header as Header
from ganzoo.zoo.header import read_header as read_header
from ganzoo.zoo.manifest import File, FileName

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.gan import GAN

MODEL, TRAINING, CONFIG = "model.safetensors", "training.safetensors", "config.json"
CONFIG_LIMIT = 1_000_000
FLOATS = frozenset(("float32", "float16", "bfloat16"))
"""Dtypes of which a file may hold one where the networks hold another."""
_Plugin = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_]{0,63}\Z")]
_Words = Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]*\Z")]
_Network = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}\Z")]


class ModelConfig(Record, frozen=True, kw_only=True):
    """config.json of a published model or a run: what to build. `networks`: those in model.safetensors; `files`: sizes and
    hashes of what is published beside it."""

    format: int = 1
    library_name: str = "ganzoo"
    plugin: _Plugin
    distribution: _Words
    version: _Words
    networks: Annotated[list[_Network], msgspec.Meta(max_length=64)]
    config: dict[str, Any]
    files: Annotated[dict[FileName, File], msgspec.Meta(max_length=1000)] = {}


def read_config(folder: Path) -> ModelConfig:
    """config.json of a model folder, read as strictly as a user's own settings."""
    path = folder / CONFIG
    try:
        found = decode_json(read_limited(path, CONFIG_LIMIT), ModelConfig)
    except FileNotFoundError:
        raise WeightsError(path, "no such file: not a folder of a ganzoo model or run") from None
    except OSError as error:
        raise WeightsError(path, f"cannot be read ({error.strerror})") from None
    except msgspec.DecodeError as error:
        raise WeightsError(path, str(error)) from None
    if found.library_name != "ganzoo" or found.format != 1:
        raise WeightsError(
            path,
            f"format {found.format} of library {found.library_name!r} is not known to ganzoo {VERSION}",
        )
    return found


def save(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], *, half: bool = True
) -> None:
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
            save_file(
                {name: stored(t) for name, t in tensors.items()},
                temporary,
                {"format": "pt", **metadata},
            )
        except SafetensorError as error:
            raise WeightsError(path, f"cannot be written ({error})") from None


def load(path: Path, into: Mapping[str, Tensor]) -> None:
    """Copy a file's tensors into live ones, which keep their dtype, device and memory format; one is read at a time.

    Strict: WeightsError lists missing, unexpected and ill-shaped names before anything is read, and refuses a dtype that is
    not the live one's, but for float32, float16 and bfloat16."""
    import torch
    from safetensors import SafetensorError, safe_open

    header = check_shapes(path, {name: tuple(tensor.shape) for name, tensor in into.items()})
    _check_dtypes(path, header, into)
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
    other = [name for name, shape in expected.items() if found.get(name, shape) != shape]
    _refuse(
        path,
        *_problem("missing", sorted(set(expected) - set(found))),
        *_problem("unexpected", sorted(set(found) - set(expected))),
        *_problem(
            "of another shape",
            [f"{n} {list(found[n])}, expected {list(expected[n])}" for n in other],
        ),
    )
    return header


def _check_dtypes(path: Path, header: Header, into: Mapping[str, Tensor]) -> None:
    """WeightsError where a tensor would be cast into another kind of number, or lose more than float16 does."""
    found = {name: TORCH[dtype] for name, (dtype, _) in header.tensors.items()}
    expected = {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in into.items()}
    other = [
        name
        for name, dtype in expected.items()
        if found[name] != dtype and not {found[name], dtype} <= FLOATS
    ]
    _refuse(
        path,
        *_problem("of another dtype", [f"{n} {found[n]}, expected {expected[n]}" for n in other]),
    )


def _refuse(path: Path, *problems: str) -> None:
    if problems:
        raise WeightsError(path, "does not fit its configuration: " + "; ".join(problems))


def networks(gan: GAN[Any], names: tuple[str, ...] | list[str]) -> dict[str, Tensor]:
    """Live parameters and buffers of the named networks, keyed as in a published file (`generator.0.weight`)."""
    return {
        f"{name}.{key}": tensor
        for name in names
        for key, tensor in gan.get_submodule(name).state_dict().items()
    }


def metadata(config: ModelConfig) -> dict[str, str]:
    """The strings a published file carries beside its tensors."""
    import json

    return {
        "plugin": config.plugin,
        "distribution": config.distribution,
        "version": config.version,
        "config": json.dumps(config.config, sort_keys=True),
    }


def _problem(kind: str, names: list[str]) -> list[str]:
    return (
        [f"{kind}: {', '.join(names[:6])}{f' and {len(names) - 6} more' if len(names) > 6 else ''}"]
        if names
        else []
    )
