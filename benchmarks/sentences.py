"""How well a text-to-image model follows captions of the test split, and how sharp its samples are.

    python benchmarks/sentences.py stackgan-anime --data anime-split --word hair

R-precision (Xu et al. 2018): a matcher of captions and images, trained on the train split alone and
independently of the model, ranks the caption of a sample among 100; the share of samples whose own
caption comes first. The 99 others are different, and belong to images that share no caption with
this one; chance is 0.01. Where some captions are common, samples that ignore theirs do better than
that: the R-precision for each other's captions stands beside.

--word hair: a classifier learns which word stands before "hair" in captions of real images, and
predicts it for samples; the share of samples with the requested word, beside the same share of real
images of the test split, since captions are noisy.

Sharpness: the variance of the Laplacian of brightness (Pech-Pacheco et al. 2000), beside that of
real images; of the first stage, enlarged by bicubic interpolation.

One sample is generated for a caption of each image of the test split, --each times. The matcher
sees all images at the size of the first stage, the classifier at that of the second. Ends with the
manifest's metrics as JSON. About ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from judges import (
    AMONG,
    CaptionedImages,
    load_captioned,
    measure_r_precision,
    train_ranker,
    train_reader,
)
from repeat import command
from torch import Tensor
from torch.nn import functional as F

import ganzoo
from ganzoo.evaluate.network import to_levels
from ganzoo.inputs import Text
from ganzoo.pictures.images import to_float
from ganzoo.sampling.model import Model

PART = 64
"""Pictures a pass."""
Row = tuple[str, float, str]
"""A figure: name, value, protocol."""


@dataclass(frozen=True)
class Shown:
    """Drawn pictures in [-1, 1] of either stage, each for its caption."""

    stages: dict[str, Tensor]
    captions: list[str]
    protocol: str


def compute_sharpness(pictures: Tensor) -> float:
    """Variance of the Laplacian of brightness in [0, 1], the mean over pictures."""
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    edges = F.conv2d((pictures.mean(dim=1, keepdim=True) + 1) / 2, kernel)
    return float(edges.flatten(1).var(dim=1).mean())


def draw_stages(model: Model, n: int, seed: int, **given: Any) -> dict[str, Tensor]:
    """Of either stage, in its own pixels; 8 bits a value, as saved pictures have."""
    parts = [
        (part.views["stage-1"], part.tensor)
        for part in model.stream(n, seed=seed, batch_size=PART, **given)
    ]
    first, second = (torch.cat(stage).clamp(-1, 1) for stage in zip(*parts, strict=True))
    first = F.avg_pool2d(first, model.config.size // model.config.stage1)
    return {
        name: to_float(to_levels(tensor))
        for name, tensor in (("stage-1", first), ("stage-2", second))
    }


def measure_matching(
    model: Model,
    train: CaptionedImages,
    test: CaptionedImages,
    shown: Shown,
    options: argparse.Namespace,
) -> Iterator[Row]:
    judge = train_ranker(train, model.config.stage1, options.steps, options.judge_seed)
    by = f"matcher trained apart on the train split ({options.steps:,} steps"
    by += f", seed {options.judge_seed}), at {model.config.stage1} pixels"
    by += f"; the right caption first among {AMONG}, chance {1 / AMONG}"
    groups = test.captions * options.each
    other = torch.from_numpy(np.random.default_rng(options.seed).permutation(len(groups)))
    for name, pictures in shown.stages.items():
        for what, looked_at in (
            (name, pictures),
            (f"{name}, captions of other samples", pictures[other]),
        ):
            value = measure_r_precision(judge, looked_at, shown.captions, groups, options.seed)
            yield f"R-precision, {what}", value, f"{shown.protocol}; {by}"
    value = measure_r_precision(
        judge, to_float(test.pictures), test.one_each(options.seed), test.captions, options.seed
    )
    yield "R-precision of real pictures", value, f"{test.protocol}; {by}"


def measure_words(
    train: CaptionedImages, test: CaptionedImages, shown: Shown, options: argparse.Namespace
) -> Iterator[Row]:
    eye = train_reader(train, options.word, options.steps, options.judge_seed)
    by = f"classifier of {len(eye.words)} words trained apart on the train split"
    by += f" (seed {options.judge_seed})"

    def row(name: str, pictures: Tensor, captions: list[str], protocol: str) -> Row:
        right = eye.right(pictures, captions)
        return (
            name,
            float(right.float().mean()),
            f"{len(right):,} with one of these words, of {protocol}; {by}",
        )

    for name, pictures in shown.stages.items():
        yield row(
            f"{options.word} as asked, {name}",
            enlarge(pictures, test),
            shown.captions,
            shown.protocol,
        )
    real = f"{options.word} of real pictures as their captions say"
    yield row(real, to_float(test.pictures), test.one_each(options.seed), test.protocol)


def measure_sharpness(test: CaptionedImages, shown: Shown) -> Iterator[Row]:
    by = "variance of the Laplacian of brightness in [0, 1]"
    for name, pictures in shown.stages.items():
        own = enlarge(pictures, test)
        yield (
            f"sharpness, {name}{'' if own is pictures else ', enlarged'}",
            compute_sharpness(own),
            f"{shown.protocol}; {by}",
        )
    yield (
        "sharpness of real pictures",
        compute_sharpness(to_float(test.pictures)),
        f"{test.protocol}; {by}",
    )


def enlarge(pictures: Tensor, like: CaptionedImages) -> Tensor:
    """As large as real pictures."""
    size = like.pictures.shape[2:]
    return (
        pictures
        if pictures.shape[2:] == size
        else F.interpolate(pictures, size=size, mode="bicubic").clamp(-1, 1)
    )


def measure(model: Model, options: argparse.Namespace) -> list[Row]:
    if not isinstance(model.inputs.get("text"), Text):
        raise SystemExit(
            f"{model.name} takes {', '.join(model.inputs)}; "
            "this measures models that take prompts (text)"
        )
    train, test = (
        load_captioned(options.data, split, model.config.channels, model.config.size)
        for split in ("train", "test")
    )
    captions = [
        caption for again in range(options.each) for caption in test.one_each(options.seed + again)
    ]
    protocol = (
        f"{len(captions):,} samples from seed {options.seed}, for captions of {test.protocol}"
    )
    shown = Shown(
        draw_stages(model, len(captions), options.seed, text=captions), captions, protocol
    )
    rows = [*measure_matching(model, train, test, shown, options), *measure_sharpness(test, shown)]
    return rows + (list(measure_words(train, test, shown, options)) if options.word else [])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument(
        "--data", required=True, help="a folder or archive with train, test and captions.jsonl"
    )
    parser.add_argument(
        "--word", help="that the word which a classifier reads stands before: hair, or hair,eyes"
    )
    parser.add_argument(
        "--each", type=int, default=2, help="samples for each picture of the test split"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the samples")
    parser.add_argument("--steps", type=int, default=1500, help="of matcher and classifier")
    parser.add_argument("--judge-seed", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the metrics here")
    options = parser.parse_args()
    rows = measure(ganzoo.load(options.model), options)
    for name, value, _ in rows:
        print(f"{name:>48} {value:.4g}")
    words = command(parser, options, [options.model])
    metrics = [
        {"name": n, "value": float(f"{v:.4g}"), "protocol": p, "command": words} for n, v, p in rows
    ]
    print(json.dumps(metrics, indent=2))
    if options.json:
        options.json.write_text(json.dumps(metrics), "utf-8")


if __name__ == "__main__":
    main()
