"""Sums for the Inception score (Salimans et al. 2016) and for class shares."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Scores:
    """Running sums of class probabilities and of their negative entropies, in float64."""

    def __init__(self, classes: int) -> None:
        self.count, self.certain = 0, 0.0
        self.total = torch.zeros(classes, dtype=torch.float64)

    def add(self, logits: Tensor) -> None:
        """Add logits, (n, classes)."""
        logs = logits.double().log_softmax(1)
        chances = logs.exp()
        self.certain += float((chances * logs).sum())
        self.total += chances.sum(0)
        self.count += len(logits)

    def inception(self) -> float:
        """exp of the mean divergence of p(y|x) from p(y), between 1 and the number of classes."""
        mean = self.total / self.count
        return math.exp(self.certain / self.count - float(torch.special.xlogy(mean, mean).sum()))


def one_hot(read: Tensor, classes: int) -> Tensor:
    """Class numbers (n,) -> rows (n, classes), whose mean is the class shares."""
    return torch.nn.functional.one_hot(read, classes).double()
