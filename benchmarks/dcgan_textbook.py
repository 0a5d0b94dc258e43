"""The 64-pixel DCGAN the way tutorials write it (eager, float32, contiguous) against ganzoo, in
turn in one run.

python benchmarks/dcgan_textbook.py sample                   dcgan-celeba, 64 at a time, 8-bit
pictures in memory python benchmarks/dcgan_textbook.py files                    the same, every
picture a PNG on disk python benchmarks/dcgan_textbook.py train --data FOLDER      a step of
training with data loading; noise pictures without --data

Both sides use the same networks and the same batch. The ratio is the median over rounds that
alternate. `--threads 1` compares CPU time of the process on one thread, which other work on the
machine does not touch.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import ganzoo
from ganzoo.data.sources import open_set
from ganzoo.pictures import images
from ganzoo.sampling import bulk
from ganzoo.spec import Data, Picture
from ganzoo.training.engine import Engine
from ganzoo.training.loop import Trainer
from ganzoo.training.recipe import Recipe
from ganzoo.zoo.registry import get

BATCH = 64
PICTURES = 2048


def textbook_sample(generator: nn.Module, n: int) -> None:
    with torch.no_grad():
        for _ in range(n // BATCH):
            fake = generator(torch.randn(BATCH, 100))
            (fake * 0.5 + 0.5).mul(255).clamp(0, 255).to(torch.uint8).permute(
                0, 2, 3, 1
            ).contiguous().numpy()


def textbook_files(generator: nn.Module, n: int, folder: Path) -> None:
    from torchvision.utils import save_image

    with torch.no_grad():
        for batch in range(n // BATCH):
            fake = generator(torch.randn(BATCH, 100))
            for place, image in enumerate(fake):
                save_image(image * 0.5 + 0.5, folder / f"{batch * BATCH + place:06d}.png")


class Textbook:
    """The loop of the tutorials: real, fake, discriminator step; generator step on the same
    fakes."""

    def __init__(self, data: Any, batch: int) -> None:
        plugin = get("dcgan")
        torch.manual_seed(0)
        gan = plugin.build(ganzoo_config(batch))
        self.generator, self.discriminator = (
            gan.get_submodule("generator"),
            gan.get_submodule("discriminator"),
        )
        self.move_g = torch.optim.Adam(self.generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.move_d = torch.optim.Adam(self.discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.criterion, self.data = nn.BCEWithLogitsLoss(), iter(endless(data))

    def step(self) -> None:
        real = next(self.data)
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        self.discriminator.zero_grad()
        self.criterion(self.discriminator(real), ones).backward()
        fake = self.generator(torch.randn(len(real), 100))
        self.criterion(self.discriminator(fake.detach()), zeros).backward()
        self.move_d.step()
        self.generator.zero_grad()
        self.criterion(self.discriminator(fake), ones).backward()
        self.move_g.step()


def endless(loader: Any) -> Any:
    while True:
        for batch in loader:
            yield batch[0] if isinstance(batch, (list, tuple)) else batch


def ganzoo_config(batch: int) -> Any:
    from ganzoo_dcgan import DCGANConfig

    return DCGANConfig(batch=batch, steps=10**6)


def memory_loader(pictures: torch.Tensor, batch: int) -> Any:
    """All pictures as floats in memory, the quicker of the two tutorial ways on few cores."""
    floats = pictures.float() / 127.5 - 1
    return lambda: (
        floats[chosen]
        for chosen in torch.randperm(len(floats)).split(batch)
        if len(chosen) == batch
    )


class Again:
    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __iter__(self) -> Any:
        return iter(self.make())


def trainers(
    data: str | None, root: str | None, batch: int, loader: str, folder: Path
) -> tuple[Callable[[], None], Callable[[], None]]:
    plugin, config = get("dcgan"), ganzoo_config(batch)
    if data is None:
        from ganzoo.testing.synthetic import Synthetic

        batches: Any = Synthetic(plugin.data(config))
        pictures = batches.take(0, PICTURES, 0)["image"]
    else:
        batches = open_set(data, root=Path(root) if root else None).bind(
            Data({"image": Picture(3, 64)})
        )
        pictures = batches.take(0, PICTURES, 0)["image"]
    pictures = (
        pictures if pictures.dtype == torch.uint8 else (pictures * 127.5 + 127.5).to(torch.uint8)
    )
    pictures = pictures.contiguous()
    if loader == "workers":
        plain: Any = DataLoader(
            TensorDataset(pictures.float() / 127.5 - 1),
            batch,
            shuffle=True,
            num_workers=2,
            drop_last=True,
        )
    else:
        plain = Again(memory_loader(pictures, batch))
    textbook = Textbook(plain, batch)
    engine = Engine("auto", "auto", 0, plugin.output(config))
    torch.manual_seed(0)
    gan = plugin.build(config)
    trainer = Trainer(
        gan,
        gan.phases(),
        batches,
        engine,
        folder,
        recipe=Recipe(log_every=0, sample_every=0, checkpoint_every=0),
    )
    from ganzoo.training import log

    buffer = log.Buffer()

    def ours() -> None:
        for _ in range(STEPS):
            trainer.step(buffer)

    def theirs() -> None:
        for _ in range(STEPS):
            textbook.step()

    return theirs, ours


STEPS = 6


def samplers(folder: Path, files: bool) -> tuple[Callable[[], None], Callable[[], None], int]:
    model = ganzoo.load("dcgan-celeba")
    plain = ganzoo.load("dcgan-celeba", device="cpu", precision="fp32").gan.get_submodule(
        "generator"
    )
    plain = plain.to(memory_format=torch.contiguous_format)
    n = 16 * BATCH
    rounds = iter(range(10**6))

    def theirs() -> None:
        if files:
            place = folder / f"a{next(rounds)}"
            place.mkdir()
            textbook_files(plain, n, place)
        else:
            textbook_sample(plain, n)

    def ours() -> None:
        if files:
            bulk.write_bulk(model, folder / f"b{next(rounds)}", n, seed=0, batch_size=BATCH)
        else:
            for part in model.stream(n, seed=0, batch_size=BATCH):
                images.to_uint8(part.tensor)

    return theirs, ours, n


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["sample", "files", "train"])
    parser.add_argument("--data")
    parser.add_argument("--data-root")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--loader", choices=["memory", "workers"], default="memory")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    clock = time.process_time if options.threads == 1 else time.perf_counter
    with tempfile.TemporaryDirectory() as name:
        if options.what == "train":
            theirs, ours = trainers(
                options.data, options.data_root, options.batch, options.loader, Path(name)
            )
            n = STEPS * options.batch
        else:
            theirs, ours, n = samplers(Path(name), options.what == "files")
        theirs(), ours()
        times = []
        for _ in range(options.rounds):
            pair = []
            for work in (theirs, ours):
                started = clock()
                work()
                pair.append(clock() - started)
            times.append(pair)
    kind = (
        "CPU seconds, one thread"
        if clock is time.process_time
        else f"{torch.get_num_threads()} threads"
    )
    print(
        f"{options.what}, {kind}: textbook {n / median(a for a, _ in times):,.0f} images/s, "
        f"ganzoo {n / median(b for _, b in times):,.0f} images/s, "
        f"ratio {median(a / b for a, b in times):.2f} "
        f"(from {min(a / b for a, b in times):.2f} to {max(a / b for a, b in times):.2f})"
    )


if __name__ == "__main__":
    main()
