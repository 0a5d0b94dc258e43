"""A player's optimizer: made from its recipe, moved one step, saved and restored without a pickle."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.gan import GAN, Phase, Player


class Mover:
    """Moves the weights of one player. `parameters`: those of its networks, each once, without the `frozen` ones."""

    def __init__(
        self, gan: GAN[Any], player: Player, phase: Phase, frozen: Collection[nn.Parameter] = ()
    ) -> None:
        found = [
            parameter
            for name in player.networks
            for parameter in gan.get_submodule(name).parameters()
        ]
        self.parameters: list[nn.Parameter] = [
            parameter for parameter in dict.fromkeys(found) if parameter not in frozen
        ]
        self.player, self.steps = player, phase.steps
        self.optimizer = _optimizer(player, self.parameters)

    def step(self, index: int) -> None:
        """One step from the gradients at hand; then weight clipping."""
        if self.player.schedule == "linear":
            for group in self.optimizer.param_groups:
                group["lr"] = self.player.lr * linear(index, self.steps)
        if self.player.clip_grad is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.player.clip_grad)
        self.optimizer.step()
        # fused optimizers leave autograd's version counters alone; a loss through weights that moved must raise
        torch.autograd.graph.increment_version(self.parameters)
        if self.player.clip_weights is not None:
            with torch.no_grad():
                for parameter in self.parameters:
                    parameter.clamp_(-self.player.clip_weights, self.player.clip_weights)

    def state(self) -> dict[str, Tensor]:
        """Tensors by "<parameter number>.<name>"."""
        entries = self.optimizer.state_dict()["state"]
        return {
            f"{i}.{key}": torch.as_tensor(value)
            for i, entry in entries.items()
            for key, value in entry.items()
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Back to a saved state; moments take the memory format of their weights."""
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            number, _, key = name.partition(".")
            like = self.parameters[int(number)]
            value = (
                torch.empty_like(like).copy_(tensor)
                if tensor.shape == like.shape
                else tensor.clone()
            )
            state.setdefault(int(number), {})[key] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        for place, parameter in enumerate(self.parameters):
            moments = {
                key: value
                for key, value in state.get(place, {}).items()
                if value.shape == parameter.shape
            }
            self.optimizer.state[parameter].update(moments)


def linear(index: int, steps: int) -> float:
    """Share of the rate at step `index`: 1 for the first half, then straight down to 0 at `steps` (Zhu et al. 2017, 7.1)."""
    return min(1.0, 2.0 * (1.0 - index / steps))


def _optimizer(player: Player, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    rate, decay = player.lr, player.weight_decay
    fused = parameters[0].device.type in ("cpu", "cuda")
    if player.optimizer == "adam":
        return torch.optim.Adam(
            parameters, rate, betas=player.betas, weight_decay=decay, fused=fused
        )
    if player.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, rate, weight_decay=decay)
    return torch.optim.SGD(parameters, rate, weight_decay=decay, fused=fused)
