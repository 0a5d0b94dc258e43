"""Do the figures of an extractor notice what is wrong with pictures? Real ones, spoilt in known
ways, against real ones.

    python benchmarks/sensitivity.py mnist fashion-mnist cifar10 celeba --data-root DATA

Of each set's train split, two disjoint draws of --pictures are compared: the second as it is, with
noise (deviation 25 and 50 of 255), blurred (Gaussian, deviation 1 pixel), 20 pictures again and
again, and the first half of the classes alone. A good extractor gives the first row the smallest
FID, more for more noise, less recall where something is missing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from ganzoo.data.sources import open_set
from ganzoo.evaluate import extractors
from ganzoo.evaluate.evidence import Evidence
from ganzoo.evaluate.extractors import Extractor
from ganzoo.evaluate.groups import GROUPS
from ganzoo.evaluate.observed import Observed
from ganzoo.spec import Data, Picture

SHOWN = ("FID", "KID", "precision", "recall", "density", "coverage")


def spoilt(levels: Tensor, extractor: Extractor) -> dict[str, Tensor]:
    """The same pictures in worse and worse condition."""
    noise = torch.randn(levels.shape, generator=torch.Generator().manual_seed(0))
    worse = {
        "as they are": levels,
        "noise 25": (levels + 25 * noise).clamp(0, 255).to(torch.uint8),
        "noise 50": (levels + 50 * noise).clamp(0, 255).to(torch.uint8),
        "blurred": gaussian_blur(levels, [5, 5], [1.0, 1.0]),
        "20 pictures": levels[:20].repeat(len(levels) // 20, 1, 1, 1),
    }
    if extractor.classes:
        read = torch.cat([extractor(part)[1].argmax(1) for part in torch.split(levels, 250)])
        half = levels[read < extractor.outputs // 2]
        worse["half the classes"] = half.repeat(3, 1, 1, 1)[: len(levels)]
    return worse


def seen(levels: Tensor, extractor: Extractor) -> Observed:
    found = Observed(len(levels), extractor)
    for part in torch.split(levels, 250):
        found.see(part, extractor)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--pictures", type=int, default=3000)
    options = parser.parse_args()
    for name in options.sets:
        source = open_set(name, root=options.data_root)
        extractor = extractors.find_extractor(None, name, torch.device("cpu"))
        batches = source.bind(
            Data({"image": Picture(source.facts.channels or 3, source.facts.size)})
        )
        real = seen(batches.take(0, options.pictures, 0)["image"], extractor)
        print(
            f"{extractor.name} {extractor.sha256[:12]}\n{'':>16}"
            + "".join(f"{column:>11}" for column in SHOWN)
        )
        for label, levels in spoilt(
            batches.take(options.pictures, options.pictures, 0)["image"], extractor
        ).items():
            fake = seen(levels, extractor)
            evidence = Evidence(real=real, fake=fake, extractor=extractor)
            values = {}
            for group in ("fid", "kid", "prdc"):
                for draft in GROUPS[group].load()(evidence):
                    values[draft.name] = draft.value
            print(
                f"{label:>16}" + "".join(f"{values[column]:11.4f}" for column in SHOWN), flush=True
            )


if __name__ == "__main__":
    main()
