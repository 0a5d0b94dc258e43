"""Frozen layers: FreezeD (Mo et al. 2020) keeps what the parent's discriminator has learned."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.utils.parametrize import is_parametrized

from ganzoo.errors import UsageError
from ganzoo.gan import GAN


def find_discriminators(gan: GAN[Any]) -> dict[str, nn.Module]:
    """Networks with weights that `ema` does not name: those that are not sampled."""
    return {
        name: child
        for name, child in gan.named_children()
        if name not in gan.ema and any(True for _ in child.parameters())
    }


def list_layers(network: nn.Module) -> list[list[nn.Module]]:
    """Modules with weights by layer, in the order of definition.

    A layer begins at each matrix or kernel; what follows up to the next one, such as BatchNorm,
    belongs to it.
    """
    found: list[list[nn.Module]] = []
    inside: set[nn.Module] = set()
    for module in network.modules():
        whole = is_parametrized(module)
        own = [*module.parameters(recurse=whole), *module.buffers(recurse=whole)]
        if module in inside or not own:
            continue
        if whole:
            inside.update(module.modules())
        if not found or any(tensor.ndim >= 2 for tensor in module.parameters(recurse=whole)):
            found.append([])
        found[-1].append(module)
    return found


def find_first_layers(gan: GAN[Any], count: int) -> list[nn.Module]:
    """Modules of the first `count` layers of every discriminator.

    Raises UsageError unless each has more layers than that.
    """
    if not count:
        return []
    found: list[nn.Module] = []
    for name, network in find_discriminators(gan).items():
        layers = list_layers(network)
        most = len(layers) - 1
        if count > most:
            hint = f"at most {most} can be frozen" if most > 0 else "none can be frozen"
            raise UsageError(
                f"--freeze {count}: network {name!r} has {len(layers)} layers with weights; {hint}"
            )
        found += [module for layer in layers[:count] for module in layer]
    return found


class Frozen:
    """The first `count` layers of every discriminator: neither weights nor buffers change.

    BatchNorm in them still normalizes by the batch, as in the parent's training: its running
    statistics mix real and generated images, and no discriminator ever worked with them. Other
    changes of training mode, such as the power iteration of spectral normalization, stop.
    """

    def __init__(self, gan: GAN[Any], count: int) -> None:
        self.modules = find_first_layers(gan, count)
        self.parameters: set[nn.Parameter] = set()
        for module in self.modules:
            self.parameters.update(module.parameters(recurse=is_parametrized(module)))
            if isinstance(module, _NormBase):
                module.track_running_stats = False
        for parameter in self.parameters:
            parameter.requires_grad_(False)

    def hold(self) -> None:
        """Undo training mode in frozen layers; call it whenever a network enters that mode."""
        for module in self.modules:
            if is_parametrized(module):
                module.eval()
            elif not isinstance(module, _NormBase):
                module.training = False
