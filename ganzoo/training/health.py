"""Warnings during training: collapse, a game that one player wins, losses that stand still."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

WINDOW = 10
"""Consecutive log rows that must agree."""
FIRST = 2
"""Sample events that come too early to judge: the first samples of any run look alike."""
COLLAPSED = 0.2
"""Share of the data's variety below which samples look collapsed."""
UNREAD = 0.05
"""Nats of an autoencoder's KL term below which the latent says nothing of the image."""
ONE_CLASS = 0.6
"""Share of one class among the samples above which the others are missing."""
TRY = (
    "Try a lower learning rate, a larger batch, label smoothing, "
    "or a loss with a penalty or spectral normalization"
)


class Health:
    """Reads log rows and samples as they come.

    `real`: examples of the data, the measure of variety; None where nothing is comparable.
    `classes`: returns the class name of each sample. A warning comes once, and again only after the
    trouble was gone.
    """

    def __init__(
        self, real: Tensor | None = None, classes: Callable[[Tensor], list[str]] | None = None
    ) -> None:
        self.classes = classes
        self.variety = measure_variety(real) if real is not None else None
        self.rows: deque[Mapping[str, Any]] = deque(maxlen=WINDOW)
        self.warned: set[str] = set()
        self.events = self.bad = 0

    def begin(self) -> None:
        """Forget rows and events: another phase begins, where other networks draw."""
        self.rows.clear()
        self.events = self.bad = 0

    @property
    def collapsed(self) -> bool:
        """Whether the last two sample events looked collapsed."""
        return self.bad >= 2

    def row(self, row: Mapping[str, Any]) -> list[str]:
        """Warnings after one more row of means."""
        self.rows.append(row)
        full = len(self.rows) == WINDOW
        certain = self._stays("score/real", above=0.99) and self._stays("score/fake", below=0.01)
        silent = self._stays("reconstruction") and self._stays("kl", below=UNREAD)
        texts = self._warn(
            "won",
            full and certain,
            "the discriminator has won: for a while it has told real from generated with "
            "certainty, and the generator learns little. Try a lower rate for it, dropout or label "
            "smoothing, or more steps for the generator",
        )
        texts += self._warn(
            "lost",
            full and self._stays("score/fake", above=0.95),
            "the generator has won: for a while the discriminator has taken its samples for real. "
            "Try a higher rate or more width for the discriminator",
        )
        texts += self._warn(
            "unread",
            full and silent,
            "the decoder reads nothing in the latent: its KL divergence has been below "
            f"{UNREAD} nats for a while, and every sample is the same blurred image. Try a smaller "
            "weight for the KL term, a lower learning rate or another seed",
        )
        return texts + self._warn(
            "frozen",
            full and self._is_frozen(),
            "the losses have stood still for a while: nothing is learnt. Try another learning rate "
            "or seed, and check the data for images that are all the same",
        )

    def samples(self, samples: Tensor) -> list[str]:
        """Warnings after one more sample event, with samples of fixed inputs."""
        if self.variety is None or len(samples) < 2:
            return []
        self.events += 1
        pairs = zip(measure_variety(samples), self.variety, strict=True)
        share = min(now / max(real, 1e-9) for now, real in pairs)
        judged = self.events > FIRST
        self.bad = self.bad + 1 if share < COLLAPSED and judged else 0
        texts = self._warn(
            "collapsed",
            self.collapsed,
            f"the samples look alike ({100 * share:.0f} % of the variety of the data): the "
            f"generator has collapsed. {TRY}; --stop-on-collapse ends such a run",
        )
        if self.classes is not None and judged:  # samples may differ and still be of one class
            (name, count), *_ = Counter(self.classes(samples)).most_common(1)
            texts += self._warn(
                "one class",
                count > ONE_CLASS * len(samples),
                f"{count} of {len(samples)} samples look like one class, {name}: "
                f"the others are missing. {TRY}",
            )
        return texts

    def _warn(self, kind: str, ill: bool, text: str) -> list[str]:
        """The warning, unless it was given already."""
        new = ill and kind not in self.warned
        self.warned = self.warned | {kind} if ill else self.warned - {kind}
        return [text] if new else []

    def _stays(self, key: str, above: float = float("-inf"), below: float = float("inf")) -> bool:
        """Whether a value lies between the bounds in all rows."""
        return all(above < row.get(key, float("nan")) < below for row in self.rows)

    def _is_frozen(self) -> bool:
        keys = [key for key in self.rows[0] if key.startswith("loss/")]
        for key in keys:
            values = [row.get(key, 0.0) for row in self.rows]
            if max(values) - min(values) > 1e-6 * max(1.0, abs(values[0])):
                return False
        return bool(keys)


def measure_variety(rows: Tensor) -> tuple[float, float]:
    """How much rows differ: mean standard deviation, and median distance to the nearest other row.

    The second falls when a few images repeat.
    """
    flat = rows.detach().float().flatten(1)
    distances = torch.cdist(flat, flat)
    distances.fill_diagonal_(float("inf"))
    return float(flat.std(dim=0).mean()), float(distances.min(dim=1).values.median())
