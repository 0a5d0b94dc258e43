"""Averaged weights: those that `sample` uses and a model file holds."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.gan import GAN


class Average:
    """Exponential moving averages of networks; integer buffers are copied."""

    def __init__(self, gan: GAN[Any], names: Sequence[str], decay: float) -> None:
        self.gan, self.decay = gan, decay
        self.shadows: dict[str, nn.Module] = {}
        self.floats: list[tuple[Tensor, Tensor]] = []
        self.others: list[tuple[Tensor, Tensor]] = []
        for name in names:
            network = gan.get_submodule(name)
            shadow = copy.deepcopy(network).eval().requires_grad_(False)
            self.shadows[name] = shadow
            kept = shadow.state_dict(keep_vars=True).values()
            live = network.state_dict(keep_vars=True).values()
            for pair in zip(kept, live, strict=True):
                (self.floats if pair[0].is_floating_point() else self.others).append(pair)

    @torch.no_grad()
    def update(self, index: int) -> None:
        """Follow step `index` of the phase. The decay is min(decay, (1 + i) / (10 + i))."""
        if self.floats:
            weight = 1 - min(self.decay, (1 + index) / (10 + index))
            kept = [k.data for k, _ in self.floats]
            torch._foreach_lerp_(kept, [v.data for _, v in self.floats], weight)
        for copied, live in self.others:
            copied.copy_(live)

    @contextmanager
    def applied(self) -> Iterator[GAN[Any]]:
        """The GAN with averaged networks in eval mode; undone on exit."""
        live = {name: self.gan.get_submodule(name) for name in self.shadows}
        modes = [(module, module.training) for module in self.gan.modules()]
        for name, shadow in self.shadows.items():
            setattr(self.gan, name, shadow)
        self.gan.eval()
        try:
            yield self.gan
        finally:
            for name, network in live.items():
                setattr(self.gan, name, network)
            for module, mode in modes:  # frozen parts may differ from their network
                module.training = mode

    @torch.no_grad()
    def settle(self, names: Sequence[str]) -> None:
        """Give the live networks `names` their averaged weights, at the end of a phase."""
        for name in names:
            kept = self.shadows[name].state_dict().values()
            live = self.gan.get_submodule(name).state_dict().values()
            for average, tensor in zip(kept, live, strict=True):
                tensor.copy_(average)

    def state(self) -> dict[str, Tensor]:
        """Tensors by "<network>.<name>"."""
        return {
            f"{name}.{key}": tensor
            for name, shadow in self.shadows.items()
            for key, tensor in shadow.state_dict().items()
        }


@torch.no_grad()
def reestimate(network: nn.Module, feed: Iterator[Any], forward: Any) -> None:
    """Set BatchNorm statistics to the mean over the batches of `feed`.

    Averaged statistics lag behind averaged weights. Layers that no batch reaches, such as a
    discriminator's, keep theirs.
    """
    norms = [
        module
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats
    ]
    if not norms:
        return
    before = []
    for norm in norms:
        buffers = {name: buffer.clone() for name, buffer in norm.named_buffers()}
        before.append((norm.momentum, buffers))
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    for inputs in feed:
        forward(inputs)
    for norm, (momentum, buffers) in zip(norms, before, strict=True):
        norm.momentum = momentum
        norm.eval()
        if not norm.num_batches_tracked:
            norm.load_state_dict(norm.state_dict() | buffers)
