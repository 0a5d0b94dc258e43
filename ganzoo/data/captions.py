"""Captions of pictures as token ids: which of a picture's is drawn, and which of its words are spelt by pieces."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.data.batches import Taker
from ganzoo.data.order import chances, picker
from ganzoo.spec import Captions, Facts
from ganzoo.text import PAD, encode, known, positions, spellings

SPELT = 0.5
"""Chance of a word in a caption that is spelt."""


def captions(field: Captions, facts: Facts) -> Taker:
    """What gives the token ids of one caption for each picture, int64 (n, length)."""
    index = positions(field.vocabulary)
    tokens = np.asarray(
        [encode(text, (), field.length, index) for text in facts.captions()], dtype=np.int64
    )
    pick = picker(np.asarray([len(group) for group in facts.sentences], dtype=np.int64))
    speller = Speller(field, index) if field.split else None

    def take(chosen: NDArray[np.int64], position: int, seed: int) -> Tensor:
        rows = tokens[pick(chosen, position, seed)]
        return torch.from_numpy(rows if speller is None else speller.spelt(rows, position, seed))

    return take


class Speller:
    """Of a share `field.split` of the captions each known word is spelt by pieces with the chance SPELT, in one of its spellings:
    so the vectors of pieces, which stand for words that no caption holds, are learnt (sub-word regularization, Kudo 2018, section
    3). The other captions stay as they are, so that pictures of one caption are mostly seen to be."""

    def __init__(self, field: Captions, index: dict[str, int]) -> None:
        self.split, self.length = field.split, field.length
        self.ways = {index[word]: spellings(word, index) for word in known(field.vocabulary)}
        self.may = np.zeros(len(field.vocabulary) + 2, dtype=np.bool_)
        self.may[[number for number, ways in self.ways.items() if ways]] = True

    def spelt(self, rows: NDArray[np.int64], position: int, seed: int) -> NDArray[np.int64]:
        """`rows` (n, length), with their place in the stream from `position` on; changed in place, cut to `length`."""
        drawn = chances(position, len(rows), 1 + self.length, seed)
        captions, drawn = drawn[:, :1] < self.split, drawn[:, 1:] / SPELT
        hit = captions & (drawn < 1) & self.may[rows]
        for place in np.flatnonzero(hit.any(axis=1)):
            shares = np.where(hit[place], drawn[place], 1.0)
            rows[place] = self._line(rows[place].tolist(), shares.tolist())
        return rows

    def _line(self, row: list[int], shares: list[float]) -> list[int]:
        """`shares`: below 1 which of its spellings a word is given, at 1 none."""
        line: list[int] = []
        for token, share in zip(row, shares, strict=True):
            if share < 1:
                ways = self.ways[token]
                line += ways[int(share * len(ways))]
            elif token != PAD:
                line.append(token)
        return line[: self.length] + [PAD] * (self.length - len(line))
