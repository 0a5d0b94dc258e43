"""Data sets by name, announced under the entry-point group `ganzoo.data`.

Light: no torch, no numpy.

A third party adds one as the sets of ganzoo are added: a `NamedSet`, and in pyproject.toml

    [project.entry-points."ganzoo.data"]
    myset = "my_package:myset"
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ganzoo import extensions
from ganzoo.data.files import is_archive
from ganzoo.errors import BrokenPlugin, DataError, GanzooError, PluginClash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DATA_GROUP = "ganzoo.data"


@dataclass(frozen=True, kw_only=True)
class DataRequest:
    """What the reader of a named set is asked for.

    `root`: folder of all named sets: --data-root, else $GANZOO_DATA, else ~/.cache/ganzoo/data.
    `split`: `train` or `test`; a set without a test split gives all examples for either. `seed`: of
    generated examples."""

    root: Path
    split: str = "train"
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class ImageArrays:
    """Images in memory, (n, height, width, channels), 1 or 3 channels.

    `labels`: (n,), indices into the set's `classes`. `files`: files they were read from, whose
    names enter the digest."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None = None
    files: Sequence[Path] = ()


@dataclass(frozen=True, kw_only=True)
class ImageFiles:
    """Folders and archives of image files, read like those that --data names.

    Class folders count if the set has `classes`; then the folders' names are used."""

    paths: Sequence[Path]


@dataclass(frozen=True, kw_only=True)
class ValueArrays:
    """Points (n, coordinates), or curves (n, values) over equal steps from `low` to `high`."""

    values: NDArray[np.float32]
    kind: Literal["points", "curves"] = "points"
    low: float = -1.0
    high: float = 1.0


Examples = ImageArrays | ImageFiles | ValueArrays


@dataclass(frozen=True, kw_only=True)
class NamedSet:
    """A data set that --data knows by name.

    The module that defines it must not import torch or numpy; `read` does that when called. It
    returns None if the data root does not hold the set.

    `name`: the entry point's name. `licence`, `source`: terms of use and home page, for model
    cards. `files`: what must lie under the data root, in words, for the error if it does not.
    `classes`: names in label order. `aliases`: other names of classes that --only accepts.
    `download`: fetches the set into a data root, for --download. `hub`: name of the same set on the
    Hugging Face Hub, for model cards."""

    name: str
    licence: str
    source: str
    read: Callable[[DataRequest], Examples | None]
    files: str = ""
    classes: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    download: Callable[[Path], None] | None = None
    hub: str | None = None


def default_root() -> Path:
    """$GANZOO_DATA, else ~/.cache/ganzoo/data."""
    return Path(os.environ.get("GANZOO_DATA") or Path.home() / ".cache" / "ganzoo" / "data")


def list_names() -> list[str]:
    """Names of all announced sets, sorted. None of them is loaded."""
    return sorted(extensions.find(DATA_GROUP))


def find_named_set(name: str) -> NamedSet:
    """The set announced as `name`. DataError if there is none, or it cannot be loaded."""
    points = extensions.find(DATA_GROUP).get(name)
    if points is None:
        raise DataError(f"no data set is named {name!r} (sets: {', '.join(list_names())})")
    try:
        found = extensions.load(points, NamedSet, "data set")
    except (BrokenPlugin, PluginClash) as error:
        raise DataError(str(error)) from error
    if found.name != name:
        raise report_broken(name, f"its record is named {found.name!r}")
    return found


def report_broken(name: str, reason: str) -> DataError:
    """The error for a fault in the package of a named set, which it names."""
    points = extensions.find(DATA_GROUP).get(name)
    owner = f" of {extensions.identify(points[0])[0]}" if points else ""
    return DataError(f"data set {name!r}{owner} is broken: {reason}")


def read_examples(found: NamedSet, request: DataRequest, download: bool) -> Examples:
    """Examples of a set, downloaded if need be. DataError, saying what to do, if it is missing."""
    step = "read"
    try:
        examples = found.read(request)
        if examples is None and download and found.download:
            step = "download"
            found.download(request.root)
            step = "read"
            examples = found.read(request)
    except (GanzooError, OSError, MemoryError):
        raise
    except Exception as error:  # whatever it raises, the fault is in the set's package
        fault = f"{type(error).__name__}: {error}"
        raise report_broken(found.name, f"its `{step}` raised {fault}") from error
    if examples is None:
        hint = (
            '; or let `--download` fetch it (needs pip install "ganzoo-torch[data]")'
            if found.download
            else ""
        )
        remedy = f"put {found.files} there, or name another folder by --data-root"
        if not found.files:
            remedy = (
                "name another folder by --data-root; the set does not say which files it reads "
                f"(its source: {found.source})"
            )
        raise DataError(f"data set {found.name!r} is not under {request.root}: {remedy}{hint}")
    if not isinstance(examples, Examples):
        raise report_broken(
            found.name,
            f"its reader returned a {type(examples).__name__}, "
            "not ImageArrays, ImageFiles or ValueArrays",
        )
    return examples


def find_image_files(
    root: Path, folders: Sequence[str], prefixes: tuple[str, ...]
) -> ImageFiles | None:
    """The first of some folders below a data root that holds anything, or its archives.

    Archives are recognised by a prefix of their names, and may also lie beside the folder. The
    root itself holds the set if it has the name of one of the folders.
    """
    candidates = [*folders, ""] if root.name in ("", *folders) else folders
    for name in candidates:
        folder = root / name
        starts = (name.lower() or prefixes[0], *prefixes)
        archives = sorted(
            path
            for path in (folder if folder.is_dir() else root).glob("*.*")
            if path.is_file() and is_archive(path) and path.name.lower().startswith(starts)
        )
        if archives:
            return ImageFiles(paths=archives)
        if folder.is_dir() and any(folder.iterdir()):
            return ImageFiles(paths=[folder])
    return None


def download_with_torchvision(kind: str, root: Path, files: str) -> Any:
    """`torchvision.datasets.KIND`, downloaded. `files`: what to get by hand, for the error."""
    try:
        from torchvision import datasets
    except (ImportError, RuntimeError) as error:
        raise DataError(
            f"--download needs a torchvision built for this torch ({error}); "
            f'pip install "ganzoo-torch[data]", or bring the files by hand: {files}'
        ) from None
    try:
        return getattr(datasets, kind)(str(root), download=True)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{kind} could not be fetched ({error}); bring the files by hand: {files}"
        ) from None
