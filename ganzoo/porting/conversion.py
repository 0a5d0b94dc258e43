"""Map the tensors of an old checkpoint to a plugin's names, all of them or none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from ganzoo.config import convert, override
from ganzoo.errors import GanzooError, UsageError, WeightsError
from ganzoo.gan import GAN
from ganzoo.legacy import Layout, Part
from ganzoo.plugin import Plugin
from ganzoo.porting.checkpoint import (
    IMPORTED_FLOATS,
    Checkpoint,
    join_name,
    read_foreign_checkpoint,
)
from ganzoo.sampling.assembly import outline
from ganzoo.zoo import registry, weights

COUNTER = "num_batches_tracked"
UNSUPPORTED = {
    r"model\.\d+\.conv_block\.\d+\.weight": "a ResNet generator of pytorch-CycleGAN-and-pix2pix",
    r"model\.model\.\d+\.(weight|model\..*)": "a U-Net generator of pytorch-CycleGAN-and-pix2pix",
}
"""Patterns of tensor names in known checkpoints that no plugin here reads."""


class MappedTensor(msgspec.Struct, frozen=True):
    """A tensor's name in the file and in ganzoo.

    `old` is None where the file lacks it and it is zero, which does not change the output."""

    old: str | None
    new: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Conversion:
    """A whole model under new names. `tensors`: by new name, float32."""

    plugin: Plugin[Any]
    config: Any
    layout: Layout
    rows: list[MappedTensor]
    tensors: dict[str, Tensor]
    dropped: list[str]
    outline: GAN[Any]


def convert_checkpoints(
    paths: Sequence[Path], name: str, changes: Mapping[str, str], drop: Iterable[str] = ()
) -> Conversion:
    """The networks of these files as those of the plugin `name`.

    Among several files, a network without a name gets that of its file. `changes`: settings by
    name; they override what the shapes decide. `drop`: networks or tensors to leave out.
    WeightsError, with names and shapes, where a tensor of the file has no place in the plugin's
    networks or one of theirs is missing."""
    plugin = registry.get(name)
    if plugin.legacy is None:
        readers = []
        for other in registry.list_names():
            with suppress(GanzooError):  # a broken plugin is not listed
                readers += [other] if registry.get(other).legacy else []
        known = ", ".join(readers) or "none"
        raise UsageError(f"plugin {name!r} reads no old checkpoints; these do: {known}")
    checkpoint = Checkpoint(paths[0])
    for path, read in [(path, read_foreign_checkpoint(path)) for path in paths]:
        for label, networks in read.networks.items():
            key = label if len(paths) == 1 else label or path.stem
            if key in checkpoint.networks:
                raise WeightsError(
                    path, f"a second network called {key!r}; give files of different networks"
                )
            checkpoint.networks[key] = networks
        checkpoint.dropped += read.dropped
    _drop(checkpoint, drop)
    layout = _recognise(plugin, checkpoint)
    where = f"{checkpoint.path}: as {name}"
    config = override(convert(dict(layout.settings), plugin.config, where), changes)
    empty = outline(plugin, config)
    rows, tensors = _map_tensors(checkpoint, layout.parts, empty)
    return Conversion(plugin, config, layout, rows, tensors, checkpoint.dropped, empty)


def _drop(checkpoint: Checkpoint, names: Iterable[str]) -> None:
    """Remove networks and tensors by name; UsageError for a name that is not in the file."""
    for unwanted in names:
        found = [
            (label, name)
            for label, name, _ in _list_tensors(checkpoint)
            if f"{join_name(label, name)}.".startswith(f"{unwanted}.")
        ]
        if not found:
            labels = ", ".join(label for label in checkpoint.networks if label)
            raise UsageError(
                f"--drop {unwanted}: not in the file "
                f"(there are: {labels or 'tensors without a network name'})"
            )
        for label, name in found:
            del checkpoint.networks[label][name]
        checkpoint.networks = {label: kept for label, kept in checkpoint.networks.items() if kept}
        checkpoint.dropped.append(f"{unwanted}: as requested")


def _recognise(plugin: Plugin[Any], checkpoint: Checkpoint) -> Layout:
    """The plugin's layout for this file; WeightsError where it cannot hold the networks."""
    shapes = {
        label: {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        for label, tensors in checkpoint.networks.items()
    }
    layout = plugin.legacy(shapes) if plugin.legacy else None
    if layout is None:
        for _, name, _ in _list_tensors(checkpoint):
            for pattern, source in UNSUPPORTED.items():
                if re.fullmatch(pattern, name):
                    raise WeightsError(
                        checkpoint.path,
                        f"recognised as {source}; the plugin that would hold it is not installed",
                    )
        names = [_describe(*entry) for entry in _list_tensors(checkpoint)]
        raise WeightsError(
            checkpoint.path, f"not a layout that plugin {plugin.name!r} knows: {_shorten(names)}"
        )
    if layout.differs:
        other = f"not the network of plugin {plugin.name!r}: {layout.differs}"
        raise WeightsError(checkpoint.path, f"recognised as {layout.source}, but {other}")
    return layout


def _map_tensors(
    checkpoint: Checkpoint, parts: Mapping[str, Part], empty: GAN[Any]
) -> tuple[list[MappedTensor], dict[str, Tensor]]:
    """Every tensor at its new name; WeightsError unless both sides come out even."""
    expected = weights.collect_tensors(empty, _choose_networks(checkpoint, parts, empty))
    rows: list[MappedTensor] = []
    tensors: dict[str, Tensor] = {}
    unplaced: list[str] = []
    misshapen: list[str] = []
    for label, old, tensor in _list_tensors(checkpoint):
        full, part = join_name(label, old), parts.get(label)
        module, _, leaf = old.rpartition(".")
        new = ""
        if part and module in part.modules:
            new = f"{part.network}.{part.modules[module]}.{leaf}"
        like = expected.get(new)
        if like is None and part and leaf == COUNTER and module:
            checkpoint.dropped.append(f"{full}: not counted here")
        elif like is None:
            unplaced.append(_describe(label, old, tensor))
        elif tensor.shape != like.shape:
            misshapen.append(f"{_describe(label, old, tensor)}, expected {list(like.shape)}")
        elif like.is_floating_point() != (tensor.dtype in IMPORTED_FLOATS) or tensor.is_complex():
            raise WeightsError(checkpoint.path, f"{full} is {tensor.dtype}, expected {like.dtype}")
        else:
            tensors[new] = tensor.to(like.dtype)
            rows.append(MappedTensor(full, new, tuple(tensor.shape)))
            if not bool(torch.isfinite(tensors[new]).all()):
                problem = f"{full} holds NaN or infinity; nothing was imported"
                raise WeightsError(checkpoint.path, problem)
    missing: list[str] = []
    for name in [name for name in expected if name not in tensors]:
        module, _, leaf = name.rpartition(".")
        weight, like = tensors.get(f"{module}.weight"), expected[name]
        # A matrix without a bias is one with a bias of zero. A norm always has both.
        if leaf == COUNTER or (leaf == "bias" and weight is not None and weight.ndim > 1):
            tensors[name] = torch.zeros(like.shape, dtype=like.dtype)
            rows.append(MappedTensor(None, name, tuple(like.shape)))
        else:
            missing.append(name)
    problems = {
        "without a place": unplaced,
        "of another shape": [] if unplaced else misshapen,
        "missing": [] if misshapen else missing,
    }
    listed = [f"{kind}: {_shorten(names)}" for kind, names in problems.items() if names]
    if listed:
        raise WeightsError(checkpoint.path, "nothing was imported. " + "; ".join(listed))
    return rows, tensors


def _choose_networks(
    checkpoint: Checkpoint, parts: Mapping[str, Part], empty: GAN[Any]
) -> list[str]:
    """The plugin's networks to fill: those that sample, and all others or none of them.

    WeightsError where two parts are the same network or one is missing."""
    given = [part.network for part in parts.values()]
    for name in given:
        if given.count(name) > 1:
            labels = ", ".join(repr(label) for label, part in parts.items() if part.network == name)
            raise WeightsError(
                checkpoint.path,
                f"{labels} would each be the {name}; leave all but one out with --drop",
            )
    others = [name for name, _ in empty.named_children() if name not in empty.ema]
    needed = [*empty.ema, *(others if set(others) & set(given) else [])]
    missing = [name for name in needed if name not in given]
    if missing:
        raise WeightsError(
            checkpoint.path,
            f"holds {', '.join(given) or 'nothing'} and no {' or '.join(missing)}; "
            "give the other file too",
        )
    return needed


def _list_tensors(checkpoint: Checkpoint) -> Iterator[tuple[str, str, Tensor]]:
    for label, tensors in checkpoint.networks.items():
        for name, tensor in tensors.items():
            yield label, name, tensor


def _describe(label: str, name: str, tensor: Tensor) -> str:
    return f"{join_name(label, name)} {list(tensor.shape)}"


def _shorten(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
