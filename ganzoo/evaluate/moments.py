"""Frechet distance from running sums: no features are kept (Heusel et al. 2017, eq. 6)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


class FeatureMoments:
    """Count, mean (d) and scatter (d, d) of features, in float64.

    Merged pairwise, which avoids cancellation (Chan, Golub and LeVeque 1983)."""

    def __init__(self, dims: int) -> None:
        self.count = 0
        self.mean = torch.zeros(dims, dtype=torch.float64)
        self.scatter = torch.zeros(dims, dims, dtype=torch.float64)

    def add(self, features: Tensor) -> None:
        """Add features, (n, d)."""
        features = features.double()
        mean = features.mean(0)
        centred = features - mean
        self._merge(len(features), mean, centred.T @ centred)

    def _merge(self, count: int, mean: Tensor, scatter: Tensor) -> None:
        total, shift = self.count + count, mean - self.mean
        self.scatter += scatter + torch.outer(shift, shift) * (self.count * count / total)
        self.mean += shift * (count / total)
        self.count = total

    @property
    def covariance(self) -> Tensor:
        """Unbiased, (d, d)."""
        return self.scatter / (self.count - 1)


def merge_moments(parts: Iterable[FeatureMoments]) -> FeatureMoments:
    """Moments of all parts together."""
    parts = list(parts)
    whole = FeatureMoments(len(parts[0].mean))
    for part in parts:
        whole._merge(part.count, part.mean, part.scatter)
    return whole


def matrix_root(matrix: Tensor) -> Tensor:
    """Square root of a positive semidefinite matrix; eigenvalues below 0 count as 0."""
    values, vectors = torch.linalg.eigh(matrix)
    return torch.as_tensor((vectors * values.clamp(min=0).sqrt()) @ vectors.T)


def frechet_distance(
    real: FeatureMoments, fake: FeatureMoments, real_root: Tensor | None = None
) -> float:
    """|m - n|^2 + tr(S + T - 2 (S T)^(1/2)) of the Gaussians with these moments.

    `real_root`: `matrix_root` of the real covariance. tr (S T)^(1/2) is the sum of the roots of
    the eigenvalues of S^(1/2) T S^(1/2), which is symmetric: they are real, whereas a general
    root of S T takes complex numbers and fails for singular matrices."""
    half = matrix_root(real.covariance) if real_root is None else real_root
    inner = half @ fake.covariance @ half
    crossed = torch.linalg.eigvalsh((inner + inner.T) / 2).clamp(min=0).sqrt().sum()
    apart = (real.mean - fake.mean).square().sum()
    return float(apart + real.covariance.trace() + fake.covariance.trace() - 2 * crossed)
