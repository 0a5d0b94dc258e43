"""Extractors by name: our own, one for each data set, their records and hashes; the Inception network as an extra."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import msgspec
import torch
from torch import Tensor

from ganzoo import files
from ganzoo.errors import DataError, HashMismatch, UsageError, WeightsError, did_you_mean, near
from ganzoo.evaluate.network import Network, describe_resize, fit_images, to_levels, without_tf32
from ganzoo.files import Record
from ganzoo.zoo import manifest, weights
from ganzoo.zoo.manifest import DataSet

INCEPTION = "inception"
PACKAGED = Path(__file__).parent / "extractors"
Task = Literal["classes", "rotation"]
RECORD_LIMIT = 100_000
"""Bytes of a record."""


class ExtractorRecord(Record, frozen=True, kw_only=True):
    """<name>.json beside <name>.safetensors. `task`: what was learnt: classes, or by how many quarters a picture is turned;
    `accuracy`: share that is right of `tested`, pictures that were not learnt from."""

    format: int = 1
    name: str
    task: Task
    data: DataSet
    channels: int
    size: int
    classes: list[str] = []
    accuracy: float
    tested: str
    epochs: int
    seed: int
    precision: str
    command: str
    machine: str
    date: str
    version: str
    torch: str
    sha256: manifest.Sha256


class Extractor(Protocol):
    """Gives features. `dims`: of one; `classes`: of the logits, () where they mean no class; `resizes`: from a side of so many
    pixels, in words."""

    name: str
    sha256: str
    dims: int
    outputs: int
    classes: tuple[str, ...]
    scores: bool

    def resizes(self, side: int) -> str: ...

    def __call__(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures uint8 (n, channels, size, size) -> features (n, dims) and logits (n, outputs), float32 on the CPU."""


class OwnExtractor:
    """One of our networks, in float32 on `device`."""

    def __init__(self, lesson: ExtractorRecord, network: Network, device: torch.device) -> None:
        self.lesson, self.network, self.device = (
            lesson,
            network.eval().requires_grad_(False).to(device),
            device,
        )
        self.name, self.sha256, self.dims = lesson.name, lesson.sha256, len(network.mean)
        self.classes, self.scores = tuple(lesson.classes), bool(lesson.classes)
        self.outputs = network.head.out_features

    def resizes(self, side: int) -> str:
        return describe_resize(side, self.lesson.size)

    def __call__(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        with without_tf32():
            features, logits = self.network(
                fit_images(levels.to(self.device), self.lesson.channels, self.lesson.size)
            )
        return features.cpu(), logits.cpu()


def list_packaged() -> dict[str, Path]:
    """Files of the extractors that come with ganzoo, by name."""
    return {path.stem: path.with_suffix(".safetensors") for path in sorted(PACKAGED.glob("*.json"))}


def read_record(path: Path) -> ExtractorRecord:
    """The record beside an extractor's file, which is not looked at."""
    beside = path.with_suffix(".json")
    try:
        return files.decode(files.read(beside, RECORD_LIMIT), ExtractorRecord)
    except OSError as error:
        raise WeightsError(
            error.filename or path, f"cannot be read ({error.strerror}); an extractor is two files"
        ) from None
    except msgspec.DecodeError as error:
        raise WeightsError(beside, f"not the record of an extractor ({error})") from None


def read_verified(path: Path) -> ExtractorRecord:
    """The record beside an extractor's file, whose hash is checked."""
    lesson = read_record(path)
    try:
        actual = files.sha256(path)
    except OSError as error:
        raise WeightsError(
            path, f"cannot be read ({error.strerror}); an extractor is two files"
        ) from None
    if actual != lesson.sha256:
        raise HashMismatch(path, lesson.sha256, actual, path.with_suffix(".json").name)
    return lesson


def load_extractor(path: Path, device: torch.device) -> OwnExtractor:
    """An extractor from its file and the record beside it."""
    lesson = read_verified(path)
    with torch.random.fork_rng(devices=[]):
        network = Network(lesson.channels, lesson.size, len(lesson.classes) or 4)
    weights.load(path, network.state_dict())
    return OwnExtractor(lesson, network, device)


def find_for_data(data: str) -> Path | None:
    """The file of the extractor that was learnt on a data set."""
    return next(
        (path for path in list_packaged().values() if read_record(path).data.name == data), None
    )


def find_extractor(name: str | None, data: str, device: torch.device) -> Extractor:
    """By name, by file, "inception", or (None) the one of a data set. UsageError where there is none."""
    if name == INCEPTION:
        from ganzoo.evaluate.inception import Inception

        return Inception(device)
    if name is None:
        path = find_for_data(data)
        if path is None:
            raise UsageError(
                f"no extractor was learnt on {data!r}; make one by `ganzoo extractor train` and give its file to --extractor"
            )
        return load_extractor(path, device)
    if name in list_packaged():
        return load_extractor(list_packaged()[name], device)
    if not Path(name).is_file():
        known = [*list_packaged(), INCEPTION]
        raise UsageError(
            f"no extractor {name!r}{did_you_mean(near(name, known))} ({', '.join(known)}, or a .safetensors file)"
        )
    return load_extractor(Path(name), device)


def build_class_reader(
    data: str, channels: int, device: torch.device
) -> Callable[[Tensor], list[str]] | None:
    """Names the classes of images (n, channels, size, size) in [-1, 1]; None where no extractor knows those of the data."""
    path = find_for_data(data)
    lesson = read_record(path) if path else None
    if path is None or lesson is None or not lesson.classes or lesson.channels < channels:
        return None
    extractor = load_extractor(path, device)
    return lambda made: [
        extractor.classes[number] for number in extractor(to_levels(made))[1].argmax(1).tolist()
    ]


def require_pictures(kind: str, name: str) -> None:
    """DataError for points and curves."""
    if kind != "images":
        raise DataError(f"{name!r} holds {kind}; features are those of pictures")
