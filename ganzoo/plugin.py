"""A plugin: everything that can be known of an architecture without importing torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from ganzoo.config import C
from ganzoo.inputs import Input
from ganzoo.spec import Data, Facts, Output

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from ganzoo.gan import GAN
    from ganzoo.legacy import Layout, Shapes


def keep(config: C, facts: Facts) -> C:
    """The `adapt` of a plugin whose config does not depend on the data."""
    return config


@dataclass(frozen=True, kw_only=True)
class Plugin(Generic[C]):
    """An architecture, announced under the entry-point group `ganzoo.plugins`.

    The module that defines it must not import torch; `build` does that. A minimal plugin:

        plugin = Plugin(
            name="mygan", summary="My GAN", paper="https://arxiv.org/abs/1406.2661",
            config=MyConfig, tiny=MyConfig(width=8),
            data=lambda c: Data({"image": Picture(c.channels, c.size)}),
            inputs=lambda c: {"latent": Latent(c.latent)},
            output=lambda c: Picture(c.channels, c.size),
            build=build,
        )
    """

    name: str
    """Name of the entry point."""
    summary: str
    """One line for `ganzoo list`."""
    paper: str
    """A link."""
    config: type[C]
    """Strict and frozen; every field defaults to the paper's value."""
    tiny: C
    """Builds in a second on a CPU; used by the conformance checks."""
    data: Callable[[C], Data]
    """What a batch holds."""
    inputs: Callable[[C], Mapping[str, Input]]
    """Inputs of `sample`, by name."""
    output: Callable[[C], Output]
    """What `sample` returns."""
    build: Callable[[C], GAN[Any]]
    """Builds the networks; imports torch inside."""
    presets: Mapping[str, C] = field(default_factory=dict)
    """Named recipes; the plugin's docs page cites the source of each."""
    adapt: Callable[[C, Facts], C] = keep
    """Fits the config to the data, once, before `build`; not when resuming or fine-tuning."""
    manifest: Traversable | None = None
    """Weights manifest of a third party (JSON, the schema of weights_manifest.json)."""
    legacy: Callable[[Mapping[str, Shapes]], Layout | None] | None = None
    """For `ganzoo import`: names and shapes of an old checkpoint -> where its tensors belong.

    None if the checkpoint is of an unknown kind. Light; imported from a module of its own."""
