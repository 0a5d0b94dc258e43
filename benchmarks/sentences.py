"""How well pictures fit the sentences they were drawn for, and how sharp they are, on the captions of the test split.

    python benchmarks/sentences.py stackgan-anime --data anime-split --word hair

R-precision (Xu et al. 2018): a matcher of sentences and pictures, learnt from the train split alone and apart from the model,
ranks the caption of a picture among 100; the share of pictures whose own caption comes first. The 99 others are all different,
and of pictures that share no caption with this one; chance is 0.01. Where some captions are more common than others, pictures
that pay no heed to theirs are right more often than that: what drawn pictures get for each other's captions stands beside.

--word hair: a classifier learns which word stands before "hair" in the captions of real pictures, and reads it in drawn ones;
the share that is as asked stands beside the share of real pictures of the test split that are read as their captions say, for
captions are noisy.

Sharpness: the variance of the Laplacian of brightness (Pech-Pacheco et al. 2000), beside that of real pictures; of the first
stage, enlarged by bicubic interpolation.

One picture is drawn for a caption of each picture of the test split, --each times. The matcher sees all pictures at the size of
the first stage, the classifier at that of the second. Ends with the manifest's metrics as JSON. About ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from translation import CPU, Classifier, moved

import ganzoo
from ganzoo.config import convert, plain
from ganzoo.data.order import generator, indices
from ganzoo.data.sources import open_set
from ganzoo.data.spec import Data, Picture
from ganzoo.device import choose_precision
from ganzoo.evaluate.network import as_levels
from ganzoo.images import to_float
from ganzoo.model import Model
from ganzoo.sampling import precise
from ganzoo.text import encode, positions, vocabulary
from ganzoo_stackgan import StackGANConfig
from ganzoo_stackgan.model import matching_loss, same
from ganzoo_stackgan.networks import Matcher, Sentence

AMONG, BATCH, LEAST, PART = 100, 128, 20, 64
"""Captions that one is ranked among; pictures a step; pictures that a word needs to be learnt; pictures a pass."""
Row = tuple[str, float, str]
"""A figure: name, value, protocol."""


@dataclass(frozen=True)
class Told:
    """Pictures uint8 (n, channels, size, size), and the captions of each."""

    pictures: Tensor
    captions: list[tuple[str, ...]]

    @property
    def protocol(self) -> str:
        return f"{len(self.captions):,} pictures of the test split"

    def one_each(self, seed: int) -> list[str]:
        """A caption of each picture."""
        drawn = generator(seed, "caption").random(len(self.captions))
        return [group[int(share * len(group))] for group, share in zip(self.captions, drawn, strict=True)]


@dataclass(frozen=True)
class Shown:
    """Drawn pictures in [-1, 1] of either stage, each for its caption."""

    stages: dict[str, Tensor]
    captions: list[str]
    protocol: str


@dataclass(frozen=True)
class Ranker:
    """Says how well sentences fit pictures."""

    sentence: Sentence
    matcher: Matcher
    config: StackGANConfig

    def tokens(self, sentences: Sequence[str]) -> Tensor:
        index = positions(self.config.vocabulary)
        return torch.tensor([encode(one, self.config.vocabulary, self.config.words, index) for one in sentences])

    @torch.inference_mode()
    def ranked(self, pictures: Tensor, tokens: Tensor) -> Tensor:
        """How well each of the sentences fits each picture; pictures in [-1, 1] of the first stage's size, or larger."""
        small = F.avg_pool2d(pictures, pictures.shape[-1] // self.config.stage1)
        meaning = self.sentence(tokens)
        return torch.cat([self.matcher(part, meaning) for part in small.split(500)], dim=1)


@dataclass(frozen=True)
class Reader:
    """Reads which of `words` stands before the word that is asked about."""

    network: Classifier
    words: tuple[str, ...]
    before: str

    @torch.inference_mode()
    def read(self, pictures: Tensor) -> Tensor:
        return torch.cat([self.network(part).argmax(dim=1) for part in pictures.split(500)])

    def right(self, pictures: Tensor, captions: Sequence[str]) -> Tensor:
        """Of pictures whose caption has a known word: whether it is the one that is read, bool."""
        wanted = [word_before(caption, self.before) for caption in captions]
        known = [place for place, word in enumerate(wanted) if word in self.words]
        labels = torch.tensor([self.words.index(wanted[place] or "") for place in known])
        return self.read(pictures[known]) == labels


def word_before(caption: str, word: str) -> str | None:
    """ "pink" of "a girl with pink hair"."""
    found = re.search(rf"(\w+)\s+{re.escape(word)}\b", caption.lower())
    return found[1] if found else None


def told(name: str, split: str, channels: int, size: int) -> Told:
    data = open_set(name, split=split)
    if split == "test" and data.digest() == open_set(name).digest():
        raise SystemExit(f"{name} has no test split")
    count = data.facts.count
    pictures = data.bind(Data({"image": Picture(channels, size)})).take(0, count, 0)["image"]
    order = indices(0, count, count, 0)
    return Told(pictures, [tuple(data.facts.sentences[place]) for place in order])


def learnt(nets: nn.Module, steps: int, rate: float, loss: Callable[[int], Tensor]) -> None:
    """AdamW along one cycle of the rate."""
    optimizer = torch.optim.AdamW(nets.parameters(), rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for step in range(steps):
        with precise(CPU, choose_precision("auto", CPU)):
            value = loss(step)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
    nets.eval()


def seen(told: Told, step: int, seed: int) -> tuple[Tensor, list[tuple[str, ...]]]:
    """A batch: mirrored by chance, and moved; with its captions."""
    places = indices(step * BATCH, BATCH, len(told.pictures), seed)
    pictures = moved(to_float(told.pictures[torch.from_numpy(places)]))
    mirrored = torch.where(torch.rand(BATCH, 1, 1, 1) < 0.5, pictures.flip(3), pictures)
    return mirrored, [told.captions[place] for place in places]


def ranker(train: Told, like: StackGANConfig, steps: int, seed: int) -> Ranker:
    torch.manual_seed(seed)
    words = vocabulary(caption for group in train.captions for caption in group)
    config = convert({**plain(like), "vocabulary": words}, StackGANConfig, "the matcher")
    made = Ranker(Sentence(config), Matcher(config), config)
    draw = np.random.default_rng(seed)

    def loss(step: int) -> Tensor:
        pictures, groups = seen(train, step, seed)
        tokens = made.tokens([group[draw.integers(len(group))] for group in groups])
        small = F.avg_pool2d(pictures, pictures.shape[-1] // config.stage1)
        return matching_loss(made.matcher(small, made.sentence(tokens)), same(tokens))

    learnt(nn.ModuleList([made.sentence, made.matcher]), steps, 2e-3, loss)
    return made


def reader(train: Told, word: str, steps: int, seed: int) -> Reader:
    torch.manual_seed(seed)
    found = [next(filter(None, (word_before(caption, word) for caption in group)), None) for group in train.captions]
    words = tuple(sorted(name for name, count in Counter(found).items() if name and count >= LEAST))
    if len(words) < 2:
        raise SystemExit(f"--word {word}: captions have {len(words)} different words before it; 2 are needed at least")
    kept = [place for place, name in enumerate(found) if name in words]
    part = Told(train.pictures[kept], [(str(words.index(found[place] or "")),) for place in kept])
    made = Reader(Classifier(train.pictures.shape[1], len(words)).to(memory_format=torch.channels_last), words, word)

    def loss(step: int) -> Tensor:
        pictures, groups = seen(part, step, seed)
        labels = torch.tensor([int(label) for (label,) in groups])
        return F.cross_entropy(made.network(pictures).float(), labels, label_smoothing=0.1)

    learnt(made.network, steps, 2e-3, loss)
    return made


def precision(judge: Ranker, pictures: Tensor, asked: Sequence[str], groups: list[tuple[str, ...]], seed: int) -> float:
    """R-precision of `pictures`, each drawn for its caption in `asked`; `groups`: all captions of the pictures these are of.
    Captions that are read alike count as one."""
    sets = [{tuple(line) for line in judge.tokens(group).tolist()} for group in groups]
    every = sorted(set().union(*sets))
    place, draw = {one: number for number, one in enumerate(every)}, np.random.default_rng(seed)
    fits, wanted = judge.ranked(pictures, torch.tensor(every)), judge.tokens(asked).tolist()
    akin = {one: set().union(*(group for group in sets if one in group)) for one in every}
    first = 0
    for number, own in enumerate(sets):
        others = sorted(set(every) - set().union(*(akin[one] for one in own)))
        drawn = draw.choice(len(others), min(len(others), AMONG - 1), replace=False)
        best = fits[[place[others[other]] for other in drawn], number].max()
        first += bool(fits[place[tuple(wanted[number])], number] > best)
    return first / len(pictures)


def sharpness(pictures: Tensor) -> float:
    """Variance of the Laplacian of brightness in [0, 1], the mean over pictures."""
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    edges = F.conv2d((pictures.mean(dim=1, keepdim=True) + 1) / 2, kernel)
    return float(edges.flatten(1).var(dim=1).mean())


def drawn(model: Model, n: int, seed: int, **given: Any) -> dict[str, Tensor]:
    """Of either stage, in its own pixels; 8 bits a value, as saved pictures have."""
    parts = [(part.views["stage-1"], part.tensor) for part in model.stream(n, seed=seed, batch_size=PART, **given)]
    first, second = (torch.cat(stage).clamp(-1, 1) for stage in zip(*parts, strict=True))
    first = F.avg_pool2d(first, model.config.size // model.config.stage1)
    return {name: to_float(as_levels(tensor)) for name, tensor in (("stage-1", first), ("stage-2", second))}


def of_matching(model: Model, train: Told, test: Told, shown: Shown, asked: argparse.Namespace) -> Iterator[Row]:
    judge = ranker(train, model.config, asked.steps, asked.judge_seed)
    by = f"matcher trained apart on the train split ({asked.steps:,} steps, seed {asked.judge_seed}), at {model.config.stage1}"
    by += f" pixels; the right caption first among {AMONG}, chance {1 / AMONG}"
    groups = test.captions * asked.each
    for name, pictures in shown.stages.items():
        yield f"R-precision, {name}", precision(judge, pictures, shown.captions, groups, asked.seed), f"{shown.protocol}; {by}"
    other = np.random.default_rng(asked.seed).permutation(len(groups))
    value = precision(judge, pictures[torch.from_numpy(other)], shown.captions, groups, asked.seed)
    yield f"R-precision, {name}, captions of other samples", value, f"{shown.protocol}; {by}"
    value = precision(judge, to_float(test.pictures), test.one_each(asked.seed), test.captions, asked.seed)
    yield "R-precision of real pictures", value, f"{test.protocol}; {by}"


def of_words(train: Told, test: Told, shown: Shown, asked: argparse.Namespace) -> Iterator[Row]:
    eye = reader(train, asked.word, asked.steps, asked.judge_seed)
    by = f"classifier of {len(eye.words)} words trained apart on the train split (seed {asked.judge_seed})"
    for name, pictures in shown.stages.items():
        share = float(eye.right(enlarged(pictures, test), shown.captions).float().mean())
        yield f"{asked.word} as asked, {name}", share, f"{shown.protocol}; {by}"
    share = float(eye.right(to_float(test.pictures), test.one_each(asked.seed)).float().mean())
    yield f"{asked.word} of real pictures as their captions say", share, f"{test.protocol}; {by}"


def of_sharpness(test: Told, shown: Shown) -> Iterator[Row]:
    by = "variance of the Laplacian of brightness in [0, 1]"
    for name, pictures in shown.stages.items():
        own = enlarged(pictures, test)
        yield f"sharpness, {name}{'' if own is pictures else ', enlarged'}", sharpness(own), f"{shown.protocol}; {by}"
    yield "sharpness of real pictures", sharpness(to_float(test.pictures)), f"{test.protocol}; {by}"


def enlarged(pictures: Tensor, like: Told) -> Tensor:
    """As large as real pictures."""
    size = like.pictures.shape[2:]
    return pictures if pictures.shape[2:] == size else F.interpolate(pictures, size=size, mode="bicubic").clamp(-1, 1)


def measured(model: Model, asked: argparse.Namespace) -> list[Row]:
    train, test = (told(asked.data, split, model.config.channels, model.config.size) for split in ("train", "test"))
    captions = [caption for again in range(asked.each) for caption in test.one_each(asked.seed + again)]
    protocol = f"{len(captions):,} samples from seed {asked.seed}, for captions of {test.protocol}"
    shown = Shown(drawn(model, len(captions), asked.seed, text=captions), captions, protocol)
    rows = [*of_matching(model, train, test, shown, asked), *of_sharpness(test, shown)]
    return rows + (list(of_words(train, test, shown, asked)) if asked.word else [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--data", required=True, help="a folder or archive with train, test and captions.jsonl")
    parser.add_argument("--word", help="that the word which a classifier reads stands before: hair")
    parser.add_argument("--each", type=int, default=2, help="samples for each picture of the test split")
    parser.add_argument("--seed", type=int, default=1, help="of the samples")
    parser.add_argument("--steps", type=int, default=1500, help="of matcher and classifier")
    parser.add_argument("--judge-seed", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the metrics here")
    asked = parser.parse_args()
    rows = measured(ganzoo.load(asked.model), asked)
    for name, value, _ in rows:
        print(f"{name:>48} {value:.4g}")
    options = {"word": asked.word, "each": asked.each, "seed": asked.seed, "steps": asked.steps, "judge-seed": asked.judge_seed}
    given = "".join(f" --{key} {value}" for key, value in options.items() if value != parser.get_default(key.replace("-", "_")))
    command = f"python benchmarks/sentences.py {Path(asked.model).name} --data {Path(asked.data).name}{given}"
    metrics = [{"name": n, "value": float(f"{v:.4g}"), "protocol": p, "command": command} for n, v, p in rows]
    print(json.dumps(metrics, indent=2))
    if asked.json:
        asked.json.write_text(json.dumps(metrics), "utf-8")


if __name__ == "__main__":
    main()
