"""Averaged weights: what `sample` uses and what is published."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.gan import GAN


class Average:
    """Exponential moving averages of some of a GAN's networks: floats are averaged, integer buffers copied."""

    def __init__(self, gan: GAN[Any], names: Sequence[str], decay: float) -> None:
        self.gan, self.decay = gan, decay
        self.shadows: dict[str, nn.Module] = {
            name: copy.deepcopy(gan.get_submodule(name)).eval().requires_grad_(False)
            for name in names
        }
        live = [
            tensor
            for name in names
            for tensor in gan.get_submodule(name).state_dict(keep_vars=True).values()
        ]
        kept = [
            tensor
            for shadow in self.shadows.values()
            for tensor in shadow.state_dict(keep_vars=True).values()
        ]
        pairs = list(zip(kept, live, strict=True))
        self.floats = [(k, v) for k, v in pairs if k.is_floating_point()]
        self.others = [(k, v) for k, v in pairs if not k.is_floating_point()]

    @torch.no_grad()
    def update(self, index: int) -> None:
        """After step `index` of the phase; the decay grows as (1 + i) / (10 + i) to its value."""
        if self.floats:
            weight = 1 - min(self.decay, (1 + index) / (10 + index))
            torch._foreach_lerp_(
                [k.data for k, _ in self.floats], [v.data for _, v in self.floats], weight
            )
        for kept, live in self.others:
            kept.copy_(live)

    @contextmanager
    def applied(self) -> Iterator[GAN[Any]]:
        """The GAN with its averaged networks in place and everything in eval mode; undone on leaving."""
        live = {name: self.gan.get_submodule(name) for name in self.shadows}
        modes = [
            (module, module.training) for module in self.gan.modules()
        ]  # frozen parts differ from their network
        for name, shadow in self.shadows.items():
            setattr(self.gan, name, shadow)
        self.gan.eval()
        try:
            yield self.gan
        finally:
            for name, network in live.items():
                setattr(self.gan, name, network)
            for module, mode in modes:
                module.training = mode

    def settle(self, names: Sequence[str]) -> None:
        """Give the live networks `names` their averaged weights: at a phase's end, for those that no later phase moves."""
        with torch.no_grad():
            for name in names:
                for kept, live in zip(
                    self.shadows[name].state_dict().values(),
                    self.gan.get_submodule(name).state_dict().values(),
                    strict=True,
                ):
                    live.copy_(kept)

    def state(self) -> dict[str, Tensor]:
        """Tensors by "<network>.<name>"."""
        return {
            f"{name}.{key}": t
            for name, shadow in self.shadows.items()
            for key, t in shadow.state_dict().items()
        }


@torch.no_grad()
def reestimate(network: nn.Module, feed: Iterator[Any], forward: Any) -> None:
    """Replace BatchNorm statistics by the plain average over the batches of `feed`; averaged ones lag behind the weights.

    Those that no batch reaches, a discriminator's say, stay as they are."""
    norms = [
        m
        for m in network.modules()
        if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats
    ]
    momenta = [norm.momentum for norm in norms]
    before = [{name: buffer.clone() for name, buffer in norm.named_buffers()} for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    for inputs in feed if norms else ():
        forward(inputs)
    for norm, momentum, kept in zip(norms, momenta, before, strict=True):
        norm.momentum = momentum
        norm.eval()
        if not norm.num_batches_tracked:
            norm.load_state_dict(norm.state_dict() | kept)
