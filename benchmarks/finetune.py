"""Few pictures: training from scratch against fine-tuning at equal steps, measured on pictures that
neither has seen.

    python benchmarks/finetune.py --data anime-faces-64.zip --out runs/few

The pictures are put in an order by --seed: the first 500 are trained on, the next half teach the
extractor, the rest are held out and measured against. Fakes are those of each run's averaged
generator.

- KID: unbiased squared MMD with the kernel (x.y / d + 1)^3 (Binkowski et al. 2018), in the features
of a small network that was trained to tell by how many quarters a picture is turned (Gidaris et al.
2018), standardised. The extractor is not Inception: figures compare within this table and with
nothing else. Beside it: the deviation over ten disjoint parts. - nearest: RMS difference in grey
levels from a fake to the nearest training picture or its mirror image, median; divided by the same
for held-out pictures. Far below 1 would mean that training pictures are copied.

The rows `held out` and `trained on` say what real pictures get. A finished run in --out is measured
as it is.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import ganzoo
from ganzoo.data import files
from ganzoo.data.images import decode_image
from ganzoo.evaluate.kernel import kernel_distance
from ganzoo.pictures.images import to_float
from ganzoo.training import record
from ganzoo.zoo import pull, weights

BATCH, EPOCHS, PARTS = 64, 12, 10


class Turned(nn.Module):
    """Images (n, channels, side, side) in [-1, 1] -> logits of four rotations; `features` (n,
    128)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = (channels, 32, 64, 128, 128)
        blocks = [
            nn.Sequential(
                nn.Conv2d(a, b, 3, 2, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()
            )
            for a, b in pairwise(widths)
        ]
        self.body, self.head = (
            nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            nn.Linear(widths[-1], 4),
        )

    def forward(self, images: Tensor) -> Tensor:
        return torch.as_tensor(self.head(self.body(images)))

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        return torch.cat(
            [
                self.body(part.to(next(self.parameters()).device)).double().cpu()
                for part in images.split(250)
            ]
        )


def quarters(images: Tensor) -> tuple[Tensor, Tensor]:
    """Every picture in its four turns, and by how many quarters each is turned."""
    turned = torch.cat([images.rot90(k, (2, 3)) for k in range(4)])
    return turned, torch.arange(4).repeat_interleave(len(images))


def extractor(images: Tensor, epochs: int, seed: int, device: str) -> Turned:
    torch.manual_seed(seed)
    model = Turned(images.shape[1]).to(device)
    model.to(memory_format=torch.channels_last)
    steps = epochs * (len(images) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=max(2, steps))
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.randperm(len(images), generator=order).split(BATCH)[
            : len(images) // BATCH
        ]:
            turned, answer = quarters(images[rows])
            optimizer.zero_grad()
            F.cross_entropy(model(turned.to(device)), answer.to(device)).backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def accuracy(model: Turned, images: Tensor) -> float:
    with torch.inference_mode():
        right = [
            model(x.to(next(model.parameters()).device)).argmax(1).cpu() == y
            for x, y in map(quarters, images.split(100))
        ]
    return float(torch.cat(right).float().mean())


def spread(real: Tensor, fake: Tensor) -> float:
    """Deviation of KID over PARTS disjoint parts, of the mean of them all."""
    parts = [
        kernel_distance(a, b) for a, b in zip(real.chunk(PARTS), fake.chunk(PARTS), strict=True)
    ]
    return float(np.std(parts, ddof=1) / PARTS**0.5)


def nearest(images: Tensor, known: Tensor) -> float:
    """Median RMS difference, in grey levels of 255, from a picture to the nearest known one or
    its mirror image."""
    both = torch.cat([known, known.flip(3)]).flatten(1)
    least = torch.cat(
        [torch.cdist(part.flatten(1), both).min(dim=1).values for part in images.split(500)]
    )
    return float(float(least.median()) / both.shape[1] ** 0.5 * 127.5)


def loaded(entries: Iterable[files.DataFile], channels: int, size: int) -> Tensor:
    levels = np.stack([decode_image(entry, channels, size) for entry in entries])
    return to_float(torch.from_numpy(levels).permute(0, 3, 1, 2).contiguous())


def written(entries: list[files.DataFile], folder: Path) -> Path:
    """The pictures to be trained on, as a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        (folder / Path(entry.name).name).write_bytes(entry.read())
    return folder


def variants(
    asked: argparse.Namespace, plugin: str, config: dict[str, Any]
) -> dict[str, Callable[[Path], Path]]:
    """Runs by name: the same networks, settings, steps, batch and seed; only the beginning and
    the options differ."""
    few = str(asked.out / "few")
    common: dict[str, Any] = {
        "steps": asked.steps,
        "seed": asked.seed,
        "device": asked.device,
        "sample_every": 0,
        "checkpoint_every": 0,
        "force": True,
        "batch_size": asked.batch_size,
    }

    def scratch(**more: Any) -> Callable[[Path], Path]:
        return lambda out: ganzoo.train(plugin, few, out=out, settings=config, **common, **more)

    def tuned(**more: Any) -> Callable[[Path], Path]:
        return lambda out: ganzoo.finetune(asked.parent, few, out=out, **common, **more)

    return {
        "scratch": scratch(),
        "scratch-augment": scratch(augment=asked.augment),
        "finetune": tuned(),
        "finetune-augment": tuned(augment=asked.augment),
        "finetune-freeze-augment": tuned(augment=asked.augment, freeze=asked.freeze),
    }


def run(name: str, make: Callable[[Path], Path], asked: argparse.Namespace) -> Path:
    """The run's folder; trained unless it is there, finished, with as many steps."""
    folder: Path = asked.out / name
    if (folder / record.RUN).exists():
        found, _ = record.read_run(folder)
        if found.done and set(found.phases.values()) == {asked.steps}:
            return folder
    return make(folder)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="a folder or an archive of pictures"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/few"))
    parser.add_argument("--parent", default="dcgan-celeba")
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the extractor")
    parser.add_argument("--samples", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--freeze", type=int, default=2)
    parser.add_argument("--augment", default="color,translation,cutout")
    parser.add_argument("--only", nargs="*", help="some of the runs, by name")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    recorded = weights.read_config(pull.pull(asked.parent, training=True).folder)
    channels, size = recorded.config["channels"], recorded.config["size"]
    everything = sorted(
        (
            entry
            for entry in files.list_data_files(asked.data)
            if entry.path.name not in files.CAPTION_LISTS
        ),
        key=lambda e: e.name,
    )
    order = np.random.default_rng(asked.seed).permutation(len(everything))
    shuffled = [everything[i] for i in order]
    few, rest = shuffled[: asked.pictures], shuffled[asked.pictures :]
    known = loaded(few, channels, size)
    lessons, held = (
        loaded(part, channels, size) for part in (rest[: len(rest) // 2], rest[len(rest) // 2 :])
    )
    written(few, asked.out / "few")

    model = extractor(lessons, asked.epochs, asked.seed, asked.device)
    raw = model.features(lessons)
    mean, deviation = raw.mean(0), raw.std(0) + 1e-6

    def features(images: Tensor) -> Tensor:
        return (model.features(images) - mean) / deviation

    real, far = features(held), nearest(held, known)
    share = accuracy(model, held[:500])
    protocol = (
        f"KID against {len(held):,} held-out pictures, {asked.samples:,} samples from seed "
        f"{asked.seed}; features of a rotation network trained on {len(lessons):,} others "
        f"({100 * share:.1f} % of held-out turns right); {asked.pictures} pictures "
        f"trained on, {asked.steps:,} steps, seed {asked.seed}"
    )
    print(
        f"{protocol}\nheld-out pictures lie {far:.1f} grey levels from the nearest one trained on",
        flush=True,
    )
    half = len(held) // 2
    rows: dict[str, Any] = {
        "held out": (
            kernel_distance(real[:half], real[half:]),
            spread(real[:half], real[half : 2 * half]),
            1.0,
            0.0,
        )
    }
    rows["trained on"] = (
        kernel_distance(real, features(known)),
        spread(real, features(known)),
        0.0,
        0.0,
    )

    def measured(name: str | Path, seconds: float) -> tuple[float, float, float, float]:
        samples = (
            ganzoo.load(name, device=asked.device)
            .sample(asked.samples, seed=asked.seed)
            .tensor.float()
            .cpu()
        )
        fake = features(samples)
        return (
            kernel_distance(real, fake),
            spread(real, fake),
            nearest(samples, known) / far,
            seconds / 60,
        )

    rows["parent, untouched"] = measured(asked.parent, 0.0)
    for name, make in variants(asked, recorded.plugin, recorded.config).items():
        if asked.only and name not in asked.only:
            continue
        begun = time.perf_counter()
        folder = run(name, make, asked)
        print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)
        rows[name] = measured(folder.absolute(), record.read_run(folder)[0].seconds)

    print(f"\n{'':>26} {'KID':>10} {'+-':>8} {'nearest':>8} {'minutes':>8}")
    for name, (value, error, distance, minutes) in rows.items():
        print(f"{name:>26} {value:10.4f} {error:8.4f} {distance:8.2f} {minutes:8.1f}")
    table = [
        {"name": name, "kid": row[0], "error": row[1], "nearest": row[2], "minutes": row[3]}
        for name, row in rows.items()
    ]
    (asked.out / "measured.json").write_text(
        json.dumps({"protocol": protocol, "rows": table}, indent=2), "utf-8"
    )


if __name__ == "__main__":
    main()
