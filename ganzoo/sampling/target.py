"""Where samples are written: which names are allowed and what must not be overwritten. Light."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ganzoo.errors import OutputExists, UsageError

SUFFIXES = (".png", ".npz", ".tar")


def is_bulk(path: Path) -> bool:
    """Whether the target is a folder or .tar shards, which are written in constant memory."""
    return path.suffix in ("", ".tar")


def name_row(row: int) -> str:
    """File name of a row, without extension."""
    return f"{row:06d}"


def check_target(path: Path, force: bool = False) -> None:
    """UsageError for an unknown extension, OutputExists for a file or non-empty folder."""
    if path.suffix and path.suffix not in SUFFIXES:
        raise UsageError(
            f"{path}: samples are written as {', '.join(SUFFIXES)} or into a folder (no extension)"
        )
    if path.is_dir() and path.suffix:
        raise UsageError(f"{path} is a folder")
    exists = any(path.iterdir()) if path.is_dir() else path.exists()
    if exists and not force:
        raise OutputExists(path)


def check_foreign_files(path: Path, names: Iterable[str]) -> None:
    """OutputExists where a folder holds files other than `names`, which will be replaced."""
    if path.is_dir() and {other.name for other in path.iterdir()} - set(names):
        raise OutputExists(
            path, "it holds other files than these samples; empty it or choose another name"
        )
