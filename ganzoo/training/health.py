"""Does a run look healthy? Warnings for collapsed samples or latents, a game that one player has won, losses that stand still."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

ROWS = 10
"""Log rows in a row that must agree."""
FIRST = 2
"""Sample events that are too early to judge: the first samples of any run look alike."""
COLLAPSED = 0.2
"""Share of the data's variety below which samples look collapsed."""
UNREAD = 0.05
"""Nats of an autoencoder's KL term below which the latent says nothing of the picture."""
ONE_CLASS = 0.6
"""Share of one class among the samples above which the others are missing."""
TRY = "Try a lower learning rate, a larger batch, label smoothing, or a loss with a penalty or spectral normalization"


class Health:
    """Reads log rows and samples as they come. `real`: examples of the data, the measure of variety; None where there are
    none to compare with. `classes`: names the class of each sample, where something can. Each warning comes once, and again
    only after the trouble had gone."""

    def __init__(
        self, real: Tensor | None = None, classes: Callable[[Tensor], list[str]] | None = None
    ) -> None:
        self.classes = classes
        self.variety = variety(real) if real is not None else None
        self.rows: deque[Mapping[str, Any]] = deque(maxlen=ROWS)
        self.told: set[str] = set()
        self.events = self.bad = 0

    def begin(self) -> None:
        """A phase begins: other networks draw, and none of the rows of before is compared with."""
        self.rows.clear()
        self.events = self.bad = 0

    @property
    def collapsed(self) -> bool:
        """Whether the last two looks at the samples found them alike."""
        return self.bad >= 2

    def row(self, row: Mapping[str, Any]) -> list[str]:
        """Warnings after one more row of means."""
        self.rows.append(row)
        full = len(self.rows) == ROWS
        return [
            *self._once("won", full and self._all("score/real", above=0.99) and self._all("score/fake", below=0.01), (
                "the discriminator has won: for a while it has told real from generated with certainty, and the generator learns "
                "little. Try a lower rate for it, dropout or label smoothing, or more steps for the generator"
            )),
            *self._once("lost", full and self._all("score/fake", above=0.95), (
                "the generator has won: for a while the discriminator has taken its work for real. Try a higher rate or more "
                "width for the discriminator"
            )),
            *self._once("unread", full and self._all("reconstruction") and self._all("kl", below=UNREAD), (
                f"the decoder reads nothing in the latent: its KL divergence has been below {UNREAD} nats for a while, and every "
                "sample is the same blurred picture. Try a smaller weight for the KL term, a lower learning rate or another seed"
            )),
            *self._once("frozen", full and self._frozen(), (
                "the losses have stood still for a while: nothing is learnt. Try another learning rate or seed, and look for "
                "pictures that are all the same in the data"
            )),
        ]  # fmt: skip

    def samples(self, made: Tensor) -> list[str]:
        """Warnings after one more look at samples of fixed inputs."""
        if self.variety is None or len(made) < 2:
            return []
        self.events += 1
        share = min(
            now / max(real, 1e-9) for now, real in zip(variety(made), self.variety, strict=True)
        )
        self.bad = self.bad + 1 if share < COLLAPSED and self.events > FIRST else 0
        return list(self._once("collapsed", self.collapsed, (
            f"the samples look alike ({100 * share:.0f} % of the variety of the data): the generator has collapsed. {TRY}; "
            "--stop-on-collapse ends such a run"
        ))) + list(self._one_class(made))  # fmt: skip

    def _one_class(self, made: Tensor) -> Iterator[str]:
        """Samples may differ and still be all of one class."""
        if self.classes is None or self.events <= FIRST:
            return
        (name, count), *_ = Counter(self.classes(made)).most_common(1)
        yield from self._once("one class", count > ONE_CLASS * len(made), (
            f"{count} of {len(made)} samples look like one class, {name}: the others are missing. {TRY}"
        ))  # fmt: skip

    def _once(self, kind: str, ill: bool, text: str) -> Iterator[str]:
        if ill and kind not in self.told:
            yield text
        self.told = self.told | {kind} if ill else self.told - {kind}

    def _all(self, key: str, above: float = float("-inf"), below: float = float("inf")) -> bool:
        return all(above < row.get(key, float("nan")) < below for row in self.rows)

    def _frozen(self) -> bool:
        keys = [key for key in self.rows[0] if key.startswith("loss/")]
        ranges = [[row.get(key, 0.0) for row in self.rows] for key in keys]
        return bool(keys) and all(
            max(values) - min(values) <= 1e-6 * max(1.0, abs(values[0])) for values in ranges
        )


def variety(rows: Tensor) -> tuple[float, float]:
    """How much rows differ: the mean deviation of a value, and the median distance from a row to the nearest other one.
    The second falls when a few pictures come again and again."""
    flat = rows.detach().float().flatten(1)
    apart = torch.cdist(flat, flat)
    apart.fill_diagonal_(float("inf"))
    return float(flat.std(dim=0).mean()), float(apart.min(dim=1).values.median())
