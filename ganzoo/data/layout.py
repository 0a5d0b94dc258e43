"""What the folders and caption lists of an image set mean: domains, splits, classes, captions."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any, TypeVar

from ganzoo.data.files import CAPTIONS, DataFile, is_image
from ganzoo.errors import DataError
from ganzoo.text import is_utf8

V = TypeVar("V")
NAME_FIELD = "file_name"
CAPTION_FIELDS = ("text", "caption", "captions")
"""Fields that may hold an image's captions; the first one present is used."""


@dataclass(frozen=True)
class Arrangement:
    """How the files of an image set are used.

    `domains`: images by domain, "" if there is only one. `labels`: indices into `classes`, in the
    order of `domains[""]`. `tables`: other files that enter the digest. `read_captions` returns the
    captions of each of some images, or [] if the set has none.
    """

    domains: dict[str, list[DataFile]]
    labels: list[int]
    classes: tuple[str, ...]
    tables: list[DataFile]
    read_captions: Callable[[Sequence[DataFile]], list[list[str]]]


def arrange_by_folder(
    files: Sequence[DataFile], caption_lists: list[DataFile], split: str
) -> Arrangement:
    """Domains (trainA, trainB), else a folder for each class, else all images in one group.

    Folders `train` and `test` select a split. A folder around everything is ignored.
    """

    read_captions = partial(_read_captions, caption_lists)
    images = [file for file in files if is_image(file.path)]
    parts = {file: list(file.path.parts) for file in images}
    while len({p[0] for p in parts.values()}) == 1 and all(len(p) > 1 for p in parts.values()):
        parts = {file: p[1:] for file, p in parts.items()}

    domains: dict[str, list[DataFile]] = {
        letter: [file for file in images if parts[file][0] == f"{split}{letter}"]
        for letter in ("A", "B")
    }
    if all(domains.values()):
        return Arrangement(domains, [], (), caption_lists, read_captions)

    if any(p[0] in ("train", "test") and len(p) > 1 for p in parts.values()):
        images = [file for file in images if parts[file][0] == split]
        parts = {file: parts[file][1:] for file in images}

    labels: list[int] = []
    classes: tuple[str, ...] = ()
    folders = sorted({p[0] for p in parts.values() if len(p) > 1})
    if len(folders) > 1 and all(len(p) == 2 for p in parts.values()):
        for name in folders:
            if not is_utf8(name):
                raise DataError(f"the class folder {name!r} is not named in UTF-8; rename it")
        classes = tuple(folders)
        labels = [folders.index(parts[file][0]) for file in images]
    return Arrangement({"": images}, labels, classes, caption_lists, read_captions)


def match_images(
    rows: Iterable[tuple[PurePosixPath, PurePosixPath, list[V]]],
    images: Sequence[DataFile],
    what: str,
) -> list[list[V]]:
    """Values of each image, from rows of (folder of the list, image as listed, values).

    An image matches a row by its path as seen from the list's folder, else by the longest end of
    its path that is listed exactly once. DataError names an image without a value (`what`).
    """
    known: dict[str, list[V]] = {}
    endings: dict[str, set[str]] = {}
    for folder, listed, values in rows:
        path = (folder / listed).as_posix()
        known.setdefault(path, []).extend(values)
        for name in (path, listed.as_posix(), listed.name):
            endings.setdefault(name, set()).add(path)

    # full paths first, then ever shorter ends of them; each listed path is used once
    matches: dict[PurePosixPath, str] = {}
    for start in range(max((len(file.path.parts) for file in images), default=0)):
        taken = set(matches.values())
        for file in images:
            if file.path in matches:
                continue
            name = "/".join(file.path.parts[start:])
            candidates = ({name} if name in known else endings.get(name, set())) - taken
            if len(candidates) == 1:
                matches[file.path] = candidates.pop()

    found = [known[matches[file.path]] if file.path in matches else [] for file in images]
    missing = [file.shown for file, values in zip(images, found, strict=True) if not values]
    if missing:
        raise DataError(f"{len(missing)} images have no {what}, the first is {missing[0]}")
    return found


def _read_captions(lists: Sequence[DataFile], images: Sequence[DataFile]) -> list[list[str]]:
    """Captions of each image, from caption lists; [] if these hold no captions at all.

    A metadata file without our fields holds none."""
    found = []
    ours = {NAME_FIELD, *CAPTION_FIELDS}
    for file in lists:
        rows = list(_read_rows(file))
        foreign = all(isinstance(row, dict) and not ours & row.keys() for _, row in rows)
        if foreign and file.path.name != CAPTIONS:
            continue
        for where, row in rows:
            try:
                text: Any = next((row[field] for field in CAPTION_FIELDS if field in row), [])
                captions = [part.strip() for part in ([text] if isinstance(text, str) else text)]
                image = PurePosixPath(str(row[NAME_FIELD]))
            except (KeyError, TypeError, AttributeError):
                raise DataError(
                    f'{where} is not a line like {{"file_name": "1.png", "text": ["a red bird"]}}'
                ) from None
            captions = [caption for caption in captions if caption]
            found.append((file.path.parent, image, captions))
    if not any(captions for _, _, captions in found):
        return []
    return match_images(found, images, f"caption in {lists[0].path.name}")


def _read_rows(file: DataFile) -> Iterator[tuple[str, Any]]:
    """(location, row) for each line of JSON or row of a table; the row is None if not JSON."""
    content = file.read().decode("utf-8-sig", "replace")
    if file.path.suffix == ".csv":
        try:
            table = list(csv.DictReader(io.StringIO(content)))
        except csv.Error as error:
            raise DataError(f"{file.shown} is not a table ({error})") from None
        for number, cells in enumerate(table, start=2):
            yield f"{file.shown}, row {number}", cells
        return
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip():
            try:
                row: Any = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            yield f"{file.shown}:{number}", row
