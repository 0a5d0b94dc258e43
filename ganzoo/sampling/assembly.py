"""The networks of a configuration: their shapes, which cost nothing, and then they themselves with a file's weights."""

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
"""Bytes of the networks that are not in a model file: at most REST, and REST_FACTOR for each byte of the file."""


class _Unfilled(TorchFunctionMode):
    """Leaves random initialisation out: on the meta device it has no effect, but loads a second's worth of compiler."""

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
    """The networks of `config` on the meta device: shapes, and no memory."""
    with torch.device("meta"), _Unfilled():
        return plugin.build(config)


def assemble(plugin: Plugin[Any], config: Any, path: Path) -> GAN[Any]:
    """The networks of `config` with a model file's weights, on the CPU, in eval mode.

    Shapes are compared on the meta device first, so a wrong file or a giant configuration costs no memory."""
    empty = outline(plugin, config)
    shapes = {
        key: tuple(tensor.shape) for key, tensor in weights.networks(empty, empty.ema).items()
    }
    weights.check_shapes(path, shapes)
    check_rest(path, empty)
    with torch.random.fork_rng(devices=[]):
        gan = plugin.build(config)
    weights.load(path, weights.networks(gan, gan.ema))
    return gan.eval().requires_grad_(False)


def check_rest(path: Path, empty: GAN[Any]) -> None:
    """WeightsError where the networks that the file does not hold, a discriminator say, are out of all proportion to it.

    They are built as well, and only the configuration says how large they are."""
    rest = [name for name, _ in empty.named_children() if name not in empty.ema]
    size = sum(tensor.nbytes for tensor in weights.networks(empty, rest).values())
    most = REST + REST_FACTOR * path.stat().st_size
    if size > most:
        problem = f"{size:,} bytes of networks beside this file, which may have {most:,}"
        raise WeightsError(path, f"its configuration asks for {problem}; nothing was built")


def model_config(plugin: Plugin[Any], gan: GAN[Any]) -> weights.ModelConfig:
    """What config.json says of these networks."""
    distribution, version = registry.distribution(plugin.name)
    return weights.ModelConfig(
        plugin=plugin.name,
        distribution=distribution,
        version=version,
        networks=list(gan.ema),
        config=plain(gan.config),
    )
