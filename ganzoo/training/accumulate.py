"""Gradient accumulation: a step's batch in equal parts, with the update of the whole batch.

The parts advance in lockstep, one update at a time: a player moves once, by the mean gradient of
all parts, and only then does any part compute the loss of the next update. Parts draw what the
whole batch would draw. So the result equals that of the whole batch up to rounding, unless the
networks look across examples (BatchNorm, minibatch statistics), keep state between calls (spectral
normalization, image pools) or draw from torch's own generator (dropout, augmentation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ganzoo.errors import UsageError
from ganzoo.gan import Phase, Step


@dataclass(frozen=True)
class PartStep(Step):
    """The step as one part of its batch sees it: `part` of `parts`, with `size` examples.

    `whole` is the step of the whole batch, in a copy of its own. A draw of `size` along some
    dimension is this part's slice of what the whole batch draws; a single number is shared by all
    parts (where `size` is 1, it counts as a slice). Other draws, and `rng` itself, give each part
    different numbers.
    """

    whole: Step
    part: int
    parts: int
    size: int

    def noise(self, *shape: int) -> Tensor:
        return self._take(shape, self.whole.noise, super().noise)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        draw = partial(self.whole.uniform, low=low, high=high)
        return self._take(shape, draw, partial(super().uniform, low=low, high=high))

    def integers(self, high: int, *shape: int) -> Tensor:
        return self._take(
            shape, partial(self.whole.integers, high), partial(super().integers, high)
        )

    def permutation(self, n: int) -> Tensor:
        self.whole.permutation(n * self.parts if n == self.size else n)  # keeps later draws equal
        return super().permutation(n)

    def _take(
        self, shape: tuple[int, ...], draw: Callable[..., Tensor], other: Callable[..., Tensor]
    ) -> Tensor:
        if self.size in shape:
            axis = shape.index(self.size)
            whole = draw(*shape[:axis], self.size * self.parts, *shape[axis + 1 :])
            return whole.narrow(axis, self.part * self.size, self.size)
        shared = draw(*shape)
        return shared if shared.numel() == 1 else other(*shape)


def split_step(
    batch: Mapping[str, Tensor], step: Step, parts: int
) -> Iterator[tuple[Mapping[str, Tensor], Step]]:
    """The parts of a batch, each with its step. One part is the batch itself."""
    if parts == 1:
        yield batch, step
        return
    size = len(next(iter(batch.values()))) // parts
    for part in range(parts):
        whole = torch.Generator(step.rng.device)
        whole.set_state(step.rng.get_state())
        own = torch.Generator(step.rng.device).manual_seed(step.rng.initial_seed() ^ (part + 2))
        examples = {name: tensor.narrow(0, part * size, size) for name, tensor in batch.items()}
        copy = Step(step.index, step.phase, step.steps, whole)
        yield (
            examples,
            PartStep(step.index, step.phase, step.steps, own, copy, part, parts, size),
        )


def check_parts(phases: Sequence[Phase], parts: int) -> None:
    """Raise UsageError for a batch that does not split into equal parts."""
    for phase in phases:
        if phase.batch % parts:
            raise UsageError(
                f"--accumulate {parts}: a batch of {phase.batch} does not split into "
                f"{parts} equal parts; choose a divisor, or another --batch-size"
            )
