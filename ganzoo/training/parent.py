"""The model that a fine-tuning begins from: found, checked against its configuration, loaded into new networks."""

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
from ganzoo.zoo import manifest, registry, source, weights
from ganzoo.zoo.source import Pulled

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Start:
    """A parent with all that its new training needs. `config`: as it was trained; `anew`: networks that it came without,
    as it has no training.safetensors."""

    pulled: Pulled
    plugin: Plugin[Any]
    config: Any
    anew: tuple[str, ...]

    @property
    def record(self) -> manifest.Parent:
        """What run.json says of it; never a path."""
        pulled = self.pulled
        digest = files.sha256(pulled.folder / weights.MODEL)
        return manifest.Parent(
            name=pulled.name, repository=pulled.repository, revision=pulled.commit, sha256=digest
        )

    @property
    def pinned(self) -> str | None:
        """A repository of the Hub with its commit, so that the recorded command begins from the same weights."""
        pulled = self.pulled
        return (
            f"{pulled.repository}@{pulled.commit}"
            if pulled.repository and pulled.entry is None
            else None
        )

    def override_config(self, settings: Mapping[str, Any]) -> Any:
        """The parent's configuration with some settings changed. ConfigError where they change a shape: the first that does
        so by itself is named."""
        changed, parent = override(self.config, settings), _shapes(self.plugin, self.config)
        if _shapes(self.plugin, changed) != parent:
            for name, value in settings.items():
                try:
                    alone = override(self.config, {name: value})
                except ConfigError:  # it makes sense beside another alone
                    continue
                self._compare(parent, alone, f"--set {name}={value}")
            self._compare(parent, changed, "--set")
        return changed

    def check_channels(self, facts: Facts) -> None:
        """ConfigError where the pictures have another number of channels than the parent's."""
        for key, field in self.plugin.data(self.config).fields.items():
            if (
                isinstance(field, Picture)
                and facts.channels is not None
                and field.channels != facts.channels
            ):
                raise ConfigError(
                    key,
                    f"{self.pulled.name} knows pictures of {field.channels} channels, those of {facts.name!r} have "
                    f"{facts.channels}; take another model, or convert the pictures",
                )

    def load(self, gan: GAN[Any]) -> None:
        """The parent's weights into `gan`: averaged ones where it has averages. WeightsError for a dtype of another kind;
        shapes were checked when the parent was found."""
        weights.load(self.pulled.folder / weights.MODEL, weights.networks(gan, gan.ema))
        others = weights.networks(gan, _others(gan))
        if others and not self.anew:
            weights.load(self.pulled.folder / weights.TRAINING, others)

    def _compare(self, parent: Shapes, config: Any, where: str) -> None:
        shapes = _shapes(self.plugin, config)
        name = next((key for key in (parent | shapes) if parent.get(key) != shapes.get(key)), None)
        if name is not None:
            before, after = (
                list(found[name]) if name in found else "not there" for found in (parent, shapes)
            )
            raise ConfigError(
                where,
                f"fine-tuning keeps the networks of {self.pulled.name}, and this changes {name} from {before} to {after}",
            )


def find_parent(model: str, *, fresh: bool) -> Start:
    """The parent called `model`. WeightsError when networks are missing, unless they are to start `fresh`."""
    pulled = source.pull(model, training=True)
    recorded = weights.read_config(pulled.folder)
    plugin = registry.require(recorded.plugin, recorded.distribution)
    config = convert(recorded.config, plugin.config, str(pulled.folder / weights.CONFIG))
    gan = outline(plugin, config)
    weights.check_shapes(pulled.folder / weights.MODEL, _of(gan, list(gan.ema)))
    known = (
        pulled.entry is None or weights.TRAINING in pulled.entry.files
    )  # a file of no known hash is not used
    others, rest = _of(gan, _others(gan)), pulled.folder / weights.TRAINING
    names = tuple(dict.fromkeys(name.partition(".")[0] for name in others))
    if not names or (known and rest.exists()):
        if names:
            weights.check_shapes(rest, others)
        return Start(pulled, plugin, config, ())
    if not fresh:
        raise WeightsError(
            rest,
            f"{model} came without it, so its {', '.join(names)} cannot be trained further; take a model that has the file, "
            "finish the run, or let what is missing start anew by --fresh",
        )
    check_rest(pulled.folder / weights.MODEL, gan)
    return Start(pulled, plugin, config, names)


def _others(gan: GAN[Any]) -> list[str]:
    return [name for name, _ in gan.named_children() if name not in gan.ema]


def _of(gan: GAN[Any], names: list[str]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in weights.networks(gan, names).items()}


def _shapes(plugin: Plugin[Any], config: Any) -> Shapes:
    gan = outline(plugin, config)
    return _of(gan, [name for name, _ in gan.named_children()])
