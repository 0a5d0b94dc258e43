"""What a generator made in steps before, shown to a discriminator again so that it does not forget (Shrivastava et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ganzoo.gan import Step


def remembered(pool: Tensor, seen: Tensor, fakes: Tensor, step: Step) -> Tensor:
    """A picture for each of `fakes`, after Shrivastava et al. 2017, section 2.3, one after the other: while there is room in
    `pool`, the fake is kept and shown; then it is shown or, by chance of a half, takes the place of one that is shown.

    `pool` (size, channels, h, w) is written into; `seen` (1,), on the device as all else, counts fakes of steps before."""
    shown = []
    for number, fake in enumerate(fakes):
        place, room = seen + number, seen + number < len(pool)
        swapped = ~room & step.integers(2, 1).bool()
        slot = torch.where(room, place, step.integers(len(pool), 1))
        past, flags = pool[slot], (1, 1, 1, 1)
        pool[slot] = torch.where((room | swapped).view(flags), fake[None].to(pool.dtype), past)
        shown.append(torch.where(swapped.view(flags), past.to(fake.dtype), fake[None]))
    return torch.cat(shown)
