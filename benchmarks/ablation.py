"""StackGAN without one part at a time, in short runs of equal length (Zhang et al. 2017, table 2,
on other data).

    python benchmarks/ablation.py --data anime-split --word hair --out ablation

A single stage generates 32 pixels directly; two stages generate 16, then 32. All runs share the
seed, the text embeddings, which are trained once, and the total number of steps: a single stage
gets the steps of both. All train on the same images of 32 pixels, means of 2 x 2 pixels of 64. FID
compares with the train split, in features of the given extractor; R-precision and words are those
of benchmarks/sentences.py, on captions of the test split. A finished run in --out is measured
without training it again. Prints a line of JSON for each run, and one for real images. Takes 25
minutes with --steps 1000 on two cores with bf16.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from judges import (
    CaptionedImages,
    Ranker,
    build_ranker,
    load_captioned,
    measure_r_precision,
    train_ranker,
    train_reader,
)
from safetensors.torch import load_file, save_file
from sentences import draw_stages
from torch.nn import functional as F

import ganzoo
from ganzoo.data.sources import open_set
from ganzoo.evaluate import extractors, figures
from ganzoo.evaluate.evidence import Evidence
from ganzoo.evaluate.network import to_levels
from ganzoo.evaluate.observed import Observed
from ganzoo.pictures import images
from ganzoo.pictures.images import to_float
from ganzoo.training.run import train

SIDE, EACH, BATCH = 32, 5, 250
NETWORKS: dict[str, Any] = {
    "latent": 64,
    "condition": 64,
    "compressed": 64,
    "blocks": 2,
    "generator_width": 32,
    "discriminator_width": 32,
}


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


@dataclass(frozen=True)
class Split:
    """Pictures of SIDE pixels and of twice as many."""

    small: CaptionedImages
    large: CaptionedImages


def load_split(name: str, part: str) -> Split:
    large = load_captioned(name, part, 3, 2 * SIDE)
    return Split(
        replace(large, pictures=to_levels(F.avg_pool2d(to_float(large.pictures), 2))), large
    )


def record_plan(options: argparse.Namespace) -> None:
    """Record the options of the runs in --out; exits if the folder holds runs of others."""
    plan = {name: getattr(options, name) for name in ("steps", "text_steps", "seed")} | {
        "data": open_set(options.data).digest()
    }
    options.out.mkdir(parents=True, exist_ok=True)
    noted = options.out / "plan.json"
    if noted.exists() and json.loads(noted.read_text("utf-8")) != plan:
        raise SystemExit(
            f"{options.out} holds runs of other steps, seeds or data ({noted}); "
            "choose another --out"
        )
    noted.write_text(json.dumps(plan), "utf-8")


def load_encoder(known: CaptionedImages, options: argparse.Namespace) -> Ranker:
    """Train the text encoder, or load the one that earlier runs in --out used."""
    kept = options.out / "encoder.safetensors"
    if kept.exists():
        made = build_ranker(known, SIDE)
        made.sentence.load_state_dict(load_file(kept))
        made.sentence.eval()
        return made
    made = train_ranker(known, SIDE, options.text_steps, options.seed)
    save_file(made.sentence.state_dict(), kept)
    return made


def write_folder(encoder: Ranker, known: CaptionedImages, place: Path) -> Path:
    """Write images and the embeddings of their captions into a folder."""
    place.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images.make_images(to_float(known.pictures))):
        image.save(place / f"{number}.png")
    with torch.inference_mode():
        rows = {
            f"{number}.png": encoder.sentence(encoder.tokens(texts))
            for number, texts in enumerate(known.captions)
        }
    save_file(rows, place / "embeddings.safetensors")
    return place


def train_variant(variant: Variant, options: argparse.Namespace, data: Path) -> Path:
    out: Path = options.out / variant.name.replace(", ", "-").replace(" ", "-")
    if (out / "run.json").exists() and json.loads((out / "run.json").read_text("utf-8"))["done"]:
        return out
    single = variant.stages == 1
    steps = {
        "stage1_steps": options.steps * (2 if single else 1),
        "stage2_steps": 1 if single else options.steps,
    }
    sizes = {"stage1": SIDE, "size": 2 * SIDE} if single else {"stage1": SIDE // 2, "size": SIDE}
    return train(
        "stackgan",
        str(data),
        settings={**NETWORKS, **sizes, **steps, **variant.settings},
        out=out,
        seed=options.seed,
        sample_every=10 * options.steps,
        augment=("translation", "cutout"),
        force=True,
    )


def observe(shown: CaptionedImages, extractor: extractors.Extractor) -> Observed:
    found = Observed(len(shown.pictures), extractor)
    for part in shown.pictures.split(BATCH):
        found.see(part, extractor)
    return found


def measure_variants(options: argparse.Namespace) -> list[dict[str, Any]]:
    known, test = (load_split(options.data, part) for part in ("train", "test"))
    record_plan(options)
    encoder = load_encoder(known.large, options)
    folders = [
        write_folder(encoder, one, options.out / f"data-{SIDE * (n + 1)}")
        for n, one in enumerate((known.small, known.large))
    ]
    runs = [train_variant(variant, options, folders[variant.stages == 1]) for variant in VARIANTS]
    judge = train_ranker(known.large, SIDE, options.judge_steps, options.judge_seed)
    eye = (
        train_reader(known.small, options.word, options.judge_steps, options.judge_seed)
        if options.word
        else None
    )
    extractor = extractors.find_extractor(options.extractor, options.data, torch.device("cpu"))
    real = observe(known.small, extractor)

    def build_row(name: str, shown: CaptionedImages, captions: list[str]) -> dict[str, Any]:
        evidence = Evidence(real=real, fake=observe(shown, extractor), extractor=extractor)
        (fid,) = figures.measure_frechet(evidence)
        pictures = to_float(shown.pictures)
        found = {
            "run": name,
            "pictures": len(pictures),
            "FID": fid.value,
            "low": fid.interval.low,
            "high": fid.interval.high,
        }
        found["R-precision"] = measure_r_precision(
            judge, pictures, captions, shown.captions, options.seed
        )
        return found | (
            {options.word: float(eye.right(pictures, captions).float().mean())} if eye else {}
        )

    captions = [
        caption for again in range(EACH) for caption in test.small.one_each(options.seed + again)
    ]
    with torch.inference_mode():
        vectors = encoder.sentence(encoder.tokens(captions))
    rows = []
    for variant, run in zip(VARIANTS, runs, strict=True):
        made = draw_stages(ganzoo.load(run), len(captions), options.seed, embedding=vectors)[
            f"stage-{variant.stages}"
        ]
        rows.append(
            build_row(
                variant.name, CaptionedImages(to_levels(made), test.small.captions * EACH), captions
            )
        )
    return [
        *rows,
        build_row("real pictures of the test split", test.small, test.small.one_each(options.seed)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", required=True, help="a folder or archive with train, test and captions.jsonl"
    )
    parser.add_argument("--word", help="as of benchmarks/sentences.py")
    parser.add_argument("--extractor", default="anime-rotation")
    parser.add_argument("--steps", type=int, default=1500, help="of each of two stages")
    parser.add_argument("--text-steps", type=int, default=600, help="of the vectors of sentences")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judge-steps", type=int, default=1500, help="of matcher and classifier")
    parser.add_argument("--judge-seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    for found in measure_variants(parser.parse_args()):
        print(
            json.dumps(
                {
                    key: float(f"{value:.4g}") if isinstance(value, float) else value
                    for key, value in found.items()
                }
            )
        )


if __name__ == "__main__":
    main()
