"""Few images: training from scratch against fine-tuning, with equal numbers of steps.

    python benchmarks/finetune.py --data anime-faces-64.zip --out runs/few

--seed shuffles the images: the first 500 train the models, half of the rest trains the extractor,
the other half is held out for the measurement. Samples come from each run's averaged generator.

- KID: unbiased squared MMD with the kernel (x.y / d + 1)^3 (Binkowski et al. 2018), in standardised
  features of a small network trained to predict rotations (Gidaris et al. 2018). The extractor is
  not Inception: compare values within this table only. Beside it: the standard error over ten
  disjoint parts.
- nearest: median RMS difference in grey levels from a sample to the nearest training image or its
  mirror image, divided by the same for held-out images. Values far below 1 mean copied images.

The rows `held out` and `trained on` give the values of real images. A finished run in --out is
measured without training it again.
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


def rotate_images(images: Tensor) -> tuple[Tensor, Tensor]:
    """All four rotations of each image, and the number of quarter turns of each."""
    turned = torch.cat([images.rot90(k, (2, 3)) for k in range(4)])
    return turned, torch.arange(4).repeat_interleave(len(images))


def train_extractor(images: Tensor, epochs: int, seed: int, device: str) -> Turned:
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
            turned, answer = rotate_images(images[rows])
            optimizer.zero_grad()
            F.cross_entropy(model(turned.to(device)), answer.to(device)).backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def measure_accuracy(model: Turned, images: Tensor) -> float:
    with torch.inference_mode():
        right = [
            model(x.to(next(model.parameters()).device)).argmax(1).cpu() == y
            for x, y in map(rotate_images, images.split(100))
        ]
    return float(torch.cat(right).float().mean())


def measure_spread(real: Tensor, fake: Tensor) -> float:
    """Standard error of the mean KID of PARTS disjoint parts."""
    parts = [
        kernel_distance(a, b) for a, b in zip(real.chunk(PARTS), fake.chunk(PARTS), strict=True)
    ]
    return float(np.std(parts, ddof=1) / PARTS**0.5)


def measure_nearest(images: Tensor, known: Tensor) -> float:
    """Median RMS difference, in grey levels of 255, from an image to the nearest known one or
    its mirror image."""
    both = torch.cat([known, known.flip(3)]).flatten(1)
    least = torch.cat(
        [torch.cdist(part.flatten(1), both).min(dim=1).values for part in images.split(500)]
    )
    return float(float(least.median()) / both.shape[1] ** 0.5 * 127.5)


def load_images(entries: Iterable[files.DataFile], channels: int, size: int) -> Tensor:
    levels = np.stack([decode_image(entry, channels, size) for entry in entries])
    return to_float(torch.from_numpy(levels).permute(0, 3, 1, 2).contiguous())


def write_images(entries: list[files.DataFile], folder: Path) -> Path:
    """Write the training images into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        (folder / Path(entry.name).name).write_bytes(entry.read())
    return folder


def list_variants(
    options: argparse.Namespace, plugin: str, config: dict[str, Any]
) -> dict[str, Callable[[Path], Path]]:
    """Runs by name. All share networks, settings, steps, batch and seed."""
    few = str(options.out / "few")
    common: dict[str, Any] = {
        "steps": options.steps,
        "seed": options.seed,
        "device": options.device,
        "sample_every": 0,
        "checkpoint_every": 0,
        "force": True,
        "batch_size": options.batch_size,
    }

    def train_scratch(**more: Any) -> Callable[[Path], Path]:
        return lambda out: ganzoo.train(plugin, few, out=out, settings=config, **common, **more)

    def finetune(**more: Any) -> Callable[[Path], Path]:
        return lambda out: ganzoo.finetune(options.parent, few, out=out, **common, **more)

    return {
        "scratch": train_scratch(),
        "scratch-augment": train_scratch(augment=options.augment),
        "finetune": finetune(),
        "finetune-augment": finetune(augment=options.augment),
        "finetune-freeze-augment": finetune(augment=options.augment, freeze=options.freeze),
    }


def run(name: str, make: Callable[[Path], Path], options: argparse.Namespace) -> Path:
    """The folder of a run, which is trained unless it is finished with as many steps."""
    folder: Path = options.out / name
    if (folder / record.RUN).exists():
        found, _ = record.read_run(folder)
        if found.done and set(found.phases.values()) == {options.steps}:
            return folder
    return make(folder)


def parse_options() -> argparse.Namespace:
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
    options = parse_options()
    recorded = weights.read_config(pull.pull(options.parent, training=True).folder)
    channels, size = recorded.config["channels"], recorded.config["size"]
    everything = sorted(
        (
            entry
            for entry in files.list_data_files(options.data)
            if entry.path.name not in files.CAPTION_LISTS
        ),
        key=lambda e: e.name,
    )
    order = np.random.default_rng(options.seed).permutation(len(everything))
    shuffled = [everything[i] for i in order]
    few, rest = shuffled[: options.pictures], shuffled[options.pictures :]
    known = load_images(few, channels, size)
    others, held = (
        load_images(part, channels, size)
        for part in (rest[: len(rest) // 2], rest[len(rest) // 2 :])
    )
    write_images(few, options.out / "few")

    model = train_extractor(others, options.epochs, options.seed, options.device)
    raw = model.features(others)
    mean, deviation = raw.mean(0), raw.std(0) + 1e-6

    def normalise(images: Tensor) -> Tensor:
        return (model.features(images) - mean) / deviation

    real, far = normalise(held), measure_nearest(held, known)
    share = measure_accuracy(model, held[:500])
    protocol = (
        f"KID against {len(held):,} held-out pictures, {options.samples:,} samples from seed "
        f"{options.seed}; features of a rotation network trained on {len(others):,} others "
        f"({100 * share:.1f} % of held-out turns right); {options.pictures} pictures "
        f"trained on, {options.steps:,} steps, seed {options.seed}"
    )
    print(
        f"{protocol}\nheld-out pictures lie {far:.1f} grey levels from the nearest one trained on",
        flush=True,
    )
    half = len(held) // 2
    rows: dict[str, Any] = {
        "held out": (
            kernel_distance(real[:half], real[half:]),
            measure_spread(real[:half], real[half : 2 * half]),
            1.0,
            0.0,
        )
    }
    rows["trained on"] = (
        kernel_distance(real, normalise(known)),
        measure_spread(real, normalise(known)),
        0.0,
        0.0,
    )

    def measure_run(name: str | Path, seconds: float) -> tuple[float, float, float, float]:
        samples = (
            ganzoo.load(name, device=options.device)
            .sample(options.samples, seed=options.seed)
            .tensor.float()
            .cpu()
        )
        fake = normalise(samples)
        return (
            kernel_distance(real, fake),
            measure_spread(real, fake),
            measure_nearest(samples, known) / far,
            seconds / 60,
        )

    rows["parent, untouched"] = measure_run(options.parent, 0.0)
    for name, make in list_variants(options, recorded.plugin, recorded.config).items():
        if options.only and name not in options.only:
            continue
        started = time.perf_counter()
        folder = run(name, make, options)
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
        rows[name] = measure_run(folder.absolute(), record.read_run(folder)[0].seconds)

    print(f"\n{'':>26} {'KID':>10} {'+-':>8} {'nearest':>8} {'minutes':>8}")
    for name, (value, error, distance, minutes) in rows.items():
        print(f"{name:>26} {value:10.4f} {error:8.4f} {distance:8.2f} {minutes:8.1f}")
    table = [
        {"name": name, "kid": row[0], "error": row[1], "nearest": row[2], "minutes": row[3]}
        for name, row in rows.items()
    ]
    (options.out / "measured.json").write_text(
        json.dumps({"protocol": protocol, "rows": table}, indent=2), "utf-8"
    )


if __name__ == "__main__":
    main()
