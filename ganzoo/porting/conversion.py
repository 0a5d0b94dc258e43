"""An old checkpoint's tensors under a plugin's names, all of them or none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
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
from ganzoo.porting import checkpoint
from ganzoo.porting.checkpoint import Checkpoint, full
from ganzoo.sampling.assembly import outline
from ganzoo.zoo import registry, weights

COUNTER = "num_batches_tracked"
ELSEWHERE = {
    r"model\.\d+\.conv_block\.\d+\.weight": "a ResNet generator of pytorch-CycleGAN-and-pix2pix",
    r"model\.model\.\d+\.(weight|model\..*)": "a U-Net generator of pytorch-CycleGAN-and-pix2pix",
}
"""Names in checkpoints that are known, but not to any plugin here."""


class Row(msgspec.Struct, frozen=True):
    """A tensor's name in the file and in ganzoo. `old` None: the file lacks it and it is zero, which changes nothing."""

    old: str | None
    new: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Conversion:
    """A whole model under new names. `tensors`: by new name, float32."""

    plugin: Plugin[Any]
    config: Any
    layout: Layout
    rows: list[Row]
    tensors: dict[str, Tensor]
    dropped: list[str]
    outline: GAN[Any]


def converted(
    paths: Sequence[Path], name: str, changes: Mapping[str, str], drop: Iterable[str] = ()
) -> Conversion:
    """The networks of these files as those of the plugin `name`. `changes`: settings by name, over what shapes decide; `drop`:
    networks or tensors to leave out.

    WeightsError, with names and shapes, where anything in the files finds no place or anything of the plugin's gets none."""
    plugin = registry.get(name)
    if plugin.legacy is None:
        able = [other for other in registry.list_names() if _reads(other)]
        raise UsageError(
            f"plugin {name!r} reads no old checkpoints; these do: {', '.join(able) or 'none'}"
        )
    found = _joined(paths)
    _drop(found, drop)
    layout = _layout(plugin, found)
    where = f"{found.path}: as {name}"
    config = override(convert(dict(layout.settings), plugin.config, where), changes)
    empty = outline(plugin, config)
    rows, tensors = _mapped(found, layout.parts, empty)
    return Conversion(plugin, config, layout, rows, tensors, found.dropped, empty)


def _reads(name: str) -> bool:
    try:
        return registry.get(name).legacy is not None
    except GanzooError:  # a broken plugin has no say here
        return False


def _joined(paths: Sequence[Path]) -> Checkpoint:
    """Several files as one; a network without a name gets its file's, where there are several."""
    parts = [checkpoint.read(path) for path in paths]
    if len(parts) == 1:
        return parts[0]
    whole = Checkpoint(paths[0])
    for path, part in zip(paths, parts, strict=True):
        for label, tensors in part.networks.items():
            new = label or path.stem
            if new in whole.networks:
                raise WeightsError(
                    path, f"a second network called {new!r}; give files of different networks"
                )
            whole.networks[new] = tensors
        whole.dropped += part.dropped
    return whole


def _drop(found: Checkpoint, names: Iterable[str]) -> None:
    for wanted in names:
        hit = False
        for label, tensors in list(found.networks.items()):
            gone = [name for name in tensors if f"{full(label, name)}.".startswith(f"{wanted}.")]
            for name in gone:
                del tensors[name]
            hit = hit or bool(gone)
            if not tensors:
                del found.networks[label]
        if not hit:
            known = (
                ", ".join(name for name in found.networks if name)
                or "tensors without a network's name"
            )
            raise UsageError(
                f"--drop {wanted}: nothing in the file is called so (there are: {known})"
            )
        found.dropped.append(f"{wanted}: as asked for")


def _layout(plugin: Plugin[Any], found: Checkpoint) -> Layout:
    shapes = {
        label: {name: tuple(t.shape) for name, t in tensors.items()}
        for label, tensors in found.networks.items()
    }
    layout = plugin.legacy(shapes) if plugin.legacy else None
    if layout is None:
        for tensors in shapes.values():
            for pattern, words in ELSEWHERE.items():
                if any(re.fullmatch(pattern, name) for name in tensors):
                    raise WeightsError(
                        found.path,
                        f"recognised as {words}; the plugin that would hold it is not installed",
                    )
        raise WeightsError(
            found.path, f"not a layout that plugin {plugin.name!r} knows: {_few(_every(found))}"
        )
    if layout.differs:
        raise WeightsError(
            found.path,
            f"recognised as {layout.source}, but not the network of plugin {plugin.name!r}: {layout.differs}",
        )
    return layout


def _mapped(
    found: Checkpoint, parts: Mapping[str, Part], empty: GAN[Any]
) -> tuple[list[Row], dict[str, Tensor]]:
    """Every tensor at its new name. WeightsError unless both sides come out even."""
    expected = weights.collect_tensors(empty, _wanted(_named(parts, found.path), empty, found.path))
    rows: list[Row] = []
    tensors: dict[str, Tensor] = {}
    left: list[str] = []
    wrong: list[str] = []
    for label, old, tensor in _each(found):
        new = _new_name(parts.get(label), old)
        if new not in expected:
            if old.endswith(f".{COUNTER}") and label in parts:
                found.dropped.append(f"{full(label, old)}: not counted here")
            else:
                left.append(_spelt(label, old, tensor))
        elif tensor.shape != expected[new].shape:
            wrong.append(f"{_spelt(label, old, tensor)}, expected {list(expected[new].shape)}")
        else:
            tensors[new] = _as(expected[new], tensor, full(label, old), found.path)
            rows.append(Row(full(label, old), new, tuple(tensor.shape)))
    absent = [name for name in expected if name not in tensors]
    zeros = [name for name in absent if name.endswith(f".{COUNTER}") or _is_free(name, tensors)]
    problems = {"without a place": left, "of another shape": [] if left else wrong,
                "missing": [] if wrong else [name for name in absent if name not in zeros]}  # fmt: skip
    said = [f"{kind}: {_few(members)}" for kind, members in problems.items() if members]
    if said:
        raise WeightsError(found.path, "nothing was imported. " + "; ".join(said))
    for name in zeros:
        tensors[name] = torch.zeros(expected[name].shape, dtype=expected[name].dtype)
        rows.append(Row(None, name, tuple(expected[name].shape)))
    return rows, tensors


def _named(parts: Mapping[str, Part], path: Path) -> list[str]:
    """The plugin's networks that the parts are. WeightsError where two are the same one."""
    names = [part.network for part in parts.values()]
    for name in names:
        if names.count(name) > 1:
            labels = ", ".join(repr(label) for label, part in parts.items() if part.network == name)
            raise WeightsError(
                path, f"{labels} would each be the {name}; leave all but one out with --drop"
            )
    return names


def _wanted(names: Sequence[str], empty: GAN[Any], path: Path) -> list[str]:
    """Networks to fill: those that are sampled, and all others or none. WeightsError where one is missing."""
    rest = [name for name, _ in empty.named_children() if name not in empty.ema]
    needed = [*empty.ema, *(rest if any(name in rest for name in names) else [])]
    missing = [name for name in needed if name not in names]
    if missing:
        there = ", ".join(names) or "nothing"
        raise WeightsError(
            path, f"holds {there} and no {' or '.join(missing)}; give the other file too"
        )
    return needed


def _new_name(part: Part | None, old: str) -> str:
    """Where a tensor goes; "" for nowhere."""
    module, _, leaf = old.rpartition(".")
    return (
        f"{part.network}.{part.modules[module]}.{leaf}" if part and module in part.modules else ""
    )


def _is_free(name: str, tensors: Mapping[str, Tensor]) -> bool:
    """Whether this is the bias of a matrix that the file holds: one without a bias is one with a bias of zero. A norm always
    has both."""
    module, _, leaf = name.rpartition(".")
    return leaf == "bias" and f"{module}.weight" in tensors and tensors[f"{module}.weight"].ndim > 1


def _as(like: Tensor, tensor: Tensor, name: str, path: Path) -> Tensor:
    """In the type that the plugin has. WeightsError for numbers of another kind, and for NaN or infinity."""
    if like.is_floating_point() != (tensor.dtype in checkpoint.FLOATS) or tensor.is_complex():
        raise WeightsError(path, f"{name} is {tensor.dtype}, expected {like.dtype}")
    changed = tensor.to(like.dtype)
    if not bool(torch.isfinite(changed).all()):
        raise WeightsError(path, f"{name} holds NaN or infinity; nothing was imported")
    return changed


def _each(found: Checkpoint) -> Iterable[tuple[str, str, Tensor]]:
    for label, tensors in found.networks.items():
        for name, tensor in tensors.items():
            yield label, name, tensor


def _every(found: Checkpoint) -> list[str]:
    return [_spelt(*entry) for entry in _each(found)]


def _spelt(label: str, name: str, tensor: Tensor) -> str:
    return f"{full(label, name)} {list(tensor.shape)}"


def _few(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
