"""Data sets by name, folder or archive, and the batches that training takes from them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganzoo.data import embeddings, files, named, synthetic
from ganzoo.data.batches import Batches
from ganzoo.data.content import Content, Gallery, Values
from ganzoo.data.cub_oxford import benchmark
from ganzoo.data.images import Pictures, Stored, common_size
from ganzoo.data.layout import Arranged, arranged
from ganzoo.errors import DataError, UsageError, did_you_mean, near
from ganzoo.spec import Data, Facts
from ganzoo.text import is_utf8

OWN = "unknown: your own data"


class DataSet:
    """A data set that is found but not yet decoded. `licence` and `source`: its terms and its home."""

    def __init__(self, facts: Facts, content: Content, licence: str, source: str) -> None:
        self.facts, self.content, self.licence, self.source = facts, content, licence, source
        self._digest: str | None = None

    def digest(self) -> str:
        """sha256 over names and bytes of its files (or over generated numbers), independent of where they lie."""
        if self._digest is None:
            self._digest = self.content.digest()
        return self._digest

    def bind(self, data: Data) -> Batches:
        """Batches as a plugin asks for them. DataError or ConfigError, naming both sides, where the set cannot give that."""
        domains = {key: key if data.unpaired else "" for key in data.fields}
        takers = {
            key: self.content.taker(field, self.facts, domains[key], key)
            for key, field in data.fields.items()
        }
        counts = {key: self.content.count(domain) for key, domain in domains.items()}
        return Batches(takers, domains, counts)


def open_set(
    name: str,
    *,
    root: Path | None = None,
    only: str | None = None,
    split: str = "train",
    download: bool = False,
    seed: int = 0,
) -> DataSet:
    """A named set, a folder or an archive. `only`: one class of it; `root`: where named sets lie; `seed`: of made-up data.

    Raises DataError or UsageError that say what is looked for and what to do.
    """
    if name in synthetic.SETS:
        if only is not None:
            raise UsageError(f"--only {only}: data set {name!r} has no classes")
        values, facts = synthetic.SETS[name](seed)
        return DataSet(facts, Values(values), synthetic.LICENCE, "generated")
    if name in named.SETS:
        return _named(name, (root or named.default_root()).expanduser(), only, split, download)
    path = Path(name).expanduser()
    if not path.exists():
        known = [*synthetic.SETS, *named.SETS]
        raise DataError(
            f"no data set, folder or archive {name!r}{did_you_mean(near(name, known))} (sets: {', '.join(known)})"
        )
    if not is_utf8(os.path.abspath(path)):
        raise DataError(
            f"{name!r}: its path is not spelt in UTF-8, and cannot stand in a run's record; rename it"
        )
    return _gallery([path], Path(os.path.abspath(path)).name, OWN, "", only, split)


def _named(name: str, root: Path, only: str | None, split: str, download: bool) -> DataSet:
    found = named.SETS[name]
    stored = _stored(name, root, split)
    if stored is None and not named.places(name, root) and download:
        named.download(name, root)
        stored = _stored(name, root, split)
    if stored is not None:
        return _in_memory(name, *stored, only)
    places = named.places(name, root)
    if name in ("mnist", "fashion-mnist") or not places:
        raise named.missing(name, root)
    return _gallery(places, name, found.licence, found.source, only, split)


def _stored(
    name: str, root: Path, split: str
) -> tuple[list[Path], NDArray[np.uint8], NDArray[np.int64]] | None:
    if name == "cifar10":
        return named.cifar_batches(root, split)
    return named.idx_pair(name, root, split) if name != "celeba" else None


def _in_memory(
    name: str,
    paths: list[Path],
    levels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    only: str | None,
) -> DataSet:
    found = named.SETS[name]
    classes = found.classes
    if only is not None:
        chosen = _class_number(only, classes, name)
        levels, labels, classes = (
            levels[labels == chosen],
            np.zeros(int((labels == chosen).sum()), dtype=np.int64),
            (classes[chosen],),
        )
    facts = Facts(
        name=name,
        kind="images",
        count=len(levels),
        channels=levels.shape[-1],
        size=levels.shape[1],
        classes=classes,
    )

    def digest() -> str:
        total = hashlib.sha256()
        for path in paths:
            total.update(f"{path.name.removesuffix('.gz')}\0".encode())
        return hashlib.sha256(total.digest() + levels.tobytes() + labels.tobytes()).hexdigest()

    content = Gallery({"": len(levels)}, lambda spec, domain: Stored(levels, spec), digest, labels)
    return DataSet(facts, content, found.licence, found.source)


def _gallery(
    places: list[Path], name: str, licence: str, source: str, only: str | None, split: str
) -> DataSet:
    found = [entry for place in places for entry in files.entries(place)]
    there = _arranged(found, places, split)
    domains, labels, classes = there.domains, there.labels, there.classes
    if name in named.SETS and not named.SETS[name].classes:
        classes = ()  # folders of a set that has no classes are only folders
    if not any(domains.values()):
        raise DataError(
            f"{name} holds no pictures ({', '.join(files.PICTURES)}) for the split {split!r}"
        )
    if only is not None:
        number = _class_number(only, classes, name)
        domains = {
            "": [entry for entry, label in zip(domains[""], labels, strict=True) if label == number]
        }
        labels, classes = [0] * len(domains[""]), (classes[number],)
    vectors = embeddings.vectors(found, domains.get("", []))
    channels, size = common_size([entry for part in domains.values() for entry in part])
    facts = Facts(
        name=name,
        kind="images",
        count=max(len(part) for part in domains.values()),
        channels=channels,
        size=size,
        classes=classes,
        domains=tuple(domain for domain in domains if domain),
        sentences=there.captions(domains.get("", [])),
        embedding=vectors.size if vectors else None,
    )
    content = Gallery(
        {domain: len(part) for domain, part in domains.items()},
        lambda spec, domain: Pictures(domains[domain], spec),
        lambda: files.digest(
            [e for part in domains.values() for e in part] + there.lists + embeddings.lists(found)
        ),
        np.asarray(labels, dtype=np.int64) if classes else None,
        vectors,
    )
    return DataSet(facts, content, licence, source)


def _arranged(found: list[files.Entry], places: list[Path], split: str) -> Arranged:
    lists = [entry for entry in found if entry.path.name in files.LISTS]
    if not lists and len(places) == 1 and places[0].is_file():
        lists = files.beside(places[0])
    return (None if lists else benchmark(found, split)) or arranged(found, lists, split)


def _class_number(only: str, classes: tuple[str, ...], name: str) -> int:
    wanted = named.ALIASES.get(only, only)
    if wanted in classes:
        return classes.index(wanted)
    if wanted.isdecimal() and int(wanted) < len(classes):
        return int(wanted)
    if not classes:
        raise UsageError(f"--only {only}: data set {name!r} has no classes")
    raise UsageError(
        f"--only {only}: {name!r} has no such class{did_you_mean(near(wanted, classes))} ({', '.join(classes)})"
    )
