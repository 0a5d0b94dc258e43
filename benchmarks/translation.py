"""What a translator of images changes and what it keeps, on the test split.

    python benchmarks/translation.py cyclegan-monet2photo --data monet2photo-128.zip --out sheets

The figures are those of `ganzoo eval --figures translation` (ganzoo/evaluate/translation.py), here
at any size and with a classifier of any seed. Writes into --out a sheet for each direction, images
beside their translations. Ends with the manifest's metrics as JSON. About five minutes on two cores
for 64 pixels.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from repeat import command

from ganzoo.data.sources import open_set
from ganzoo.evaluate.translation import (
    DOMAINS,
    JUDGE_EPOCHS,
    JUDGE_SEED,
    bind_domain,
    find_size,
    is_member,
    list_directions,
    load_all,
    measure_direction,
    train_judge,
    translate,
)
from ganzoo.pictures import images
from ganzoo.sampling.model import Model

SHOWN = 32


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument(
        "--data", required=True, help="a folder or archive with trainA, trainB, testA and testB"
    )
    parser.add_argument(
        "--size", type=int, help="pixels of a side; default: what the model was trained on"
    )
    parser.add_argument("--epochs", type=int, default=JUDGE_EPOCHS, help="of the classifier")
    parser.add_argument("--seed", type=int, default=JUDGE_SEED, help="of the classifier")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--json", type=Path, help="write the metrics here")
    options = parser.parse_args()
    model = Model.load(options.model)
    channels, size = model.config.channels, options.size or find_size(model)
    options.out.mkdir(parents=True, exist_ok=True)
    train, test = (open_set(options.data, split=split) for split in ("train", "test"))
    sets = [bind_domain(train, letter, channels, size, flip=True) for letter in DOMAINS]
    judge = train_judge(sets, channels, options.epochs, options.seed)
    real = {letter: load_all(bind_domain(test, letter, channels, size)) for letter in DOMAINS}
    values: dict[str, float] = {}
    for direction in list_directions(model):
        originals = real[direction[0]]
        made = translate(model, originals, direction)["sample"]
        beside = torch.cat([originals, made], dim=3)[:SHOWN]
        images.save_png(images.make_grid(beside, columns=4), options.out / f"{direction}.png")
        for draft in measure_direction(model, judge, real, direction, ""):
            values[draft.name] = draft.value
    counts = f"all {len(real['A']):,} of A and {len(real['B']):,} of B of the test split"
    counts += f" at {size} pixels"
    right = sum(float(is_member(judge, real[letter], letter).mean()) for letter in DOMAINS) / 2
    by = f"; classifier trained apart ({options.epochs} epochs, seed {options.seed})"
    by += f", {100 * right:.1f} % right on real ones, both domains weighed alike"
    words = command(parser, options, [options.model])
    metrics = []
    for name, value in values.items():
        print(f"{name:>40} {value:.3f}")
        metrics.append(
            {
                "name": name,
                "value": round(value, 4),
                "protocol": counts + by * ("called" in name or "way" in name),
                "command": words,
            }
        )
    print(json.dumps(metrics, indent=2))
    if options.json:
        options.json.write_text(json.dumps(metrics), "utf-8")


if __name__ == "__main__":
    main()
