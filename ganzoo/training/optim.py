"""A player's optimizer: built from its settings, stepped, saved and restored without pickle."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.gan import GAN, Phase, Player


class Mover:
    """Moves the weights of one player.

    `parameters`: those of its networks, each once, without `frozen` ones.
    """

    def __init__(
        self, gan: GAN[Any], player: Player, phase: Phase, frozen: Collection[nn.Parameter] = ()
    ) -> None:
        found: dict[nn.Parameter, None] = {}
        for name in player.networks:
            found.update(dict.fromkeys(gan.get_submodule(name).parameters()))
        self.parameters: list[nn.Parameter] = [each for each in found if each not in frozen]
        self.player, self.steps = player, phase.steps
        self.optimizer = _build_optimizer(player, self.parameters)

    def step(self, index: int) -> None:
        """Step by the current gradients, then clip weights."""
        if self.player.schedule == "linear":
            for group in self.optimizer.param_groups:
                group["lr"] = self.player.lr * scale_rate(index, self.steps)
        if self.player.clip_grad is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.player.clip_grad)
        self.optimizer.step()
        # fused optimizers do not count versions; a loss through weights that moved must raise
        torch.autograd.graph.increment_version(self.parameters)
        bound = self.player.clip_weights
        if bound is not None:
            with torch.no_grad():
                for parameter in self.parameters:
                    parameter.clamp_(-bound, bound)

    def state(self) -> dict[str, Tensor]:
        """Tensors by "<parameter number>.<name>"."""
        entries = self.optimizer.state_dict()["state"]
        return {
            f"{number}.{key}": torch.as_tensor(value)
            for number, entry in entries.items()
            for key, value in entry.items()
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Return to a saved state. Moments take the memory format of their weights."""
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            number, _, key = name.partition(".")
            like = self.parameters[int(number)]
            if tensor.shape == like.shape:
                value = torch.empty_like(like).copy_(tensor)
            else:
                value = tensor.clone()
            state.setdefault(int(number), {})[key] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        # load_state_dict makes moments contiguous
        for place, parameter in enumerate(self.parameters):
            for key, value in state.get(place, {}).items():
                if value.shape == parameter.shape:
                    self.optimizer.state[parameter][key] = value


def scale_rate(index: int, steps: int) -> float:
    """Factor of the learning rate at step `index`.

    1 for the first half, then linear to 0 at `steps` (Zhu et al. 2017, section 7.1).
    """
    return min(1.0, 2.0 * (1.0 - index / steps))


def _build_optimizer(player: Player, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    rate, decay = player.lr, player.weight_decay
    fused = parameters[0].device.type in ("cpu", "cuda")
    if player.optimizer == "adam":
        return torch.optim.Adam(
            parameters, rate, betas=player.betas, weight_decay=decay, fused=fused
        )
    if player.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, rate, weight_decay=decay)
    return torch.optim.SGD(parameters, rate, weight_decay=decay, fused=fused)
