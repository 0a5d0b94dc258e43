"""The model that a fine-tuning starts from: found, checked, loaded into new networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganzoo import files
from ganzoo.config import convert, override
from ganzoo.errors import ConfigError, WeightsError
from ganzoo.gan import GAN
from ganzoo.plugin import Plugin
from ganzoo.sampling.assembly import check_rest, outline
from ganzoo.spec import Facts, Picture
from ganzoo.zoo import manifest, pull, registry, weights
from ganzoo.zoo.pull import Pulled

NetworkShapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class ParentModel:
    """A parent. `config`: as it was trained; `anew`: networks that it came without."""

    pulled: Pulled
    plugin: Plugin[Any]
    config: Any
    anew: tuple[str, ...]

    @property
    def record(self) -> manifest.Parent:
        """The parent in run.json, without paths."""
        pulled = self.pulled
        return manifest.Parent(
            name=pulled.name,
            repository=pulled.repository,
            revision=pulled.commit,
            sha256=files.sha256(pulled.folder / weights.MODEL),
        )

    @property
    def pinned(self) -> str | None:
        """A repository of the Hub with its commit, for a command that starts from these weights."""
        pulled = self.pulled
        if pulled.repository is None or pulled.entry is not None:
            return None
        return f"{pulled.repository}@{pulled.commit}"

    def override_config(self, settings: Mapping[str, Any]) -> Any:
        """The parent's config with some settings changed.

        Raises ConfigError where they change a shape, naming the setting that does so alone.
        """
        changed = override(self.config, settings)
        shapes = _list_shapes(self.plugin, self.config)
        if _list_shapes(self.plugin, changed) != shapes:
            for name, value in settings.items():
                try:
                    alone = override(self.config, {name: value})
                except ConfigError:  # valid only together with another setting
                    continue
                self._compare(shapes, alone, f"--set {name}={value}")
            self._compare(shapes, changed, "--set")
        return changed

    def check_channels(self, facts: Facts) -> None:
        """Raise ConfigError where images have another number of channels than the parent's."""
        if facts.channels is None:
            return
        for key, field in self.plugin.data(self.config).fields.items():
            if isinstance(field, Picture) and field.channels != facts.channels:
                raise ConfigError(
                    key,
                    f"{self.pulled.name} takes images of {field.channels} channels, those of "
                    f"{facts.name!r} have {facts.channels}; take another model, "
                    "or convert the images",
                )

    def load(self, gan: GAN[Any]) -> None:
        """Load the parent's weights: averages where it has them.

        NetworkShapes were checked before; raises WeightsError for a dtype of another kind.
        """
        weights.load_tensors(
            self.pulled.folder / weights.MODEL, weights.collect_tensors(gan, gan.ema)
        )
        others = weights.collect_tensors(gan, _list_others(gan))
        if others and not self.anew:
            weights.load_tensors(self.pulled.folder / weights.TRAINING, others)

    def _compare(self, before: NetworkShapes, config: Any, where: str) -> None:
        after = _list_shapes(self.plugin, config)
        for key in before | after:
            old, new = (list(found[key]) if key in found else "none" for found in (before, after))
            if old != new:
                raise ConfigError(
                    where,
                    f"fine-tuning keeps the networks of {self.pulled.name}, "
                    f"and this changes {key} from {old} to {new}",
                )


def find_parent(model: str, *, fresh: bool) -> ParentModel:
    """The parent called `model`. WeightsError when networks are missing and not `fresh`."""
    pulled = pull.pull(model, training=True)
    recorded = weights.read_config(pulled.folder)
    plugin = registry.require(recorded.plugin, recorded.distribution)
    config = convert(recorded.config, plugin.config, str(pulled.folder / weights.CONFIG))
    gan = outline(plugin, config)
    weights.check_shapes(pulled.folder / weights.MODEL, _shapes_of(gan, list(gan.ema)))
    others, rest = _list_others(gan), pulled.folder / weights.TRAINING
    shapes = _shapes_of(gan, others)
    names = tuple(name for name in others if any(key.startswith(f"{name}.") for key in shapes))
    # a file without a known hash is not used
    trusted = pulled.entry is None or weights.TRAINING in pulled.entry.files
    if not names:
        return ParentModel(pulled, plugin, config, ())
    if trusted and rest.exists():
        weights.check_shapes(rest, shapes)
        return ParentModel(pulled, plugin, config, ())
    if not fresh:
        raise WeightsError(
            rest,
            f"{model} came without it, so its {', '.join(names)} cannot be trained further; "
            "take a model that has the file, finish the run, "
            "or initialize what is missing by --fresh",
        )
    check_rest(pulled.folder / weights.MODEL, gan)
    return ParentModel(pulled, plugin, config, names)


def _list_others(gan: GAN[Any]) -> list[str]:
    return [name for name, _ in gan.named_children() if name not in gan.ema]


def _shapes_of(gan: GAN[Any], names: list[str]) -> NetworkShapes:
    return {
        name: tuple(tensor.shape) for name, tensor in weights.collect_tensors(gan, names).items()
    }


def _list_shapes(plugin: Plugin[Any], config: Any) -> NetworkShapes:
    gan = outline(plugin, config)
    return _shapes_of(gan, [name for name, _ in gan.named_children()])
