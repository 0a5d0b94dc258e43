"""MS-SSIM (Wang et al. 2003) of pairs of images, a measure of diversity (Odena et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, SIGMA = 11, 1.5
LUMINANCE, CONTRAST = 0.01**2, 0.03**2


def count_scales(size: int) -> int:
    """Number of the five scales that fit a side of `size` pixels; 0 if not even one window fits."""
    return sum(size >> level >= WINDOW for level in range(len(WEIGHTS)))


def ms_ssim(first: Tensor, second: Tensor) -> Tensor:
    """Similarity (n,) of images (n, channels, size, size) in [0, 1]; 1 for equal images.

    For small images the weights of the scales that fit are normalised. Negative structure counts
    as 0."""
    levels = count_scales(min(first.shape[2:]))
    weights = torch.tensor(WEIGHTS[:levels], dtype=torch.float64) / sum(WEIGHTS[:levels])
    a, b = first.double(), second.double()
    found = torch.ones(len(first), dtype=torch.float64)
    for level, weight in enumerate(weights):
        mean_a, mean_b = _blur(a), _blur(b)
        var_a, var_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
        both = _blur(a * b) - mean_a * mean_b
        similar = (2 * both + CONTRAST) / (var_a + var_b + CONTRAST)
        if level == levels - 1:
            light = (2 * mean_a * mean_b + LUMINANCE) / (mean_a**2 + mean_b**2 + LUMINANCE)
            similar = light * similar
        found = found * similar.flatten(1).mean(1).clamp(min=0) ** weight
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return found


def compare_pairs(pictures: Tensor, groups: Tensor | None = None) -> Tensor:
    """Similarity of disjoint pairs, each within one of `groups` (n,) if given; images uint8."""
    order = torch.arange(len(pictures))
    members = [order]
    if groups is not None:
        members = [order[groups == group] for group in range(int(groups.max()) + 1)]
    chosen = torch.cat([one[: len(one) // 2 * 2].reshape(-1, 2) for one in members])
    parts = [
        ms_ssim(pictures[rows[:, 0]] / 255, pictures[rows[:, 1]] / 255)
        for rows in torch.split(chosen, 100)
    ]
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)


def _blur(x: Tensor) -> Tensor:
    """Convolve with a Gaussian window, without padding."""
    at = torch.arange(WINDOW, dtype=x.dtype) - WINDOW // 2
    line = (-(at**2) / (2 * SIGMA**2)).exp()
    line, channels = line / line.sum(), x.shape[1]
    x = F.conv2d(x, line.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return F.conv2d(x, line.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
