"""Building the networks of a config: their shapes first, then the networks with their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ganzoo.config import plain
from ganzoo.errors import WeightsError
from ganzoo.gan import GAN
from ganzoo.plugin import Plugin
from ganzoo.zoo import registry, weights

REST, REST_FACTOR = 1 << 28, 8
"""Networks that are not in a model file have at most REST + REST_FACTOR * its size in bytes."""


class _Unfilled(TorchFunctionMode):
    """Skip random initialization, which on the meta device would only import the compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in (
            "normal_",
            "uniform_",
            "trunc_normal_",
            "kaiming_uniform_",
            "kaiming_normal_",
        ):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def outline(plugin: Plugin[Any], config: Any) -> GAN[Any]:
    """The networks of `config` on the meta device, which takes no memory."""
    with torch.device("meta"), _Unfilled():
        return plugin.build(config)


def assemble(plugin: Plugin[Any], config: Any, path: Path) -> GAN[Any]:
    """The networks of `config` with the weights of a model file, on the CPU, in eval mode.

    Shapes are compared on the meta device first, so that a wrong file or a giant config takes no
    memory.
    """
    empty = outline(plugin, config)
    shapes = {
        key: tuple(tensor.shape)
        for key, tensor in weights.collect_tensors(empty, empty.ema).items()
    }
    weights.check_shapes(path, shapes)
    check_rest(path, empty)
    with torch.random.fork_rng(devices=[]):
        gan = plugin.build(config)
    weights.load_tensors(path, weights.collect_tensors(gan, gan.ema))
    return gan.eval().requires_grad_(False)


def check_rest(path: Path, empty: GAN[Any]) -> None:
    """WeightsError where networks that are not in the file, such as a discriminator, are too large.

    They are built too, and only the config gives their size.
    """
    rest = [name for name, _ in empty.named_children() if name not in empty.ema]
    size = sum(tensor.nbytes for tensor in weights.collect_tensors(empty, rest).values())
    most = REST + REST_FACTOR * path.stat().st_size
    if size > most:
        problem = f"{size:,} bytes of networks beside this file, which may have {most:,}"
        raise WeightsError(path, f"its config describes {problem}; nothing was built")


def model_config(plugin: Plugin[Any], gan: GAN[Any]) -> weights.ModelConfig:
    """The config.json of these networks."""
    distribution, version = registry.get_distribution(plugin.name)
    return weights.ModelConfig(
        plugin=plugin.name,
        distribution=distribution,
        version=version,
        networks=list(gan.ema),
        config=plain(gan.config),
    )
