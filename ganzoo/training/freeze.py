"""Layers that do not move: FreezeD (Mo et al. 2020) keeps what the parent's critic knows of pictures in general."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.utils.parametrize import is_parametrized

from ganzoo.errors import UsageError
from ganzoo.gan import GAN


def critics(gan: GAN[Any]) -> dict[str, nn.Module]:
    """Networks with weights that no `ema` names: they judge, or help to, and are not sampled."""
    children = {name: child for name, child in gan.named_children() if name not in gan.ema}
    return {
        name: child for name, child in children.items() if any(True for _ in child.parameters())
    }


def layers(network: nn.Module) -> list[list[nn.Module]]:
    """Layers with weights in the order in which they are defined. One begins at each matrix or kernel; what follows it
    up to the next, such as BatchNorm, belongs to it."""
    found: list[list[nn.Module]] = []
    inside: set[nn.Module] = set()
    for module in network.modules():
        whole = is_parametrized(module)
        own = [*module.parameters(recurse=whole), *module.buffers(recurse=whole)]
        if module in inside or not own:
            continue
        inside.update(module.modules() if whole else ())
        if not found or any(tensor.ndim >= 2 for tensor in module.parameters(recurse=whole)):
            found.append([])
        found[-1].append(module)
    return found


def first(gan: GAN[Any], count: int) -> list[nn.Module]:
    """Modules of the first `count` layers of every critic. UsageError unless each has more than that."""
    found: list[nn.Module] = []
    for name, network in critics(gan).items() if count else ():
        known = layers(network)
        if count >= len(known):
            most = (
                f"at most {len(known) - 1} can be frozen"
                if len(known) > 1
                else "none can be frozen"
            )
            raise UsageError(
                f"--freeze {count}: network {name!r} has {len(known)} layers with weights; {most}"
            )
        found += [module for layer in known[:count] for module in layer]
    return found


class Frozen:
    """The first `count` layers of every critic: neither their weights nor their buffers move.

    BatchNorm in them goes on normalising by the batch, as it did when the parent's critic learnt to judge: its running
    statistics are a mixture of real and generated pictures, and critics never worked with them. What else changes in
    training mode, such as the power iteration of spectral normalization, stands still."""

    def __init__(self, gan: GAN[Any], count: int) -> None:
        self.modules = first(gan, count)
        self.parameters = {parameter for module in self.modules for parameter in _own(module)}
        for parameter in self.parameters:
            parameter.requires_grad_(False)
        for module in self.modules:
            if isinstance(module, _NormBase):
                module.track_running_stats = False

    def hold(self) -> None:
        """To be called whenever a network was put into training mode."""
        for module in self.modules:
            if is_parametrized(module):
                module.eval()
            elif not isinstance(module, _NormBase):
                module.training = False


def _own(module: nn.Module) -> list[nn.Parameter]:
    return list(module.parameters(recurse=is_parametrized(module)))
