"""Captions as token ids: one is drawn for each image, and some of its words are split."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.data.batches import Taker
from ganzoo.data.order import chances, group_picker
from ganzoo.spec import Captions, Facts
from ganzoo.text import PAD, encode, index_entries, list_spellings, list_words

SPLIT_CHANCE = 0.5
"""Probability that a word is split, in captions whose words are."""


def caption_taker(field: Captions, facts: Facts) -> Taker:
    """Draws the token ids of one caption for each image, int64 (n, length)."""
    index = index_entries(field.vocabulary)
    encoded = [encode(caption, (), field.length, index) for caption in facts.captions()]
    tokens = np.asarray(encoded, dtype=np.int64)
    pick = group_picker(np.asarray([len(group) for group in facts.sentences], dtype=np.int64))
    splitter = WordSplitter(field, index) if field.split else None

    def take(chosen: NDArray[np.int64], position: int, seed: int) -> Tensor:
        rows = tokens[pick(chosen, position, seed)]
        if splitter is not None:
            rows = splitter.split_words(rows, position, seed)
        return torch.from_numpy(rows)

    return take


class WordSplitter:
    """Replaces words by pieces of the vocabulary (subword regularization, Kudo 2018, section 3).

    In a share `field.split` of the captions, each known word is replaced with probability
    SPLIT_CHANCE by one of its spellings, so that pieces are trained that stand for words which no
    caption holds. The other captions stay whole, so that most images of one caption share its
    tokens.
    """

    def __init__(self, field: Captions, index: dict[str, int]) -> None:
        self.share, self.length = field.split, field.length
        self.spellings = {
            index[word]: list_spellings(word, index) for word in list_words(field.vocabulary)
        }
        self.splittable = np.zeros(len(field.vocabulary) + 2, dtype=np.bool_)
        self.splittable[[token for token, ways in self.spellings.items() if ways]] = True

    def split_words(self, rows: NDArray[np.int64], position: int, seed: int) -> NDArray[np.int64]:
        """Split in place. `rows` (n, length) are the captions from `position` on; they are cut or
        padded to `length`."""
        drawn = chances(position, len(rows), 1 + self.length, seed)
        in_share, drawn = drawn[:, :1] < self.share, drawn[:, 1:] / SPLIT_CHANCE
        hit = in_share & (drawn < 1) & self.splittable[rows]
        for row in np.flatnonzero(hit.any(axis=1)):
            line: list[int] = []
            for token, chance, split in zip(
                rows[row].tolist(), drawn[row].tolist(), hit[row].tolist(), strict=True
            ):
                if split:
                    ways = self.spellings[token]
                    line += ways[int(chance * len(ways))]
                elif token != PAD:
                    line.append(token)
            line = line[: self.length]
            rows[row] = line + [PAD] * (self.length - len(line))
        return rows
