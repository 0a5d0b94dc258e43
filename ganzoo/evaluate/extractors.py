"""Feature extractors: ours, one for each named data set; Inception; and those of other packages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
import torch
from torch import Tensor

from ganzoo import extensions, files
from ganzoo.errors import DataError, HashMismatch, UsageError, WeightsError, did_you_mean, near
from ganzoo.evaluate.groups import EXTRACTOR_POINTS
from ganzoo.evaluate.network import Network, describe_resize, fit_images, to_levels, without_tf32
from ganzoo.files import Record
from ganzoo.zoo import manifest, weights
from ganzoo.zoo.manifest import TrainingData

INCEPTION = "inception"
PACKAGED = Path(__file__).parent / "extractors"
Task = Literal["classes", "rotation"]
EXTRACTOR_RECORD_LIMIT = 100_000
"""Bytes of a record."""


class ExtractorRecord(Record, frozen=True, kw_only=True):
    """Content of <name>.json beside <name>.safetensors.

    `task`: what was trained, class or rotation; `accuracy`: share of correct predictions on
    `tested`, images that were not used for training."""

    format: int = 1
    name: str
    task: Task
    data: TrainingData
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
    """Computes features of images. `dims`: of a feature; `outputs`: number of logits; `classes`:
    their names, () if they are no classes; `scores`: whether an Inception score makes sense."""

    name: str
    sha256: str
    dims: int
    outputs: int
    classes: tuple[str, ...]
    scores: bool

    def resizes(self, side: int) -> str:
        """How images of `side` pixels are resized, in words."""

    def __call__(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Images uint8 (n, channels, size, size) -> features (n, dims) and logits (n, outputs),
        float32 on the CPU."""


class OwnExtractor:
    """One of our networks, in float32 on `device`."""

    def __init__(self, record: ExtractorRecord, network: Network, device: torch.device) -> None:
        self.record, self.device = record, device
        self.network = network.eval().requires_grad_(False).to(device)
        self.name, self.sha256, self.dims = record.name, record.sha256, len(network.mean)
        self.classes, self.scores = tuple(record.classes), bool(record.classes)
        self.outputs = network.head.out_features

    def resizes(self, side: int) -> str:
        return describe_resize(side, self.record.size)

    def __call__(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        with without_tf32():
            images = fit_images(levels.to(self.device), self.record.channels, self.record.size)
            features, logits = self.network(images)
        return features.cpu(), logits.cpu()


class ForeignExtractor:
    """An extractor of another package; its errors name it and the package."""

    def __init__(self, points: Sequence[EntryPoint], device: torch.device) -> None:
        build: Any = extensions.load(points, object, "extractor")
        self.point = points[0]
        with extensions.blame(self.point, "extractor"):
            self.inner: Extractor = build(device)
            self.name, self.sha256 = self.inner.name, self.inner.sha256
            self.dims, self.outputs = self.inner.dims, self.inner.outputs
            self.classes, self.scores = self.inner.classes, self.inner.scores

    def resizes(self, side: int) -> str:
        with extensions.blame(self.point, "extractor"):
            return self.inner.resizes(side)

    def __call__(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        with extensions.blame(self.point, "extractor"):
            features, logits = self.inner(levels)
            return features, logits


def list_packaged() -> dict[str, Path]:
    """Files of the extractors that come with ganzoo, by name."""
    return {path.stem: path.with_suffix(".safetensors") for path in sorted(PACKAGED.glob("*.json"))}


def _read_extractor_record(path: Path) -> ExtractorRecord:
    """Read the record beside an extractor's file; the file itself is not read."""
    beside = path.with_suffix(".json")
    try:
        return files.decode_json(
            files.read_limited(beside, EXTRACTOR_RECORD_LIMIT), ExtractorRecord
        )
    except OSError as error:
        reason = f"cannot be read ({error.strerror}); an extractor is two files"
        raise WeightsError(error.filename or path, reason) from None
    except msgspec.DecodeError as error:
        raise WeightsError(beside, f"is not the record of an extractor ({error})") from None


def read_verified(path: Path) -> ExtractorRecord:
    """Read the record beside an extractor's file, and check the file's hash."""
    record = _read_extractor_record(path)
    try:
        actual = files.sha256(path)
    except OSError as error:
        reason = f"cannot be read ({error.strerror}); an extractor is two files"
        raise WeightsError(path, reason) from None
    if actual != record.sha256:
        raise HashMismatch(path, record.sha256, actual, path.with_suffix(".json").name)
    return record


def load_extractor(path: Path, device: torch.device) -> OwnExtractor:
    """Load an extractor from its file and the record beside it."""
    record = read_verified(path)
    with torch.random.fork_rng(devices=[]):
        network = Network(record.channels, record.size, len(record.classes) or 4)
    weights.load_tensors(path, network.state_dict())
    return OwnExtractor(record, network, device)


def _find_for_data(data: str) -> Path | None:
    """File of the packaged extractor that was trained on a data set."""
    for path in list_packaged().values():
        if _read_extractor_record(path).data.name == data:
            return path
    return None


def find_extractor(name: str | None, data: str, device: torch.device) -> Extractor:
    """Load an extractor by name or file; None: the one trained on `data`. UsageError if unknown."""
    if name == INCEPTION:
        from ganzoo.evaluate.inception import Inception

        return Inception(device)
    if name is None:
        path = _find_for_data(data)
        if path is None:
            hint = "train one with `ganzoo extractor train` and pass its file to --extractor"
            raise UsageError(f"no extractor was trained on {data!r}; {hint}")
        return load_extractor(path, device)
    packaged, points = list_packaged(), extensions.find(EXTRACTOR_POINTS)
    if name in packaged:
        return load_extractor(packaged[name], device)
    if name in points:
        return ForeignExtractor(points[name], device)
    if not Path(name).is_file():
        known = [*packaged, INCEPTION, *points]
        hint = did_you_mean(near(name, known))
        available = f"{', '.join(known)}, or a .safetensors file"
        raise UsageError(f"no extractor {name!r}{hint} ({available})")
    return load_extractor(Path(name), device)


def build_class_reader(
    data: str, channels: int, device: torch.device
) -> Callable[[Tensor], list[str]] | None:
    """A function that predicts class names of images (n, channels, size, size) in [-1, 1].

    None if no packaged extractor knows the classes of the data set."""
    path = _find_for_data(data)
    if path is None:
        return None
    record = _read_extractor_record(path)
    if not record.classes or record.channels < channels:
        return None
    extractor = load_extractor(path, device)

    def read(images: Tensor) -> list[str]:
        logits = extractor(to_levels(images))[1]
        return [extractor.classes[number] for number in logits.argmax(1).tolist()]

    return read


def require_pictures(kind: str, name: str) -> None:
    """DataError unless the data are images."""
    if kind != "images":
        raise DataError(f"{name!r} holds {kind}; features need images")
