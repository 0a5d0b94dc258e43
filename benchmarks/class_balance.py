"""How often each class comes out of a model, read by a classifier that is trained apart from it.

    python benchmarks/class_balance.py dcgan-mnist --data mnist --data-root DATA

A small convolutional network is trained on the train split alone (its accuracy on the test split is printed), then reads
10,000 samples. Ends with the manifest's metrics as JSON. About a minute on two cores.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import ganzoo
from ganzoo.data.sources import Batches, open_set
from ganzoo.data.spec import Data, Labels, Picture
from ganzoo.images import to_float

SAMPLES, BATCH, EPOCHS = 10_000, 128, 3


class Classifier(nn.Module):
    """Images (n, channels, 28, 28) in [-1, 1] -> class logits."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, classes),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.features(images)
        return logits


def stream(name: str, root: Path | None, split: str) -> tuple[Batches, tuple[str, ...]]:
    data = open_set(name, root=root, split=split)
    facts = data.facts
    return data.bind(Data({"image": Picture(facts.channels or 1, 28), "label": Labels(len(facts.classes))})), facts.classes


def train(batches: Batches, classes: int, seed: int) -> Classifier:
    torch.manual_seed(seed)
    model = Classifier(1, classes).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    steps = EPOCHS * batches.count // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for step in range(steps):
        batch = batches.take(step * BATCH, BATCH, seed)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(to_float(batch["image"]))
        optimizer.zero_grad()
        F.cross_entropy(logits.float(), batch["label"]).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.inference_mode()
def read(model: Classifier, images: Tensor) -> Tensor:
    return torch.cat([model(part).argmax(1) for part in images.split(500)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the metrics here")
    asked = parser.parse_args()
    batches, classes = stream(asked.data, asked.data_root, "train")
    model = train(batches, len(classes), asked.seed)
    test, _ = stream(asked.data, asked.data_root, "test")
    held = test.take(0, test.count, 0)
    accuracy = float((read(model, to_float(held["image"])) == held["label"]).float().mean())
    samples = ganzoo.load(asked.model).sample(SAMPLES, seed=asked.seed, batch_size=250).tensor
    shares = torch.bincount(read(model, samples), minlength=len(classes)) / SAMPLES
    print(f"classifier: {100 * accuracy:.2f} % of {test.count:,} test images right")
    for name, share in zip(classes, shares.tolist(), strict=True):
        print(f"{name:>12} {100 * share:5.1f} % {'#' * round(200 * share)}")
    command = f"python benchmarks/class_balance.py {asked.model} --data {asked.data}"
    protocol = f"{SAMPLES:,} samples, seed {asked.seed}; classifier trained apart, {100 * accuracy:.2f} % right on the test split"
    metrics = [
        {"name": "smallest class share", "value": round(float(shares.min()), 4), "protocol": protocol, "command": command},
        {"name": "largest class share", "value": round(float(shares.max()), 4), "protocol": protocol, "command": command},
    ]
    print(json.dumps(metrics, indent=2))
    if asked.json:
        asked.json.write_text(json.dumps(metrics), "utf-8")


if __name__ == "__main__":
    main()
