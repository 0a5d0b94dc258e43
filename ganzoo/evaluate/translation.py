"""What an image translator changes and what it keeps, on the test split of a data set of two
domains.

A classifier of the domains, trained on the train split alone, says to which domain real and
translated images belong. It is independent of the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.data.batches import Batches
from ganzoo.data.sources import DataSet, open_set
from ganzoo.errors import UsageError
from ganzoo.evaluate.evidence import Draft, EvalOptions
from ganzoo.evaluate.resampling import bootstrap, find_interval, resample_means
from ganzoo.inputs import Choice
from ganzoo.pictures import images
from ganzoo.sampling.device import choose_precision
from ganzoo.sampling.generation import SAMPLE, autocast
from ganzoo.sampling.model import Model
from ganzoo.spec import Data, Picture

DOMAINS = "AB"
JUDGE_BATCH, JUDGE_EPOCHS, JUDGE_SEED = 32, 30, 1
TRANSLATED_AT_ONCE = 16
LEAST_SIDE = 16
"""Pixels that the classifier needs."""
CPU = torch.device("cpu")


class ImageClassifier(nn.Module):
    """Images (n, channels, h, w) in [-1, 1] -> logits (n, outputs)."""

    def __init__(self, channels: int, outputs: int = 1) -> None:
        super().__init__()
        widths = (channels, 32, 64, 128, 128)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(after), nn.ReLU(True), nn.MaxPool2d(2)]
        head = nn.Linear(widths[-1], outputs)
        self.features = nn.Sequential(
            *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), head
        )

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.as_tensor(self.features(pictures))


def list_directions(model: Model) -> tuple[str, ...]:
    """Directions of a translator, such as A2B; () for other models."""
    spec = model.inputs.get("direction")
    return spec.options if isinstance(spec, Choice) else ()


def find_size(model: Model) -> int:
    """Side of the images that the model was trained on, or cropped from."""
    config = model.config
    return int(config.size if hasattr(config, "size") else config.load)


def measure_translation(model: Model, options: EvalOptions) -> Iterator[Draft]:
    """Figures of each direction; see `measure_direction`. UsageError unless the domains are A
    and B."""
    unknown = [name for name in list_directions(model) if name not in ("A2B", "B2A")]
    if unknown:
        raise UsageError(f"{model.name} translates {unknown[0]}; figures need domains A and B")
    channels, size = model.config.channels, find_size(model)
    if size < LEAST_SIDE:
        raise UsageError(f"{model.name} has {size} pixels; figures need {LEAST_SIDE} at least")
    train, test = (open_set(options.data, root=options.root, split=s) for s in ("train", "test"))
    sets = [bind_domain(train, letter, channels, size, flip=True) for letter in DOMAINS]
    judge = train_judge(sets, channels, JUDGE_EPOCHS, JUDGE_SEED)
    real = {letter: load_all(bind_domain(test, letter, channels, size)) for letter in DOMAINS}
    right = sum(float(is_member(judge, real[d], d).mean()) for d in DOMAINS) / len(DOMAINS)
    described = f"{JUDGE_EPOCHS} epochs, seed {JUDGE_SEED}, {100 * right:.1f} % right"
    for direction in list_directions(model):
        yield from measure_direction(model, judge, real, direction, described)


def measure_direction(
    model: Model, judge: ImageClassifier, real: dict[str, Tensor], direction: str, described: str
) -> Iterator[Draft]:
    """Of a direction such as A2B, with images `real` of both domains:

    shares of real A, translated A and real B that the judge assigns to B; the way gone,
    (translated A - real A) / (real B - real A) of these shares; cycle L1, mean absolute
    difference of images and their return in units of [0, 1]; edges kept, correlation of edge
    maps before and after, and of unrelated images as a baseline. `described`: the judge, for the
    protocol."""
    before, after = direction.split("2")
    originals, made = real[before], translate(model, real[before], direction)
    translated = made[SAMPLE]
    members = {
        f"real {before}": is_member(judge, originals, after),
        f"translated {before}": is_member(judge, translated, after),
        f"real {after}": is_member(judge, real[after], after),
    }
    for label, rows in members.items():
        name = f"{direction}: {label} called {after}"
        draft = _average_rows(name, rows, "level", label.startswith("translated"))
        yield replace(draft, settings={"judge": described})
    start, reached, end = (float(rows.mean()) for rows in members.values())
    means = [resample_means(rows) for rows in members.values()]
    yield Draft(
        name=f"{direction}: way gone",
        value=(reached - start) / max(end - start, 1e-6),
        interval=find_interval((means[1] - means[0]) / (means[2] - means[0]).clamp(min=1e-6)),
        better="high",
        settings={"judge": described},
        fake=len(translated),
        bare=True,
    )
    if "returned" in made:
        apart = (made["returned"] - originals).abs().flatten(1).mean(dim=1) / 2
        yield _average_rows(f"{direction}: cycle L1", apart, "low")
    old, new = _find_edges(originals), _find_edges(translated)
    yield _average_rows(f"{direction}: edges kept", (old * new).sum(dim=1), "high")
    unrelated = (old * new.roll(1, 0)).sum(dim=1)
    yield _average_rows(f"{direction}: edges of unrelated pictures", unrelated, "low")


def _average_rows(
    name: str, rows: Tensor, better: Literal["low", "high", "level"], generated: bool = True
) -> Draft:
    """Mean of a number per image, of translated images or of real ones."""
    return Draft(
        name=name,
        value=float(rows.mean()),
        interval=bootstrap(rows),
        better=better,
        real=0 if generated else len(rows),
        fake=len(rows) if generated else 0,
        bare=True,
    )


def bind_domain(
    data: DataSet, letter: str, channels: int, size: int, flip: bool = False
) -> Batches:
    """Images of one domain; `flip`: mirrored at random."""
    return data.bind(Data({letter: Picture(channels, size, flip)}, unpaired=True))


def load_all(batches: Batches) -> Tensor:
    """All images of a domain once, in [-1, 1]."""
    return images.to_float(next(iter(batches.take(0, batches.count, 0).values())))


def train_judge(sets: Sequence[Batches], channels: int, epochs: int, seed: int) -> ImageClassifier:
    """Train a classifier whose logit is of belonging to B, on equal numbers of A and B.

    Images are mirrored, and shifted by up to an eighth of the side."""
    torch.manual_seed(seed)
    model = ImageClassifier(channels).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.01)
    steps = epochs * max(part.count for part in sets) // JUDGE_BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    answers = torch.arange(2.0).repeat_interleave(JUDGE_BATCH)
    for step in range(steps):
        batch = [part.take(step * JUDGE_BATCH, JUDGE_BATCH, seed) for part in sets]
        both = torch.cat([next(iter(part.values())) for part in batch])
        with autocast(CPU, choose_precision("auto", CPU)):
            logits = model(shift_images(images.to_float(both))).flatten()
        optimizer.zero_grad()
        torch.autograd.backward(F.binary_cross_entropy_with_logits(logits.float(), answers))
        optimizer.step()
        schedule.step()
    return model.eval()


def shift_images(pictures: Tensor) -> Tensor:
    """Shift all images by the same random offset, reflected at the border."""
    most = pictures.shape[-1] // 8
    down, right = (int(shift) for shift in torch.randint(-most, most + 1, (2,)))
    padded = F.pad(pictures, (most,) * 4, mode="reflect").roll((down, right), (2, 3))
    return padded[..., most:-most, most:-most]


@torch.inference_mode()
def is_member(judge: ImageClassifier, pictures: Tensor, letter: str) -> Tensor:
    """1.0 for each image that the judge assigns to a domain, else 0.0; (n,)."""
    in_b = torch.cat([judge(part) for part in pictures.split(500)]).flatten() > 0
    return (in_b if letter == "B" else ~in_b).float()


def _find_edges(pictures: Tensor) -> Tensor:
    """Edge maps (n, (h - 2) (w - 2)): Sobel magnitude of brightness, centred, of length 1."""
    grey = pictures.mean(dim=1, keepdim=True)
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    slopes = F.conv2d(grey, torch.stack([across, across.T])[:, None])
    steep = torch.linalg.vector_norm(slopes, dim=1).flatten(1)
    return F.normalize(steep - steep.mean(dim=1, keepdim=True), dim=1)


def translate(model: Model, pictures: Tensor, direction: str) -> dict[str, Tensor]:
    """`sample`, and `returned` from models that translate back."""
    size, parts = TRANSLATED_AT_ONCE, []
    for part in pictures.split(size):
        made = model.sample(len(part), seed=0, batch_size=size, image=part, direction=direction)
        parts.append({SAMPLE: made.tensor, **made.views})
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
