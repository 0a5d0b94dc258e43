"""What is kept of images that pass: running sums of all, features of many, a few images."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.evaluate.classes import Scores
from ganzoo.evaluate.extractors import Extractor
from ganzoo.evaluate.moments import FeatureMoments
from ganzoo.evaluate.prdc import MOST_FEATURES
from ganzoo.evaluate.resampling import PARTS

KEPT_IMAGES = 1000


class Observed:
    """`parts`, `scores`: sums over PARTS consecutive parts of `count` images; `read`: predicted
    class of each; `features` of the first MOST_FEATURES, (n, d); `pictures`: the first
    KEPT_IMAGES, uint8."""

    def __init__(self, count: int, extractor: Extractor) -> None:
        self.count, self.seen = count, 0
        self.parts = [FeatureMoments(extractor.dims) for _ in range(PARTS)]
        self.scores = [Scores(extractor.outputs) for _ in range(PARTS)]
        self._features: list[Tensor] = []
        self._pictures: list[Tensor] = []
        self._read: list[Tensor] = []

    def see(self, levels: Tensor, extractor: Extractor) -> Tensor:
        """Add images, uint8 (n, channels, size, size); returns their features."""
        features, logits = extractor(levels)
        places = (self.seen + torch.arange(len(levels))) * PARTS // self.count
        for part in sorted(set(places.tolist())):
            self.parts[part].add(features[places == part])
            self.scores[part].add(logits[places == part])
        if self.seen < MOST_FEATURES:
            self._features.append(features[: MOST_FEATURES - self.seen].clone())
        if self.seen < KEPT_IMAGES:
            self._pictures.append(levels[: KEPT_IMAGES - self.seen].clone())
        self._read.append(logits.argmax(1))
        self.seen += len(levels)
        return features

    @property
    def features(self) -> Tensor:
        return torch.cat(self._features)

    @property
    def pictures(self) -> Tensor:
        return torch.cat(self._pictures)

    @property
    def read(self) -> Tensor:
        return torch.cat(self._read)
