"""Interpolation between sentences: what is said changes, the noise is held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.errors import UsageError
from ganzoo.gan import GAN, MEANING
from ganzoo.inputs import Rows, Text
from ganzoo.latent import view
from ganzoo.latent.walk import along, check_steps, slerp
from ganzoo.sampling.samples import Samples

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model

LINES = 4


def possible(model: Model) -> bool:
    """Whether the model gives vectors of sentences, which alone have a between."""
    return type(model.gan).meaning is not GAN.meaning and any(
        isinstance(spec, Text) for spec in model.inputs.values()
    )


def strip(
    model: Model, texts: Sequence[str], seed: int = 0, steps: int = 8, lines: int = LINES, **given: Any
) -> Samples:  # fmt: skip
    """From each sentence to the next, `steps` pictures with both ends, all in one line; `lines` of them, each with the latents of
    its own seed, `seed` on. Vectors go along arcs, as those of one length must, and straight where they are near."""
    _check(texts, steps)
    ends = [(place, place + 1) for place in range(len(texts) - 1)]
    return _made(model, texts, ends, torch.linspace(0, 1, steps), seed, lines, given)


def loop(
    model: Model, texts: Sequence[str], seed: int = 0, steps: int = 12, lines: int = LINES, **given: Any
) -> Samples:  # fmt: skip
    """Frames on the way through all sentences and back to the first, `steps` from each to the next; the pictures of one seed
    are neighbours among the rows."""
    _check(texts, steps)
    ends = [(place, (place + 1) % len(texts)) for place in range(len(texts))]
    return _made(model, texts, ends, torch.arange(steps) / steps, seed, lines, given)


def _check(texts: Sequence[str], steps: int) -> None:
    if isinstance(texts, str) or len(texts) < 2:
        raise UsageError("a walk between sentences needs two at least (--text ... --text ...)")
    check_steps(steps)


def _made(
    model: Model,
    texts: Sequence[str],
    ends: Sequence[tuple[int, int]],
    shares: Tensor,
    seed: int,
    lines: int,
    given: dict[str, Any],
) -> Samples:
    way = along(meanings(model, texts), ends, shares, slerp)
    seeds = [seed + line for line in range(lines)]
    held = {
        name: view.drawn(spec, name, seeds).repeat_interleave(len(way), dim=0)
        for name, spec in view.latents(model).items()
    }
    return view.made(model, {MEANING: way.repeat(lines, 1), **held}, seed, len(way), given)


@torch.inference_mode()
def meanings(model: Model, texts: Sequence[str]) -> Tensor:
    """The vectors (n, d) that the model makes of sentences, on the CPU in float32. UsageError where it makes none."""
    found = [(name, spec) for name, spec in model.inputs.items() if isinstance(spec, Text)]
    if not found or not possible(model):
        raise UsageError(
            f"{model.name}: {model.plugin.name} gives no vectors of sentences, so there is nothing between two"
        )
    name, spec = found[0]
    tokens = spec.parse(list(texts), name, Rows(0, len(texts)))
    return model.gan.meaning(tokens.to(model.device)).float().cpu()
