"""What the folders and lists of a picture set mean: domains, splits, classes, captions."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

from ganzoo.data.files import Entry
from ganzoo.errors import DataError
from ganzoo.text import is_utf8


def layout(found: list[Entry], split: str) -> tuple[dict[str, list[Entry]], list[int], tuple[str, ...]]:
    """Domains (trainA, trainB), else classes (one folder each), else a plain heap; a common outer folder is looked through."""
    parts = {entry: list(entry.path.parts) for entry in found}
    while found and all(len(p) > 1 for p in parts.values()) and len({p[0] for p in parts.values()}) == 1:
        parts = {entry: p[1:] for entry, p in parts.items()}
    for letter in ("A", "B"):
        if not any(p[0] == f"{split}{letter}" for p in parts.values()):
            break
    else:
        return {letter: [e for e in found if parts[e][0] == f"{split}{letter}"] for letter in ("A", "B")}, [], ()
    if any(p[0] in ("train", "test") and len(p) > 1 for p in parts.values()):
        found = [entry for entry in found if parts[entry][0] == split]
        parts = {entry: parts[entry][1:] for entry in found}
    folders = sorted({p[0] for p in parts.values() if len(p) > 1})
    if len(folders) > 1 and all(len(p) == 2 for p in parts.values()):
        for name in folders:
            if not is_utf8(name):
                raise DataError(f"the folder {name!r}, which names a class, is not spelt in UTF-8; rename it")
        return {"": found}, [folders.index(parts[entry][0]) for entry in found], tuple(folders)
    return {"": found}, [], ()


def sentences(lists: list[Entry], pictures: list[Entry]) -> list[list[str]]:
    """Captions in the order of the pictures; every picture must have one as soon as there is a list."""
    if not lists:
        return []
    captions: dict[str, list[str]] = {}
    for entry in lists:
        for number, line in enumerate(entry.read().decode("utf-8", "replace").splitlines(), start=1):
            if line.strip():
                file, texts = _caption(line, f"{entry.shown}:{number}")
                if texts:
                    captions[PurePosixPath(file).name] = texts
    if not captions:
        return []
    without = [entry.shown for entry in pictures if entry.path.name not in captions]
    if without:
        raise DataError(f"{len(without)} pictures have no caption in {lists[0].path.name}, the first is {without[0]}")
    return [captions[entry.path.name] for entry in pictures]


def _caption(line: str, where: str) -> tuple[str, list[str]]:
    try:
        row: dict[str, Any] = json.loads(line)
        text = row.get("text", row.get("caption", row.get("captions", [])))
        return str(row["file_name"]), [text] if isinstance(text, str) else [str(part) for part in text]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f'{where} is not a line like {{"file_name": "1.png", "text": ["a red bird"]}}') from None
