"""The classifier of the other benchmarks, trained on the train split, tested on the test split.

    python benchmarks/reader.py --data fashion-mnist --data-root DATA --out reader.safetensors

`--reader FILE` of the other benchmarks takes the file; without it they train one, in about five
minutes on a core.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.data.batches import Batches
from ganzoo.data.sources import open_set
from ganzoo.pictures.images import to_float
from ganzoo.sampling.device import choose_precision
from ganzoo.sampling.generation import autocast
from ganzoo.spec import Data, Labels, Picture

SIZE, BATCH, EPOCHS, SHIFT, MIRRORED, CPU = 28, 128, 10, 2, ("fashion-mnist",), torch.device("cpu")


class Network(nn.Module):
    """Images (n, channels, 28, 28) in [-1, 1] -> class logits."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in (32, 64, 128):
            for _ in range(2):
                layers += [
                    nn.Conv2d(channels, width, 3, padding=1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                ]
                channels = width
            layers += [nn.MaxPool2d(2), nn.Dropout(0.2)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 9, classes))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits


@dataclass(frozen=True)
class Reader:
    """Names classes. `accuracy`: share of the test split that it reads rightly."""

    network: Network
    data: str
    classes: tuple[str, ...]
    accuracy: float
    seed: int

    @torch.inference_mode()
    def read(self, images: Tensor) -> Tensor:
        """Images in [-1, 1] -> labels (n,)."""
        return torch.cat([self.network(part).argmax(1) for part in images.split(500)])

    @property
    def judge(self) -> str:
        """For a figure's protocol."""
        right = f"{100 * self.accuracy:.2f} % right on the test split"
        return f"classifier trained apart (benchmarks/reader.py, seed {self.seed}), {right}"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument(
        "--reader",
        type=Path,
        help="a file that benchmarks/reader.py has written; else one is trained",
    )
    parser.add_argument("--json", type=Path, help="write the metrics here")


def print_metrics(metrics: list[dict[str, Any]], path: Path | None) -> None:
    """On the screen, and in the file of `--json`."""
    print(json.dumps(metrics, indent=2))
    if path:
        path.write_text(json.dumps(metrics), "utf-8")


def median(shares: dict[str, float]) -> tuple[str, str]:
    """Of training seeds, by name: the median one, and what a protocol says of the choice; printed
    where there is one."""
    ordered = sorted(shares, key=lambda name: shares[name])
    name = ordered[len(ordered) // 2]
    if len(ordered) == 1:
        return name, ""
    print(f"median: {name}")
    values = ", ".join(f"{shares[one]:.4f}" for one in ordered)
    return name, f"; the median of {len(ordered)} training seeds ({values})"


def load_or_train(options: argparse.Namespace) -> Reader:
    return (
        load(options.reader, options.data)
        if options.reader
        else train(options.data, options.data_root)
    )


def stream(name: str, root: Path | None, split: str) -> tuple[Batches, tuple[str, ...]]:
    data = open_set(name, root=root, split=split)
    facts = data.facts
    return data.bind(
        Data({"image": Picture(facts.channels or 1, SIZE), "label": Labels(len(facts.classes))})
    ), facts.classes


def train(name: str, root: Path | None, seed: int = 1, epochs: int = EPOCHS) -> Reader:
    """Pictures are shifted by up to two pixels; those of clothes mirrored, too."""
    batches, classes = stream(name, root, "train")
    torch.manual_seed(seed)
    network = Network(1, len(classes)).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
    steps = epochs * batches.count // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for step in range(steps):
        batch = batches.take(step * BATCH, BATCH, seed)
        with autocast(CPU, choose_precision("auto", CPU)):
            logits = network(varied(to_float(batch["image"]), name in MIRRORED))
        optimizer.zero_grad()
        F.cross_entropy(logits.float(), batch["label"], label_smoothing=0.1).backward()
        optimizer.step()
        schedule.step()
    reader = Reader(network.eval(), name, classes, 0.0, seed)
    test, _ = stream(name, root, "test")
    held = test.take(0, test.count, 0)
    right = (reader.read(to_float(held["image"])) == held["label"]).float().mean()
    return Reader(network, name, classes, float(right), seed)


def varied(images: Tensor, mirror: bool) -> Tensor:
    padded = F.pad(images, [SHIFT] * 4, value=-1.0)
    rows, columns = (
        torch.arange(SIZE) + torch.randint(2 * SHIFT + 1, (len(images), 1)) for _ in range(2)
    )
    if mirror:
        columns = torch.where(torch.rand(len(images), 1) < 0.5, columns.flip(1), columns)
    every = torch.arange(len(images))[:, None, None]
    moved = padded.permute(0, 2, 3, 1)[every, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def save(reader: Reader, path: Path) -> None:
    record = {
        "data": reader.data,
        "classes": list(reader.classes),
        "accuracy": reader.accuracy,
        "seed": reader.seed,
    }
    tensors = {name: tensor.contiguous() for name, tensor in reader.network.state_dict().items()}
    save_file(tensors, path, {"reader": json.dumps(record)})


def load(path: Path, data: str) -> Reader:
    with safe_open(path, "pt") as file:
        record = json.loads(file.metadata()["reader"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if record["data"] != data:
        raise SystemExit(f"{path} reads {record['data']}, not {data}")
    network = Network(1, len(record["classes"]))
    network.load_state_dict(tensors)
    return Reader(
        network.eval(), data, tuple(record["classes"]), record["accuracy"], record["seed"]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    reader = train(options.data, options.data_root, options.seed, options.epochs)
    save(reader, options.out)
    print(f"{100 * reader.accuracy:.2f} % of the test split right")


if __name__ == "__main__":
    main()
