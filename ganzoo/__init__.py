"""ganzoo: GAN architectures as plugins, weights by name.

    import ganzoo
    ganzoo.load("dcgan-mnist").sample(16, seed=0).save("digits.png")

Names are resolved when they are first used, so `import ganzoo` is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ganzoo.version import VERSION as __version__

if TYPE_CHECKING:
    from ganzoo.api import Model as Model
    from ganzoo.api import from_pretrained as from_pretrained
    from ganzoo.api import list_models as list_models
    from ganzoo.api import list_plugins as list_plugins
    from ganzoo.api import load as load
    from ganzoo.config import Config as Config
    from ganzoo.errors import GanzooError as GanzooError
    from ganzoo.gan import GAN as GAN
    from ganzoo.gan import Phase as Phase
    from ganzoo.gan import Player as Player
    from ganzoo.gan import Step as Step
    from ganzoo.gan import Update as Update
    from ganzoo.plugin import Plugin as Plugin
    from ganzoo.sampling.samples import Samples as Samples
    from ganzoo.training.run import finetune as finetune
    from ganzoo.training.run import train as train

_HOMES = {
    "Config": "config",
    "GanzooError": "errors",
    "GAN": "gan",
    "Phase": "gan",
    "Player": "gan",
    "Step": "gan",
    "Update": "gan",
    "Model": "api",
    "Plugin": "plugin",
    "Samples": "sampling.samples",
    "from_pretrained": "api",
    "list_models": "api",
    "list_plugins": "api",
    "load": "api",
    "finetune": "training.run",
    "train": "training.run",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ganzoo' has no attribute {name!r}")
    return getattr(import_module(f"ganzoo.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
