"""Train an extractor on the train split of a data set.

It predicts classes, or without labels, rotations by quarter turns (Gidaris et al. 2018)."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ganzoo import files
from ganzoo.data.batches import Batches
from ganzoo.data.order import permutation
from ganzoo.data.sources import DataSet, open_set
from ganzoo.errors import DataError, UsageError
from ganzoo.evaluate.extractors import ExtractorRecord, OwnExtractor, Task, require_pictures
from ganzoo.evaluate.network import Network
from ganzoo.inputs.streams import make_generator
from ganzoo.pictures import images
from ganzoo.sampling import generation
from ganzoo.sampling.device import choose_device, choose_precision, describe
from ganzoo.spec import Data, Facts, Labels, Picture
from ganzoo.version import VERSION
from ganzoo.zoo import manifest, weights

TRAIN_BATCH, LEAST_BATCH = 128, 16
"""Examples per step: the usual number, and the least for small sets."""
PEAK_RATE = 3e-3
SIDES = (8, 64)
"""Smallest and largest image side."""
SHIFT = 3
"""Largest random shift, in pixels."""
HELD_OUT = 10
"""Without a test split, one image in ten is held out."""
SCALED = 10_000
"""Images over which features are normalised."""


@dataclass
class ExampleRows:
    """Rows of a data set, to train or to test on."""

    batches: Batches
    rows: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> dict[str, Tensor]:
        """A batch of these rows."""
        return {key: taker(rows, 0, 0) for key, taker in self.batches.takers.items()}

    def parts(self, most: int | None = None) -> Iterator[dict[str, Tensor]]:
        """All rows in order, or the first `most`, in batches."""
        rows, size = self.rows[:most], 2 * TRAIN_BATCH
        for start in range(0, len(rows), size):
            yield self.take(rows[start : start + size])


def train_extractor(
    data: str,
    out: Path,
    *,
    root: Path | None = None,
    task: str | None = None,
    epochs: int = 6,
    seed: int = 0,
    device: str = "auto",
    tell: Callable[[str], None] = lambda text: None,
) -> ExtractorRecord:
    """Train on the train split, test on the test split, write `out` (.safetensors) and its record.

    `task`: classes or rotation; by default classes if the data have labels. The same seed gives the
    same file on the same machine."""
    if out.suffix != ".safetensors":
        raise UsageError(f"{out}: the file of an extractor ends in .safetensors")
    source = open_set(data, root=root)
    name, chosen = source.facts.name, _choose_task(source.facts, task)
    classes = list(source.facts.classes if chosen == "classes" else ())
    size, where = min(SIDES[1], max(SIDES[0], source.facts.size or SIDES[1])), choose_device(device)
    learnt, tested, description = split_examples(source, data, root, size, chosen)
    count = f"{len(learnt.rows):,} images of {size} pixels"
    tell(f"{name}: training on {count} to predict {chosen}, testing on {description}")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        precision = choose_precision("auto", where)
        network = Network(source.facts.channels or 3, size, len(classes) or 4).to(where)
        network.to(memory_format=torch.channels_last)
        _fit_network(network, learnt, epochs, seed, where, precision, tell)
        _normalise_features(network, learnt, where)

    words = ["ganzoo", "extractor", "train", "--data", data if source.source else name]
    words += ["--task", task] if task else []
    words += ["--epochs", str(epochs), "--seed", str(seed), "--out", out.name]
    with files.replacing(out) as temporary:
        # no header: its entries have no fixed order, and equal networks should give equal bytes
        weights.save_tensors(temporary, network.state_dict(), {})
        # test what is written, in float16
        weights.load_tensors(temporary, network.state_dict())
        record = ExtractorRecord(
            name=out.stem,
            task=chosen,
            channels=source.facts.channels or 3,
            size=size,
            tested=description,
            classes=classes,
            data=manifest.TrainingData(
                name=name,
                count=source.facts.count,
                digest=source.digest(),
                licence=source.licence,
                source=source.source,
            ),
            accuracy=0.0,
            epochs=epochs,
            seed=seed,
            precision=precision,
            machine=describe(where),
            command=shlex.join(words),
            date=datetime.date.today().isoformat(),
            version=VERSION,
            torch=str(torch.__version__),
            sha256=files.sha256(temporary),
        )
        accuracy = _measure_accuracy(OwnExtractor(record, network, where), tested)
        record = msgspec.structs.replace(record, accuracy=round(accuracy, 4))
        files.write_json(out.with_suffix(".json"), record)
    return record


def _choose_task(facts: Facts, task: str | None) -> Task:
    require_pictures(facts.kind, facts.name)
    if task not in (None, "classes", "rotation"):
        raise UsageError(f"--task {task}: must be classes or rotation")
    if task == "classes" and not facts.classes:
        raise UsageError(f"--task classes: {facts.name!r} has no labels; rotation needs none")
    return "classes" if facts.classes and task != "rotation" else "rotation"


def _measure_accuracy(extractor: OwnExtractor, tested: ExampleRows) -> float:
    """Share of correct predictions; for rotations, over all four turns of every image."""
    right = total = 0
    for batch in tested.parts():
        pictures = batch["image"]
        if extractor.classes:
            pairs = [(pictures, batch["label"])]
        else:
            turns = range(4)
            pairs = [(pictures.rot90(k, (2, 3)), torch.full((len(pictures),), k)) for k in turns]
        for turned, answer in pairs:
            right += int((extractor(turned)[1].argmax(1) == answer).sum())
            total += len(answer)
    return right / total


def split_examples(
    source: DataSet, data: str, root: Path | None, size: int, task: str
) -> tuple[ExampleRows, ExampleRows, str]:
    """Examples to train on, to test on, and the latter in words; without a test split, some are
    held out."""
    learnt = _bind_examples(source, size, task)
    try:
        other = open_set(data, root=root, split="test")
        if other.digest() != source.digest():
            tested = _bind_examples(other, size, task)
            return learnt, tested, f"the {len(tested.rows):,} images of the test split"
    except DataError:
        pass
    order = permutation(0, 0, "held-out", len(learnt.rows))
    held = len(order) // HELD_OUT
    if held < 1:
        count = f"{source.facts.name!r} has {len(order)} images"
        raise DataError(f"{count}; at least {HELD_OUT} are needed")
    description = f"{held:,} images held out, since there is no test split"
    train = ExampleRows(learnt.batches, order[held:])
    return train, ExampleRows(learnt.batches, order[:held]), description


def _bind_examples(source: DataSet, size: int, task: str) -> ExampleRows:
    """All images of a data set, with labels if the task needs them."""
    fields: dict[str, Picture | Labels] = {"image": Picture(source.facts.channels or 3, size)}
    if task == "classes":
        fields["label"] = Labels(len(source.facts.classes))
    batches = source.bind(Data(fields))
    return ExampleRows(batches, np.arange(batches.count))


def _fit_network(
    network: Network,
    learnt: ExampleRows,
    epochs: int,
    seed: int,
    device: torch.device,
    precision: str,
    tell: Callable[[str], None],
) -> None:
    """AdamW with one cycle of the learning rate; the network ends in eval mode."""
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    batch = min(TRAIN_BATCH, max(LEAST_BATCH, len(learnt.rows) // 20), len(learnt.rows))
    steps = len(learnt.rows) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=max(2, epochs * steps)
    )
    for epoch in range(epochs):
        stream, total = make_generator(seed, epoch, "lessons"), torch.zeros((), device=device)
        order = stream.permutation(learnt.rows)
        for step in range(steps):
            rows = order[step * batch : (step + 1) * batch]
            pictures, answer = augment(learnt.take(rows), stream)
            with generation.autocast(device, precision):
                logits = network(images.to_float(pictures.to(device)))[1]
            loss = F.cross_entropy(logits.float(), answer.to(device))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += loss.detach()
        tell(f"epoch {epoch + 1} of {epochs}: loss {float(total) / steps:.4f}")
    network.eval()


def augment(batch: dict[str, Tensor], stream: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Shift images, mirror coloured ones at random, and rotate those without labels.

    Returns images and answers: labels, or numbers of quarter turns."""
    pictures = batch["image"]
    if pictures.shape[1] == 3:
        mirrored = torch.from_numpy(stream.integers(2, size=len(pictures)).astype(bool))
        pictures = torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures)
    side, (down, right) = pictures.shape[3], stream.integers(2 * SHIFT + 1, size=2)
    padded = F.pad(pictures.float(), (SHIFT,) * 4, mode="replicate").to(torch.uint8)
    pictures = padded[:, :, down : down + side, right : right + side]
    if "label" in batch:
        return pictures, batch["label"]
    turns = torch.from_numpy(stream.integers(4, size=len(pictures)))
    turned = [picture.rot90(int(k), (1, 2)) for picture, k in zip(pictures, turns, strict=True)]
    return torch.stack(turned), turns


@torch.inference_mode()
def _normalise_features(network: Network, learnt: ExampleRows, device: torch.device) -> None:
    """Set mean and deviation of the raw features; constant features keep their scale."""
    parts = [images.to_float(part["image"].to(device)) for part in learnt.parts(SCALED)]
    raw = torch.cat([network.raw(part) for part in parts])
    deviation = raw.std(0)
    network.mean.copy_(raw.mean(0))
    network.deviation.copy_(torch.where(deviation > 1e-6, deviation, 1.0))
