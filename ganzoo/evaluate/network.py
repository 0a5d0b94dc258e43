"""The small networks whose features are used, one for each data set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.errors import UsageError
from ganzoo.pictures import images

EXTRACTOR_WIDTHS = (32, 64, 128)
"""Channels after each halving of the side."""
HALVED_ABOVE = 32
"""Pixels; larger images are halved once more at the start."""


class Network(nn.Module):
    """Images (n, channels, size, size) in [-1, 1] -> features (n, 128) and logits (n, outputs).

    Features have mean 0 and deviation 1 over the training data."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int, size: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            build_convolution(channels, EXTRACTOR_WIDTHS[0], 2 if size > HALVED_ABOVE else 1),
            *(build_convolution(a, b, 2) for a, b in pairwise(EXTRACTOR_WIDTHS)),
            build_convolution(EXTRACTOR_WIDTHS[-1], EXTRACTOR_WIDTHS[-1], 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(EXTRACTOR_WIDTHS[-1], outputs)
        self.register_buffer("mean", torch.zeros(EXTRACTOR_WIDTHS[-1]))
        self.register_buffer("deviation", torch.ones(EXTRACTOR_WIDTHS[-1]))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        raw = self.body(images)
        return (raw - self.mean) / self.deviation, self.head(raw)

    def raw(self, images: Tensor) -> Tensor:
        """Features before normalisation."""
        return torch.as_tensor(self.body(images))


def build_convolution(channels: int, width: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    )


@contextmanager
def without_tf32() -> Iterator[None]:
    """Convolutions in float32: with TF32, a GPU would give other figures than a CPU."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False), torch.inference_mode():
        yield


def to_levels(made: Tensor) -> Tensor:
    """Images in [-1, 1] -> as they would be saved, uint8 (n, channels, height, width)."""
    return torch.from_numpy(images.to_uint8(made)).permute(0, 3, 1, 2)


def fit_images(levels: Tensor, channels: int, size: int) -> Tensor:
    """Images uint8 (n, c, side, side) -> as an extractor takes them, in [-1, 1].

    Grey images are repeated if it takes colour; another size is resized, bilinear with
    antialiasing. UsageError for colour images if it takes grey."""
    if levels.shape[1] == 1 and channels == 3:
        levels = levels.expand(-1, 3, -1, -1)
    if levels.shape[1] != channels:
        found = f"these have {levels.shape[1]}"
        raise UsageError(
            f"the extractor takes images of {channels} channel, {found}; choose another"
        )
    made = images.to_float(levels)
    if made.shape[2:] == (size, size):
        return made
    return F.interpolate(made, (size, size), mode="bilinear", antialias=True, align_corners=False)


def describe_resize(side: int, size: int) -> str:
    """What `fit_images` does, for protocols."""
    return "none" if side == size else f"bilinear antialiased {side} to {size}"
