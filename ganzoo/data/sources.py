"""Data sets by name, folder or archive."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganzoo.data.batches import Batches
from ganzoo.data.content import LABELS_LACK, Content, ImageContent, ValueContent
from ganzoo.data.cub_oxford import arrange_cub_oxford
from ganzoo.data.embeddings import list_embeddings, read_embeddings
from ganzoo.data.files import (
    CAPTION_LISTS,
    IMAGE_SUFFIXES,
    digest_files,
    list_captions_beside,
    list_data_files,
)
from ganzoo.data.images import ArrayImages, FileImages, probe_size
from ganzoo.data.layout import arrange_by_folder
from ganzoo.data.named import (
    DataRequest,
    ImageArrays,
    ImageFiles,
    NamedSet,
    default_root,
    find_named_set,
    list_names,
    read_examples,
    report_broken,
)
from ganzoo.errors import DataError, UsageError, did_you_mean, near
from ganzoo.spec import Data, Facts
from ganzoo.text import is_utf8

OWN_LICENCE = "unknown: your own data"


class DataSet:
    """A data set that is found but not decoded yet.

    `licence`: terms of use; `source`: home page, empty for the user's own data."""

    def __init__(self, content: Content, licence: str, source: str) -> None:
        self.content, self.licence, self.source = content, licence, source
        self.facts = content.facts
        self._digest: str | None = None

    def digest(self) -> str:
        """sha256 over names and contents of its files, or over its numbers.

        Independent of where the files lie."""
        if self._digest is None:
            self._digest = self.content.digest()
        return self._digest

    def bind(self, data: Data) -> Batches:
        """Batches of the fields that a plugin asks for. DataError or ConfigError, naming both
        sides, if the set cannot give them."""
        domains = {key: key if data.unpaired else "" for key in data.fields}
        takers = {
            key: self.content.taker(field, domains[key], key) for key, field in data.fields.items()
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
    """Open a named set, a folder or an archive.

    `root`: folder of the named sets. `only`: a class, by name or number. `seed`: of generated sets.
    DataError or UsageError where it is not found or holds no such class."""
    known = list_names()
    if name not in known:
        path = Path(name).expanduser()
        if not path.exists():
            raise DataError(
                f"no data set, folder or archive {name!r}{did_you_mean(near(name, known))} "
                f"(sets: {', '.join(known)})"
            )
        absolute = Path(os.path.abspath(path))
        if not is_utf8(str(absolute)):
            problem = "its path is not UTF-8, and cannot stand in the record of a run; rename it"
            raise DataError(f"{name!r}: {problem}")
        return DataSet(_open_files([path], absolute.name, None, only, split), OWN_LICENCE, "")
    found = find_named_set(name)
    request = DataRequest(root=(root or default_root()).expanduser(), split=split, seed=seed)
    examples = read_examples(found, request, download)
    content: Content
    if isinstance(examples, ImageFiles):
        content = _open_files(examples.paths, name, found, only, split)
    elif isinstance(examples, ImageArrays):
        content = _open_images(examples, found, only)
    else:
        if only is not None:
            _find_class(only, (), found)  # the error: it has no classes
        content = ValueContent(name, examples)
    return DataSet(content, found.licence, found.source)


def _open_images(examples: ImageArrays, found: NamedSet, only: str | None) -> ImageContent:
    """Images in memory, of one class if `only` is given."""
    levels, labels, classes = np.asarray(examples.images), examples.labels, found.classes
    if levels.dtype != np.uint8 or levels.ndim != 4 or levels.shape[3] not in (1, 3):
        shape = " x ".join(map(str, levels.shape))
        raise report_broken(
            found.name,
            f"its images are {shape} of {levels.dtype}, not n x height x width x (1 or 3) of uint8",
        )
    if labels is not None and not classes:
        raise report_broken(
            found.name, "its reader gives labels, but its record names no `classes`"
        )
    if labels is not None:
        labels = np.asarray(labels, dtype=np.int64)
        if labels.shape != levels.shape[:1] or not np.isin(labels, range(len(classes))).all():
            raise report_broken(
                found.name,
                f"its labels are not one number for each image, from 0 to {len(classes) - 1}",
            )
    if only is not None:
        if classes and labels is None:
            raise report_broken(found.name, LABELS_LACK)
        number = _find_class(only, classes, found)
        levels, classes = levels[labels == number], (classes[number],)
        labels = np.zeros(len(levels), dtype=np.int64)
    count, height, width, channels = levels.shape
    facts = Facts(
        name=found.name,
        kind="images",
        count=count,
        channels=channels,
        size=height if height == width else None,
        classes=classes,
    )

    def digest() -> str:
        names = "".join(f"{path.name.removesuffix('.gz')}\0" for path in examples.files)
        content = hashlib.sha256(names.encode()).digest() + levels.tobytes()
        if labels is not None:
            content += labels.tobytes()
        return hashlib.sha256(content).hexdigest()

    return ImageContent(
        facts, {"": count}, lambda spec, domain: ArrayImages(levels, spec), digest, labels
    )


def _open_files(
    paths: Sequence[Path], name: str, found: NamedSet | None, only: str | None, split: str
) -> ImageContent:
    """Images in folders or archives, of one class if `only` is given."""
    listed = [file for path in paths for file in list_data_files(path)]
    lists = [file for file in listed if file.path.name in CAPTION_LISTS]
    if not lists and len(paths) == 1 and paths[0].is_file():
        lists = list_captions_beside(paths[0])
    layout = None if lists else arrange_cub_oxford(listed, split)
    layout = layout or arrange_by_folder(listed, lists, split)
    domains, labels, classes = layout.domains, layout.labels, layout.classes
    if found and not found.classes:
        classes = ()  # the set has none: its folders mean nothing
    if not any(domains.values()):
        known = ", ".join(IMAGE_SUFFIXES)
        raise DataError(f"{name} holds no images ({known}) for the split {split!r}")
    if only is not None:
        number = _find_class(only, classes, found, name)
        chosen = [file for file, label in zip(domains[""], labels, strict=True) if label == number]
        domains, labels, classes = {"": chosen}, [0] * len(chosen), (classes[number],)
    embeddings = read_embeddings(listed, domains.get("", []))
    files = [file for part in domains.values() for file in part]
    channels, size = probe_size(files)
    facts = Facts(
        name=name,
        kind="images",
        count=max(len(part) for part in domains.values()),
        channels=channels,
        size=size,
        classes=classes,
        domains=tuple(domain for domain in domains if domain),
        sentences=layout.read_captions(domains.get("", [])),
        embedding=embeddings.size if embeddings else None,
    )
    return ImageContent(
        facts,
        {domain: len(part) for domain, part in domains.items()},
        lambda spec, domain: FileImages(domains[domain], spec),
        lambda: digest_files([*files, *layout.tables, *list_embeddings(listed)]),
        np.asarray(labels, dtype=np.int64) if classes else None,
        embeddings,
    )


def _find_class(only: str, classes: tuple[str, ...], found: NamedSet | None, name: str = "") -> int:
    """Label of a class that is given by name or number. UsageError if there is no such class."""
    name = found.name if found else name
    if not classes:
        raise UsageError(f"--only {only}: data set {name!r} has no classes")
    wanted = found.aliases.get(only, only) if found else only
    if wanted in classes:
        return classes.index(wanted)
    if wanted.isdecimal() and int(wanted) < len(classes):
        return int(wanted)
    raise UsageError(
        f"--only {only}: {name!r} has no such class{did_you_mean(near(wanted, classes))} "
        f"({', '.join(classes)})"
    )
