"""How close predicted colours are to the true ones, and how strong they are.

    python benchmarks/colorize.py colorizer-landscapes ./runs/x --data landscapes --out colorize

Each model colours a grey copy of every image of the test split (folders train/ and test/ in the
data). The grey copy itself, L of Lab alone, is the baseline. Figures are means over images: PSNR of
RGB in dB, the distance of a and b from the true ones, and chroma, both in units of Lab; the grey
copy's distance is the chroma of the truth. Writes `beside.png` into --out, one image a row: grey,
each model, truth (these are images of the data set). Ends with the metrics of the first model as
JSON; those of the others follow, with their names. Takes half a minute for 400 images of 64 pixels
and two models.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import torch
from repeat import command
from torch import Tensor

import ganzoo
from ganzoo.data.sources import open_set
from ganzoo.pictures import images
from ganzoo.spec import Data, Picture
from ganzoo_colorizer.model import to_lab, to_rgb

GREY, TRUTH = "grey copy", "truth"
SHOWN, PART = 16, 64
FIGURES = {"PSNR": "dB", "ab error": "units of Lab", "chroma": "units of Lab"}


def load_split(name: str, root: Path | None, split: str, size: int) -> Tensor:
    """All pictures of a split, (n, 3, size, size) in [-1, 1], in the order of their names."""
    batches = open_set(name, root=root, split=split).bind(Data({"image": Picture(3, size)}))
    return images.to_float(
        batches.takers["image"](torch.arange(batches.count).numpy(), 0, 0)
    ).contiguous()


def remove_colour(pictures: Tensor) -> Tensor:
    lightness = to_lab(pictures)[:, :1]
    return to_rgb(lightness, torch.zeros(len(pictures), 2, *pictures.shape[2:]))


def measure_part(made: Tensor, truth: Tensor) -> dict[str, float]:
    """Of pictures (n, 3, h, w) as they are written, in 8 bits."""
    shown, real = (
        images.to_float(torch.from_numpy(images.to_uint8(part))).permute(0, 3, 1, 2)
        for part in (made, truth)
    )
    squared = (
        ((shown - real) / 2).square().mean(dim=(1, 2, 3)).clamp(min=1e-6)
    )  # of equal pictures: 60 dB
    ab, true = to_lab(shown)[:, 1:], to_lab(real)[:, 1:]
    return {
        "PSNR": float((-10 * squared.log10()).mean()),
        "ab error": float(torch.hypot(*(ab - true).unbind(1)).mean()),
        "chroma": float(torch.hypot(*ab.unbind(1)).mean()),
    }


def measure_images(made: Tensor, truth: Tensor) -> dict[str, float]:
    """The same of many pictures, a part at a time."""
    parts = [
        (len(one), measure_part(one, real))
        for one, real in zip(made.split(PART), truth.split(PART), strict=True)
    ]
    return {name: math.fsum(n * found[name] for n, found in parts) / len(truth) for name in FIGURES}


def list_metrics(
    found: dict[str, dict[str, float]], first: str, protocol: str, repeat: str
) -> list[dict[str, object]]:
    """As the manifest has them; of others than the `first` model with its name."""
    strength = {who: values["chroma"] / found[TRUTH]["chroma"] for who, values in found.items()}
    rows = [
        (who, f"{name} ({unit})", found[who][name])
        for who in found
        if who != TRUTH
        for name, unit in FIGURES.items()
    ]
    rows += [
        (who, "chroma (share of the truth's)", share)
        for who, share in strength.items()
        if who not in (GREY, TRUTH)
    ]
    rows.sort(key=lambda row: row[0] != first)
    return [
        {
            "name": name if who == first else f"{name}, {who}",
            "value": round(value, 3),
            "protocol": protocol,
            "command": repeat,
        }
        for who, name, value in rows
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--data", required=True)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument(
        "--size", type=int, help="pixels of a side (default: that of the first model's training)"
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", type=Path, help="write the metrics here")
    options = parser.parse_args()
    models = {name: ganzoo.load(name) for name in options.models}
    size = options.size or next(iter(models.values())).config.size
    truth = load_split(options.data, options.data_root, options.split, size)
    made = {GREY: remove_colour(truth)} | {
        name: model.sample(len(truth), seed=0, image=truth).tensor for name, model in models.items()
    }
    made[TRUTH] = truth
    if options.out:
        rows = torch.stack(
            [pictures[:: max(1, len(truth) // SHOWN)][:SHOWN] for pictures in made.values()], dim=1
        )
        images.save_png(
            images.make_grid(rows.flatten(0, 1), columns=len(made)), options.out / "beside.png"
        )
    found = {name: measure_images(pictures, truth) for name, pictures in made.items()}
    for name, values in found.items():
        shown = "  ".join(f"{key} {value:6.2f}" for key, value in values.items())
        strength = 100 * values["chroma"] / found[TRUTH]["chroma"]
        print(f"{name:>32}  {shown}  {strength:3.0f} % of the truth's")
    count = f"{len(truth):,} pictures of the {options.split} split at {size} pixels"
    protocol = f"{count}, in 8 bits; means over pictures"
    listed = list_metrics(
        found, options.models[0], protocol, command(parser, options, options.models)
    )
    print(json.dumps(listed, indent=2))
    if options.json:
        options.json.write_text(json.dumps(listed), "utf-8")


if __name__ == "__main__":
    main()
