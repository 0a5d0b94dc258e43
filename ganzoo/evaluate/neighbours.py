"""The real pictures nearest to some samples, as a picture: were any learnt by heart?"""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from ganzoo.pictures import images

NEIGHBOUR_ROWS, NEIGHBOUR_COLUMNS = 16, 4
"""Rows of the picture; real ones beside each, nearest in features."""


class Neighbours:
    """Collects, from real pictures as they pass, those nearest to samples: NEAREST by features, one by pixels.

    `pictures` uint8 (n, channels, size, size) and their `features` (n, d)."""

    def __init__(self, pictures: Tensor, features: Tensor) -> None:
        self.pictures, self.features = pictures[:NEIGHBOUR_ROWS], features[:NEIGHBOUR_ROWS]
        shape = (len(self.pictures), 1, *pictures.shape[1:])
        self.by_features = _Best(torch.zeros(shape, dtype=torch.uint8), NEIGHBOUR_COLUMNS)
        self.by_pixels = _Best(torch.zeros(shape, dtype=torch.uint8), 1)

    def see(self, pictures: Tensor, features: Tensor) -> None:
        """More real pictures."""
        self.by_features.see(torch.cdist(self.features, features), pictures)
        self.by_pixels.see(
            torch.cdist(self.pictures.flatten(1).float(), pictures.flatten(1).float()), pictures
        )

    def picture(self) -> Image.Image:
        """A row a sample: the sample, its neighbours in features from the nearest on, its neighbour in pixels."""
        rows = torch.cat(
            [self.pictures[:, None], self.by_features.pictures, self.by_pixels.pictures], dim=1
        )
        return images.grid(images.to_float(rows.flatten(0, 1)), columns=rows.shape[1])


class _Best:
    """The nearest pictures so far, (samples, number, ...), from the nearest on."""

    def __init__(self, blank: Tensor, number: int) -> None:
        self.number, self.pictures = number, blank.expand(-1, number, *blank.shape[2:]).clone()
        self.apart = torch.full(self.pictures.shape[:2], float("inf"))

    def see(self, apart: Tensor, pictures: Tensor) -> None:
        """`apart`: (samples, pictures)."""
        self.apart, chosen = torch.cat([self.apart, apart], dim=1).topk(self.number, largest=False)
        before = self.pictures.clone()
        for row, places in enumerate(chosen.tolist()):
            for rank, place in enumerate(places):
                self.pictures[row, rank] = (
                    before[row, place] if place < self.number else pictures[place - self.number]
                )
