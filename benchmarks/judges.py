"""Judges of text-to-image models: a matcher that ranks captions, a classifier that reads a word.

Both are trained on the train split alone, independently of any model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.config import convert
from ganzoo.data.order import indices
from ganzoo.data.sources import open_set
from ganzoo.evaluate.translation import CPU, ImageClassifier, shift_images
from ganzoo.inputs.streams import make_generator
from ganzoo.pictures.images import to_float
from ganzoo.sampling.device import choose_precision
from ganzoo.sampling.generation import autocast
from ganzoo.spec import Data, Picture
from ganzoo.text import encode, index_entries, vocabulary
from ganzoo_stackgan import StackGANConfig
from ganzoo_stackgan.model import matching_loss, same_captions
from ganzoo_stackgan.networks import Matcher, TextEncoder

AMONG, BATCH, LEAST = 100, 128, 20
"""Captions to rank; images a step; images that a word needs to be trained on."""
MATCHER = {
    "words": 32,
    "meaning": 128,
    "text_width": 128,
    "text_layers": 3,
    "discriminator_width": 48,
}
"""Config of the matcher, the same for every model."""


@dataclass(frozen=True)
class CaptionedImages:
    """Images uint8 (n, channels, size, size), and the captions of each."""

    pictures: Tensor
    captions: list[tuple[str, ...]]

    @property
    def protocol(self) -> str:
        return f"{len(self.captions):,} pictures of the test split"

    def one_each(self, seed: int) -> list[str]:
        """One caption of each image."""
        drawn = make_generator(seed, "caption").random(len(self.captions))
        return [
            group[int(share * len(group))]
            for group, share in zip(self.captions, drawn, strict=True)
        ]


@dataclass(frozen=True)
class Ranker:
    """Scores how well captions fit images."""

    sentence: TextEncoder
    matcher: Matcher
    config: StackGANConfig

    def tokens(self, sentences: Sequence[str]) -> Tensor:
        index = index_entries(self.config.vocabulary)
        return torch.tensor(
            [encode(one, self.config.vocabulary, self.config.words, index) for one in sentences]
        )

    @torch.inference_mode()
    def ranked(self, pictures: Tensor, tokens: Tensor) -> Tensor:
        """Scores (captions, images); images in [-1, 1] of the first stage's size, or larger."""
        small = F.avg_pool2d(pictures, pictures.shape[-1] // self.config.stage1)
        meaning = self.sentence(tokens)
        return torch.cat([self.matcher(part, meaning) for part in small.split(500)], dim=1)


@dataclass(frozen=True)
class Reader:
    """Predicts which of `words` stands before the word `before`."""

    network: ImageClassifier
    words: tuple[str, ...]
    before: str

    @torch.inference_mode()
    def read(self, pictures: Tensor) -> Tensor:
        return torch.cat([self.network(part).argmax(dim=1) for part in pictures.split(500)])

    def right(self, pictures: Tensor, captions: Sequence[str]) -> Tensor:
        """Of images whose caption has a known word: whether it is the predicted one, bool."""
        wanted = [word_before(caption, self.before) for caption in captions]
        known = [place for place, word in enumerate(wanted) if word in self.words]
        if not known:
            raise SystemExit(
                f"no caption has one of the words that were learnt before {self.before!r}: "
                f"{', '.join(self.words)}"
            )
        labels = torch.tensor([self.words.index(wanted[place] or "") for place in known])
        return self.read(pictures[known]) == labels


def word_before(caption: str, word: str) -> str | None:
    """ "pink" of "a girl with pink hair"; `word` may be several, as in "hair,eyes", of which the
    first found counts."""
    found = re.search(rf"(\w+)\s+({'|'.join(map(re.escape, word.split(',')))})\b", caption.lower())
    return found[1] if found else None


def load_captioned(name: str, split: str, channels: int, size: int) -> CaptionedImages:
    data = open_set(name, split=split)
    if split == "test" and data.digest() == open_set(name).digest():
        raise SystemExit(f"{name} has no test split")
    count = data.facts.count
    pictures = data.bind(Data({"image": Picture(channels, size)})).take(0, count, 0)["image"]
    order = indices(0, count, count, 0)
    return CaptionedImages(pictures, [tuple(data.facts.sentences[place]) for place in order])


def fit_networks(nets: nn.Module, steps: int, rate: float, loss: Callable[[int], Tensor]) -> None:
    """AdamW with one cycle of the learning rate."""
    optimizer = torch.optim.AdamW(nets.parameters(), rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for step in range(steps):
        with autocast(CPU, choose_precision("auto", CPU)):
            value = loss(step)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
    nets.eval()


def draw_batch(
    known: CaptionedImages, step: int, seed: int
) -> tuple[Tensor, list[tuple[str, ...]]]:
    """A batch of shifted images, mirrored at random, and their captions."""
    places = indices(step * BATCH, BATCH, len(known.pictures), seed)
    pictures = shift_images(to_float(known.pictures[torch.from_numpy(places)]))
    mirrored = torch.where(torch.rand(BATCH, 1, 1, 1) < 0.5, pictures.flip(3), pictures)
    return mirrored, [known.captions[place] for place in places]


def train_ranker(train: CaptionedImages, size: int, steps: int, seed: int) -> Ranker:
    torch.manual_seed(seed)
    made = build_ranker(train, size)
    draw = np.random.default_rng(seed)

    def loss(step: int) -> Tensor:
        pictures, groups = draw_batch(train, step, seed)
        tokens = made.tokens([group[draw.integers(len(group))] for group in groups])
        small = F.avg_pool2d(pictures, pictures.shape[-1] // size)
        return matching_loss(made.matcher(small, made.sentence(tokens)), same_captions(tokens))

    fit_networks(nn.ModuleList([made.sentence, made.matcher]), steps, 2e-3, loss)
    return made


def build_ranker(train: CaptionedImages, size: int) -> Ranker:
    """A matcher with the vocabulary of `train`, for images of `size` pixels, untrained."""
    words = vocabulary(caption for group in train.captions for caption in group)
    sizes = {"channels": train.pictures.shape[1], "stage1": size, "size": 2 * size}
    config = convert({**MATCHER, **sizes, "vocabulary": words}, StackGANConfig, "the matcher")
    return Ranker(TextEncoder(config), Matcher(config), config)


def train_reader(train: CaptionedImages, word: str, steps: int, seed: int) -> Reader:
    torch.manual_seed(seed)
    found = [
        next(filter(None, (word_before(caption, word) for caption in group)), None)
        for group in train.captions
    ]
    words = tuple(sorted(name for name, count in Counter(found).items() if name and count >= LEAST))
    if len(words) < 2:
        raise SystemExit(
            f"--word {word}: captions have {len(words)} different words before it; "
            "2 are needed at least"
        )
    kept = [place for place, name in enumerate(found) if name in words]
    part = CaptionedImages(
        train.pictures[kept], [(str(words.index(found[place] or "")),) for place in kept]
    )
    made = Reader(
        ImageClassifier(train.pictures.shape[1], len(words)).to(memory_format=torch.channels_last),
        words,
        word,
    )

    def loss(step: int) -> Tensor:
        pictures, groups = draw_batch(part, step, seed)
        labels = torch.tensor([int(label) for (label,) in groups])
        return F.cross_entropy(made.network(pictures).float(), labels, label_smoothing=0.1)

    fit_networks(made.network, steps, 2e-3, loss)
    return made


def measure_r_precision(
    judge: Ranker,
    pictures: Tensor,
    requested: Sequence[str],
    groups: list[tuple[str, ...]],
    seed: int,
) -> float:
    """R-precision (Xu et al. 2018) of images, each generated for its caption in `requested`.

    `groups`: all captions of the images that these belong to; captions with equal tokens count
    as one. SystemExit if there are too few to rank among."""
    sets = [{tuple(line) for line in judge.tokens(group).tolist()} for group in groups]
    every = sorted(set().union(*sets))
    place, draw = {one: number for number, one in enumerate(every)}, np.random.default_rng(seed)
    fits, wanted = judge.ranked(pictures, torch.tensor(every)), judge.tokens(requested).tolist()
    akin = {one: set().union(*(group for group in sets if one in group)) for one in every}
    first = 0
    for number, own in enumerate(sets):
        others = sorted(set(every) - set().union(*(akin[one] for one in own)))
        if len(others) < AMONG - 1:
            raise SystemExit(
                f"R-precision ranks {AMONG - 1} captions beside a picture's own; "
                f"there are {len(others)} others"
            )
        drawn = draw.choice(len(others), AMONG - 1, replace=False)
        best = fits[[place[others[other]] for other in drawn], number].max()
        first += bool(fits[place[tuple(wanted[number])], number] > best)
    return first / len(pictures)
