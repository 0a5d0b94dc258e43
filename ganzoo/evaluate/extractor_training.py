"""Training an extractor on the train split of a data set: to tell classes, or by how many quarters a picture is turned
(Gidaris et al. 2018) where there are none."""

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
from ganzoo.sampling import samples
from ganzoo.sampling.device import choose_device, choose_precision, describe
from ganzoo.spec import Data, Labels, Picture
from ganzoo.version import VERSION
from ganzoo.zoo import manifest, weights

TRAIN_BATCH, LEAST, RATE, SIDES, SHIFT = 128, 16, 3e-3, (8, 64), 3
"""Examples a step, in small sets fewer; LEAST of them; the highest rate; least and greatest side; pixels of a random shift."""
HELD_OUT = 10
"""Where a set has no test split, one picture in so many is not learnt from."""
SCALED = 10_000
"""Pictures over which features get mean 0 and deviation 1."""
Told = Callable[[str], None]


@dataclass
class Examples:
    """Pictures to learn from or to be tested on: rows of a data set."""

    batches: Batches
    rows: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> dict[str, Tensor]:
        return {key: taker(rows, 0, 0) for key, taker in self.batches.takers.items()}

    def parts(self, most: int | None = None) -> Iterator[dict[str, Tensor]]:
        """In order, a batch at a time."""
        rows = self.rows[:most]
        return (
            self.take(rows[begin : begin + 2 * TRAIN_BATCH])
            for begin in range(0, len(rows), 2 * TRAIN_BATCH)
        )


def train_extractor(
    data: str, out: Path, *, root: Path | None = None, task: str | None = None, epochs: int = 6, seed: int = 0,
    device: str = "auto", told: Told = lambda text: None,
) -> ExtractorRecord:  # fmt: skip
    """Learn on a set's train split, test on its test split, and write `out` (.safetensors) with its record beside it.

    `task`: classes or rotation; None: classes where the set has labels. The same seed gives the same file on the same machine."""
    if out.suffix != ".safetensors":
        raise UsageError(f"{out}: an extractor is a .safetensors file")
    source = open_set(data, root=root)
    chosen = _task(source, task)
    size, where = _side(source), choose_device(device)
    learnt, tested, words = split_examples(source, data, root, size, chosen)
    told(
        f"{source.facts.name}: {len(learnt.rows):,} pictures of {size} pixels to learn {chosen} from, tested on {words}"
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        precision = choose_precision("auto", where)
        network = _learn(
            learnt,
            source,
            size,
            chosen,
            epochs=epochs,
            seed=seed,
            device=where,
            precision=precision,
            told=told,
        )
        _scale(network, learnt, where)
    with files.replacing(out) as temporary:
        # entries of a header come in any order, and equal files are to be equal bytes: so it has none
        weights.save(temporary, network.state_dict(), {})
        weights.load(
            temporary, network.state_dict()
        )  # what is tested is what is written, in float16
        lesson = ExtractorRecord(
            name=out.stem, task=chosen, channels=source.facts.channels or 3, size=size, tested=words,
            classes=list(source.facts.classes if chosen == "classes" else ()),
            data=manifest.DataSet(
                name=source.facts.name, count=source.facts.count, digest=source.digest(), licence=source.licence,
                source=source.source,
            ),
            accuracy=0.0, epochs=epochs, seed=seed, precision=precision, machine=describe(where),
            command=_command(source, data, task, epochs, seed, out), date=datetime.date.today().isoformat(), version=VERSION,
            torch=str(torch.__version__), sha256=files.sha256(temporary),
        )  # fmt: skip
        lesson = msgspec.structs.replace(
            lesson,
            accuracy=round(measure_accuracy(OwnExtractor(lesson, network, where), tested), 4),
        )
        files.write_json(out.with_suffix(".json"), lesson)
    return lesson


def measure_accuracy(extractor: OwnExtractor, tested: Examples) -> float:
    """Share of right answers; of rotations, over all four turns of every picture."""
    right = total = 0
    for batch in tested.parts():
        if extractor.classes:
            asked = [(batch["image"], batch["label"])]
        else:
            asked = [
                (batch["image"].rot90(k, (2, 3)), torch.full((len(batch["image"]),), k))
                for k in range(4)
            ]
        for pictures, answer in asked:
            right += int((extractor(pictures)[1].argmax(1) == answer).sum())
            total += len(answer)
    return right / total


def _task(source: DataSet, task: str | None) -> Task:
    require_pictures(source.facts.kind, source.facts.name)
    if task not in (None, "classes", "rotation"):
        raise UsageError(f"--task {task}: classes or rotation")
    if task == "classes" and not source.facts.classes:
        raise UsageError(
            f"--task classes: {source.facts.name!r} has no labels; rotation needs none"
        )
    return "classes" if source.facts.classes and task != "rotation" else "rotation"


def _side(source: DataSet) -> int:
    return min(SIDES[1], max(SIDES[0], source.facts.size or SIDES[1]))


def split_examples(
    source: DataSet, data: str, root: Path | None, size: int, task: str
) -> tuple[Examples, Examples, str]:
    """What to learn from, what to test on, and the latter in words. Every tenth picture is held out of a set without a split."""
    learnt = _bound(source, size, task)
    try:
        other = open_set(data, root=root, split="test")
        if other.digest() != source.digest():
            tested = _bound(other, size, task)
            return learnt, tested, f"the {len(tested.rows):,} pictures of the test split"
    except DataError:
        pass
    order = permutation(0, 0, "held-out", len(learnt.rows))
    held = len(order) // HELD_OUT
    if held < 1:
        raise DataError(
            f"{source.facts.name!r} has {len(order)} pictures; at least {HELD_OUT} are needed"
        )
    words = f"{held:,} pictures held out, as there is no test split"
    return Examples(learnt.batches, order[held:]), Examples(learnt.batches, order[:held]), words


def _bound(source: DataSet, size: int, task: str) -> Examples:
    fields: dict[str, Picture | Labels] = {"image": Picture(source.facts.channels or 3, size)}
    if task == "classes":
        fields["label"] = Labels(len(source.facts.classes))
    batches = source.bind(Data(fields))
    return Examples(batches, np.arange(batches.count))


def _learn(
    learnt: Examples,
    source: DataSet,
    size: int,
    task: str,
    epochs: int,
    seed: int,
    device: torch.device,
    precision: str,
    told: Told,
) -> Network:
    outputs = len(source.facts.classes) if task == "classes" else 4
    network = (
        Network(source.facts.channels or 3, size, outputs)
        .to(device)
        .to(memory_format=torch.channels_last)
    )
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    batch = min(TRAIN_BATCH, max(LEAST, len(learnt.rows) // 20), len(learnt.rows))
    steps = len(learnt.rows) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=max(2, epochs * steps)
    )
    for epoch in range(epochs):
        stream, total = make_generator(seed, epoch, "lessons"), torch.zeros((), device=device)
        order = stream.permutation(learnt.rows)
        for step in range(steps):
            pictures, answer = _varied(
                learnt.take(order[step * batch : (step + 1) * batch]), stream
            )
            with samples.precise(device, precision):
                logits = network(images.to_float(pictures.to(device)))[1]
            loss = F.cross_entropy(logits.float(), answer.to(device))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += loss.detach()
        told(f"epoch {epoch + 1} of {epochs}: loss {float(total) / steps:.4f}")
    network.eval()
    return network


def _varied(batch: dict[str, Tensor], stream: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Pictures shifted by some pixels, coloured ones mirrored by chance, and the answers; without labels, turned."""
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
    turned = torch.stack(
        [picture.rot90(int(k), (1, 2)) for picture, k in zip(pictures, turns, strict=True)]
    )
    return turned, turns


@torch.inference_mode()
def _scale(network: Network, learnt: Examples, device: torch.device) -> None:
    """Mean and deviation of the raw features; a feature that never moves is left as it is."""
    raw = torch.cat(
        [network.raw(images.to_float(part["image"].to(device))) for part in learnt.parts(SCALED)]
    )
    deviation = raw.std(0)
    network.mean.copy_(raw.mean(0))
    network.deviation.copy_(torch.where(deviation > 1e-6, deviation, 1.0))


def _command(
    source: DataSet, data: str, task: str | None, epochs: int, seed: int, out: Path
) -> str:
    """Without paths of this machine."""
    name = data if source.source else source.facts.name  # only named sets have a source
    words = ["ganzoo", "extractor", "train", "--data", name, *(["--task", task] if task else [])]
    return shlex.join([*words, "--epochs", str(epochs), "--seed", str(seed), "--out", out.name])
