"""Running a generator over batches of inputs."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import UsageError
from ganzoo.gan import GAN
from ganzoo.sampling.feed import move_to_device

SAMPLE = "sample"
"""Name of the samples among the views of a model."""


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[Any]:
    """Autocast to bf16, or a context that does nothing."""
    if precision == "bf16":
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


def name_views(made: Tensor | Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The result of `GAN.sample` by name; views made on demand are not computed yet."""
    return {SAMPLE: made} if isinstance(made, Tensor) else made


@torch.inference_mode()
def generate_batches(
    gan: GAN[Any],
    feed: Iterable[dict[str, Tensor]],
    device: torch.device,
    precision: str,
    wanted: Collection[str] | None = None,
    strict: bool = False,
) -> Iterator[dict[str, Tensor]]:
    """Run `gan.sample` on every batch; float32 views by name, "sample" among them, on `device`.

    `wanted`: views to compute, None for all. One that the model does not have is left out, or
    raises UsageError with `strict`.
    """
    for inputs in feed:
        with autocast(device, precision):
            made = name_views(gan.sample(move_to_device(inputs, device)))
            if strict and (missing := [name for name in wanted or () if name not in made]):
                others = ", ".join(name for name in made if name != SAMPLE) or "no other views"
                raise UsageError(f"--show {missing[0]}: this model gives {others}")
            named = {name: made[name] for name in made if wanted is None or name in wanted}
        yield {name: tensor.float() for name, tensor in named.items()}


def generate(
    gan: GAN[Any],
    feed: Iterable[dict[str, Tensor]],
    device: torch.device,
    precision: str,
    wanted: Collection[str] | None = None,
) -> dict[str, Tensor]:
    """The joined views of all batches, on the CPU."""
    found: dict[str, list[Tensor]] = {}
    for part in generate_batches(gan, feed, device, precision, wanted):
        for name, tensor in part.items():
            found.setdefault(name, []).append(tensor.cpu())
    return {name: torch.cat(tensors) for name, tensors in found.items()}
