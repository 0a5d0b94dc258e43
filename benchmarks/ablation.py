"""The parts of StackGAN taken away one by one, in short runs of equal length (Zhang et al. 2017, table 2, on other data).

    python benchmarks/ablation.py --data anime-split --word hair --out ablation

One stage alone draws 32 pixels directly; two stages draw 16, then 32. Every run has the same seed, the same phase "text" and
as many steps of pictures in all; a single stage is given those of both. FID is to the pictures of the train split at 32 pixels,
with the extractor given; R-precision and words as in benchmarks/sentences.py, on captions of the test split. A finished run in
--out is measured as it is. Ends with the table. An hour on two cores.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sentences import Told, drawn, precision, ranker, reader, told
from torch import Tensor

import ganzoo
from ganzoo.evaluate import extractors, figures
from ganzoo.evaluate.network import as_levels
from ganzoo.evaluate.observed import Observed
from ganzoo.images import to_float
from ganzoo.training.run import train

SIDE, EACH, BATCH = 32, 5, 250
COMMON: dict[str, Any] = {
    "meaning": 128, "text_width": 128, "latent": 64, "condition": 64, "compressed": 64, "blocks": 2, "generator_width": 32,
    "discriminator_width": 32,
}  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """`settings` beside the common ones; `stages`: how many draw."""

    name: str
    stages: int
    settings: dict[str, Any]


VARIANTS = (
    Variant("one stage, no augmentation", 1, {"augmentation": False}),
    Variant("one stage", 1, {}),
    Variant("two stages, no augmentation", 2, {"augmentation": False}),
    Variant("two stages, text once", 2, {"text_twice": False}),
    Variant("two stages", 2, {}),
)


def trained(variant: Variant, asked: argparse.Namespace) -> Path:
    out: Path = asked.out / variant.name.replace(", ", "-").replace(" ", "-")
    if (out / "model.safetensors").exists() and json.loads((out / "run.json").read_text("utf-8"))["done"]:
        return out
    single = variant.stages == 1
    steps = {"stage1_steps": asked.steps * (2 if single else 1), "stage2_steps": 1 if single else asked.steps}
    sizes = {"stage1": SIDE, "size": 2 * SIDE} if single else {"stage1": SIDE // 2, "size": SIDE}
    settings = {**COMMON, **sizes, **steps, "text_steps": asked.text_steps, **variant.settings}
    return train(
        "stackgan", asked.data, settings=settings, out=out, seed=asked.seed, sample_every=10 * asked.steps,
        augment=("translation", "cutout"), force=True,
    )  # fmt: skip


def pictures(run: Path, stages: int, captions: list[str], seed: int) -> Tensor:
    """Of the last stage that was trained, SIDE pixels."""
    return drawn(ganzoo.load(run), captions, seed)[f"stage-{stages}"]


def observed(shown: Tensor, extractor: extractors.Extractor) -> Observed:
    found = Observed(len(shown), extractor)
    for part in shown.split(BATCH):
        found.see(part if part.dtype == torch.uint8 else as_levels(part), extractor)
    return found


def table(asked: argparse.Namespace) -> list[dict[str, Any]]:
    runs = [trained(variant, asked) for variant in VARIANTS]
    known, test = (told(asked.data, split, 3, SIDE) for split in ("train", "test"))
    captions = [caption for again in range(EACH) for caption in test.one_each(asked.seed + again)]
    like = ganzoo.load(runs[0]).config  # its first stage draws as many pixels as are measured
    judge, eye = ranker(known, like, asked.judge_steps, asked.judge_seed), _eye(known, asked)
    extractor = extractors.find(asked.extractor, asked.data, torch.device("cpu"))
    real, rows = observed(known.pictures, extractor), []
    for variant, run in zip(VARIANTS, runs, strict=True):
        shown = pictures(run, variant.stages, captions, asked.seed)
        (fid,) = figures.fid(real, observed(shown, extractor), extractor, None)
        row = {"run": variant.name, "FID": fid.value, "low": fid.interval.low, "high": fid.interval.high}
        row["R-precision"] = precision(judge, shown, captions, test.captions * EACH, asked.seed)
        rows.append(row | ({asked.word: float(eye.right(shown, captions).float().mean())} if eye else {}))
    held = test.one_each(asked.seed)
    own = {"R-precision": precision(judge, to_float(test.pictures), held, test.captions, asked.seed)}
    own |= {asked.word: float(eye.right(to_float(test.pictures), held).float().mean())} if eye else {}
    (fid,) = figures.fid(real, observed(test.pictures, extractor), extractor, None)
    return [*rows, {"run": "real pictures of the test split", "FID": fid.value, **own}]


def _eye(known: Told, asked: argparse.Namespace) -> Any:
    return reader(known, asked.word, asked.judge_steps, asked.judge_seed) if asked.word else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder or archive with train, test and captions.jsonl")
    parser.add_argument("--word", help="as of benchmarks/sentences.py")
    parser.add_argument("--extractor", default="anime-rotation")
    parser.add_argument("--steps", type=int, default=1500, help="of each of two stages")
    parser.add_argument("--text-steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judge-steps", type=int, default=1500, help="of matcher and classifier")
    parser.add_argument("--judge-seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    for row in table(parser.parse_args()):
        print(json.dumps({name: value if isinstance(value, str) else float(f"{value:.4g}") for name, value in row.items()}))


if __name__ == "__main__":
    main()
