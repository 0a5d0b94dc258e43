"""What the folders and lists of a picture set mean: domains, splits, classes, captions."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, TypeVar

from ganzoo.data.files import CAPTIONS, Entry, is_picture
from ganzoo.errors import DataError
from ganzoo.text import is_utf8

T = TypeVar("T")
NAME = "file_name"
"""The field of a list that names the picture."""
TEXTS = ("text", "caption", "captions")
"""Those that say what it shows; the first counts."""


@dataclass(frozen=True)
class Arranged:
    """What a set's files mean: pictures by domain ("" where there is one), labels in their order, class names, the files that say
    so, and what gives the captions of some pictures, none where there are none."""

    domains: dict[str, list[Entry]]
    labels: list[int]
    classes: tuple[str, ...]
    lists: list[Entry]
    captions: Callable[[Sequence[Entry]], list[list[str]]]


def arranged(found: Sequence[Entry], lists: list[Entry], split: str) -> Arranged:
    """By folders, with captions from `lists`."""
    domains, labels, classes = layout([entry for entry in found if is_picture(entry.path)], split)
    return Arranged(domains, labels, classes, lists, lambda pictures: sentences(lists, pictures))


def layout(
    found: list[Entry], split: str
) -> tuple[dict[str, list[Entry]], list[int], tuple[str, ...]]:
    """Domains (trainA, trainB), else classes (one folder each), else a plain heap; a common outer folder is looked through."""
    parts = {entry: list(entry.path.parts) for entry in found}
    while (
        found
        and all(len(p) > 1 for p in parts.values())
        and len({p[0] for p in parts.values()}) == 1
    ):
        parts = {entry: p[1:] for entry, p in parts.items()}
    for letter in ("A", "B"):
        if not any(p[0] == f"{split}{letter}" for p in parts.values()):
            break
    else:
        return (
            {
                letter: [e for e in found if parts[e][0] == f"{split}{letter}"]
                for letter in ("A", "B")
            },
            [],
            (),
        )
    if any(p[0] in ("train", "test") and len(p) > 1 for p in parts.values()):
        found = [entry for entry in found if parts[entry][0] == split]
        parts = {entry: parts[entry][1:] for entry in found}
    folders = sorted({p[0] for p in parts.values() if len(p) > 1})
    if len(folders) > 1 and all(len(p) == 2 for p in parts.values()):
        for name in folders:
            if not is_utf8(name):
                raise DataError(
                    f"the folder {name!r}, which names a class, is not spelt in UTF-8; rename it"
                )
        return {"": found}, [folders.index(parts[entry][0]) for entry in found], tuple(folders)
    return {"": found}, [], ()


def sentences(lists: Sequence[Entry], pictures: Sequence[Entry]) -> list[list[str]]:
    """Captions in the order of the pictures; every picture must have one as soon as there is a list.

    A picture is found by its path, seen from the list's folder; else by the longest end of it that is listed once."""
    told = [(entry.path.parent, *row) for entry in lists for row in _listed(entry)]
    if not any(texts for _, _, texts in told):
        return []
    return attached(told, pictures, f"caption in {lists[0].path.name}")


def attached(
    told: Iterable[tuple[PurePosixPath, PurePosixPath, list[T]]],
    pictures: Sequence[Entry],
    what: str,
) -> list[list[T]]:
    """What is `told` of each picture: the folder of the list, the picture as the list names it, and what is said of it.

    DataError where nothing is told of a picture; `what` is lacking then."""
    known: dict[str, list[T]] = {}
    ends: dict[str, set[str]] = {}
    for folder, file, said in told:
        path = (folder / file).as_posix()
        known.setdefault(path, []).extend(said)
        for name in (path, file.as_posix(), file.name):
            ends.setdefault(name, set()).add(path)
    found = _found([entry.path for entry in pictures], known, ends)
    without = [entry.shown for entry, said in zip(pictures, found, strict=True) if not said]
    if without:
        raise DataError(f"{len(without)} pictures have no {what}, the first is {without[0]}")
    return found


def _found(
    pictures: Sequence[PurePosixPath], known: Mapping[str, list[T]], ends: Mapping[str, set[str]]
) -> list[list[T]]:
    """Whole paths first, then ends that are shorter and shorter; what one of more parts has taken is no longer there."""
    told: dict[PurePosixPath, str] = {}
    for start in range(max((len(picture.parts) for picture in pictures), default=0)):
        taken = set(told.values())
        for picture in [one for one in pictures if one not in told]:
            name = "/".join(picture.parts[start:])
            places = ({name} if name in known else ends.get(name, set())) - taken
            if len(places) == 1:
                told[picture] = next(iter(places))
    return [known[told[picture]] if picture in told else [] for picture in pictures]


def _listed(entry: Entry) -> Iterator[tuple[PurePosixPath, list[str]]]:
    """Pictures and their captions; none where it is a table of something else, as a metadata.csv may be."""
    rows = list(_rows(entry))
    if entry.path.name == CAPTIONS or not all(
        isinstance(row, dict) and not {NAME, *TEXTS} & row.keys() for _, row in rows
    ):
        yield from (_caption(row, where) for where, row in rows)


def _rows(entry: Entry) -> Iterator[tuple[str, Any]]:
    """Where each stands and what it is: a line of JSON each, or of a table with a head."""
    content = entry.read().decode("utf-8-sig", "replace")
    if entry.path.suffix == ".csv":
        try:
            table = list(csv.DictReader(io.StringIO(content)))
        except csv.Error as error:
            raise DataError(f"{entry.shown} is not a table ({error})") from None
        yield from (
            (f"{entry.shown}, row {number}", row) for number, row in enumerate(table, start=2)
        )
        return
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip():
            try:
                row: Any = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            yield f"{entry.shown}:{number}", row


def _caption(row: Any, where: str) -> tuple[PurePosixPath, list[str]]:
    try:
        text: Any = next((row[field] for field in TEXTS if field in row), [])
        texts = [part.strip() for part in ([text] if isinstance(text, str) else text)]
        return PurePosixPath(str(row[NAME])), [part for part in texts if part]
    except (KeyError, TypeError, AttributeError):
        raise DataError(
            f'{where} is not a line like {{"file_name": "1.png", "text": ["a red bird"]}}'
        ) from None
