"""Interpolation between prompts, with the noise fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.errors import UsageError
from ganzoo.gan import MEANING
from ganzoo.inputs import Rows, Text
from ganzoo.latent import varied
from ganzoo.latent.walk import check_steps, interpolate_pairs, slerp
from ganzoo.sampling.samples import Samples

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model

PROMPT_LINES = 4


def embeds_text(model: Model) -> bool:
    """Whether the model has text embeddings, which can be interpolated."""
    return model.gan.has_text_embedding and any(
        isinstance(spec, Text) for spec in model.inputs.values()
    )


def walk_prompts(
    model: Model,
    prompts: Sequence[str],
    seed: int = 0,
    steps: int = 8,
    lines: int = PROMPT_LINES,
    **given: Any,
) -> Samples:
    """`steps` samples from each prompt to the next, both ends included, all in one line.

    Line i has the latents of `seed` + i. Embeddings are interpolated along arcs, because they have
    one length, and along lines where they are close."""
    _check_prompts(prompts, steps)
    ends = [(place, place + 1) for place in range(len(prompts) - 1)]
    return _sample_way(model, prompts, ends, torch.linspace(0, 1, steps), seed, lines, given)


def loop_prompts(
    model: Model,
    prompts: Sequence[str],
    seed: int = 0,
    steps: int = 12,
    lines: int = PROMPT_LINES,
    **given: Any,
) -> Samples:
    """Frames of a loop through all prompts, `steps` from each to the next; a line for each seed."""
    _check_prompts(prompts, steps)
    ends = [(place, (place + 1) % len(prompts)) for place in range(len(prompts))]
    return _sample_way(model, prompts, ends, torch.arange(steps) / steps, seed, lines, given)


def _check_prompts(prompts: Sequence[str], steps: int) -> None:
    if isinstance(prompts, str) or len(prompts) < 2:
        raise UsageError("a walk between prompts needs at least two (--text ... --text ...)")
    check_steps(steps)


def _sample_way(
    model: Model,
    prompts: Sequence[str],
    ends: Sequence[tuple[int, int]],
    shares: Tensor,
    seed: int,
    lines: int,
    given: dict[str, Any],
) -> Samples:
    """Samples along the way between pairs of prompts, one line for each seed."""
    way = interpolate_pairs(embed_prompts(model, prompts), ends, shares, slerp)
    inputs = {MEANING: way.repeat(lines, 1)}
    for name, spec in varied.require_latents(model).items():
        drawn = varied.draw_latents(spec, name, range(seed, seed + lines))
        inputs[name] = drawn.repeat_interleave(len(way), dim=0)
    return varied.sample_varied(model, inputs, seed, len(way), given)


@torch.inference_mode()
def embed_prompts(model: Model, prompts: Sequence[str]) -> Tensor:
    """Text embeddings (n, d), float32 on the CPU; UsageError where the model has none."""
    if not embeds_text(model):
        raise UsageError(f"{model.name}: {model.plugin.name} has no text embeddings to interpolate")
    name, spec = next((name, spec) for name, spec in model.inputs.items() if isinstance(spec, Text))
    tokens = spec.parse(list(prompts), name, Rows(0, len(prompts)))
    return model.gan.meaning(tokens.to(model.device)).float().cpu()
