"""The record of an architecture: everything that can be known of it without importing torch."""

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
    """The `adapt` of a plugin that takes nothing from the data."""
    return config


@dataclass(frozen=True, kw_only=True)
class Plugin(Generic[C]):
    """An architecture, announced under the entry-point group `ganzoo.plugins`.

    The module that defines it must not import torch; `build` does that when it is called. A minimal plugin:

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
    """Equals the entry point's name."""
    summary: str
    """One line for `ganzoo list`."""
    paper: str
    """A link."""
    config: type[C]
    """Strict and frozen; every field has the paper's default."""
    tiny: C
    """Builds in a second on a CPU; used by the conformance checks."""
    data: Callable[[C], Data]
    """What one batch must hold."""
    inputs: Callable[[C], Mapping[str, Input]]
    """What `sample` is fed, by name."""
    output: Callable[[C], Output]
    """What `sample` gives."""
    build: Callable[[C], GAN[Any]]
    """Makes the networks; imports torch inside."""
    presets: Mapping[str, C] = field(default_factory=dict)
    """Named recipes; the docs page of the plugin cites each one's source."""
    adapt: Callable[[C, Facts], C] = keep
    """Facts of the data -> configuration, once, before `build`; never when resuming or fine-tuning."""
    manifest: Traversable | None = None
    """A third party's own weights manifest (JSON, the schema of weights_manifest.json)."""
    legacy: Callable[[Mapping[str, Shapes]], Layout | None] | None = None
    """Names and shapes of an old checkpoint's networks -> where they stand in these, for `ganzoo import`; None when they are
    of no kind that it knows. Light; a module of its own, imported inside."""
