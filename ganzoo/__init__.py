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
    from ganzoo.config import Config as Config
    from ganzoo.errors import GanzooError as GanzooError
    from ganzoo.gan import GAN as GAN
    from ganzoo.gan import Phase as Phase
    from ganzoo.gan import Player as Player
    from ganzoo.gan import Step as Step
    from ganzoo.gan import Update as Update
    from ganzoo.plugin import Plugin as Plugin
    from ganzoo.sampling.model import Model as Model
    from ganzoo.sampling.model import from_pretrained as from_pretrained
    from ganzoo.sampling.model import list_models as list_models
    from ganzoo.sampling.model import list_plugins as list_plugins
    from ganzoo.sampling.model import load as load
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
    "Model": "sampling.model",
    "Plugin": "plugin",
    "Samples": "sampling.samples",
    "from_pretrained": "sampling.model",
    "list_models": "sampling.model",
    "list_plugins": "sampling.model",
    "load": "sampling.model",
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
