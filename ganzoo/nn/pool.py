"""A pool of past fakes, shown to a discriminator again (Shrivastava et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ganzoo.gan import Step


def query_pool(pool: Tensor, seen: Tensor, fakes: Tensor, step: Step) -> Tensor:
    """An image for each of `fakes`, new or from the pool (Shrivastava et al. 2017, section 2.3).

    While `pool` has room, a fake is stored and returned. Later it is returned, or, with probability
    1/2, replaces a stored one that is returned instead. `pool` (size, channels, h, w) is modified;
    `seen` (1,), on the same device, counts the fakes of earlier steps."""
    shown = []
    for number, fake in enumerate(fakes):
        place, room = seen + number, seen + number < len(pool)
        swapped = ~room & step.integers(2, 1).bool()
        slot = torch.where(room, place, step.integers(len(pool), 1))
        past = pool[slot]
        stored = (room | swapped).view(1, 1, 1, 1)
        pool[slot] = torch.where(stored, fake[None].to(pool.dtype), past)
        shown.append(torch.where(swapped.view(1, 1, 1, 1), past.to(fake.dtype), fake[None]))
    return torch.cat(shown)
