"""The real images nearest to some samples: were any memorised?"""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from ganzoo.pictures import images

NEIGHBOUR_ROWS, NEIGHBOUR_COLUMNS = 16, 4
"""Samples shown, and real images beside each, nearest in features."""


class Neighbours:
    """Collects the real images nearest to samples: NEIGHBOUR_COLUMNS by features, one by pixels.

    `pictures`: uint8 (n, channels, size, size), and their `features`, (n, d)."""

    def __init__(self, pictures: Tensor, features: Tensor) -> None:
        self.pictures, self.features = pictures[:NEIGHBOUR_ROWS], features[:NEIGHBOUR_ROWS]
        shape = (len(self.pictures), 1, *pictures.shape[1:])
        self.by_features = NearestImages(torch.zeros(shape, dtype=torch.uint8), NEIGHBOUR_COLUMNS)
        self.by_pixels = NearestImages(torch.zeros(shape, dtype=torch.uint8), 1)

    def see(self, pictures: Tensor, features: Tensor) -> None:
        """Add real images."""
        self.by_features.see(torch.cdist(self.features, features), pictures)
        self.by_pixels.see(
            torch.cdist(self.pictures.flatten(1).float(), pictures.flatten(1).float()), pictures
        )

    def picture(self) -> Image.Image:
        """One row per sample: sample, neighbours by features, nearest first, neighbour by
        pixels."""
        rows = torch.cat(
            [self.pictures[:, None], self.by_features.pictures, self.by_pixels.pictures], dim=1
        )
        return images.make_grid(images.to_float(rows.flatten(0, 1)), columns=rows.shape[1])


class NearestImages:
    """The nearest images so far, (samples, number, ...), nearest first."""

    def __init__(self, blank: Tensor, number: int) -> None:
        self.number, self.pictures = number, blank.expand(-1, number, *blank.shape[2:]).clone()
        self.apart = torch.full(self.pictures.shape[:2], float("inf"))

    def see(self, apart: Tensor, pictures: Tensor) -> None:
        """`apart`: distances (samples, images)."""
        self.apart, chosen = torch.cat([self.apart, apart], dim=1).topk(self.number, largest=False)
        before = self.pictures.clone()
        for row, places in enumerate(chosen.tolist()):
            for rank, place in enumerate(places):
                self.pictures[row, rank] = (
                    before[row, place] if place < self.number else pictures[place - self.number]
                )
