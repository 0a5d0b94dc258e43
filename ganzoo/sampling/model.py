"""A trained model in the user's hands: `ganzoo.load("dcgan-mnist").sample(16, seed=0)`."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo import files
from ganzoo.config import convert
from ganzoo.errors import UsageError, WeightsError
from ganzoo.gan import GAN
from ganzoo.inputs import Input, Rows
from ganzoo.pictures import images
from ganzoo.plugin import Plugin
from ganzoo.sampling import encoding, samples
from ganzoo.sampling.assembly import assemble
from ganzoo.sampling.device import choose_device, choose_precision, describe
from ganzoo.sampling.fold import folded, lowered
from ganzoo.sampling.origin import Origin, told
from ganzoo.version import VERSION
from ganzoo.zoo import fetch, manifest, registry, weights
from ganzoo.zoo.source import Pulled, pull

if TYPE_CHECKING:
    from PIL import Image

    from ganzoo.release.upload import Published

LOG = logging.getLogger(__name__)
BATCH = 64
"""Samples at a time on a CPU; four times as many on other devices."""


class Model:
    """An architecture with trained weights, in eval mode, on one device. Made by `load`."""

    def __init__(
        self, name: str, plugin: Plugin[Any], gan: GAN[Any], device: torch.device, precision: str, digest: str,
        source: Pulled | None = None,
    ) -> None:  # fmt: skip
        self.name, self.plugin, self.gan, self.source = name, plugin, gan, source
        self.device, self.precision, self.digest = device, precision, digest

    def __repr__(self) -> str:
        return f"<ganzoo model {self.name}: {self.plugin.name}, {self.device}, {self.precision}>"

    @property
    def config(self) -> Any:
        """The architecture's configuration."""
        return self.gan.config

    @property
    def inputs(self) -> Mapping[str, Input]:
        """What `sample` takes by keyword, beside n and seed."""
        return self.plugin.inputs(self.config)

    def sample(
        self,
        n: int = 16,
        *,
        seed: int | None = None,
        batch_size: int | None = None,
        columns: int | None = None,
        views: Collection[str] | None = None,
        progress: Callable[[int], None] | None = None,
        **inputs: Any,
    ) -> samples.Samples:
        """`n` samples, on the CPU. Row i depends on seed + i alone; `seed` None draws one (see `.seed` of the result).

        `inputs`: by name, as Python values or as text (label=7, text="a red bird", image="x.jpg"); the rest is drawn.
        `views`: a name or names of those that are made beside the samples, None for all; UsageError for one that there is not.
        """
        parts = []
        for part in self.stream(
            n, seed=seed, batch_size=batch_size, columns=columns, views=views, **inputs
        ):
            seen = {name: tensor.cpu() for name, tensor in part.views.items()}
            parts.append(dataclasses.replace(part, tensor=part.tensor.cpu(), views=seen))
            if progress:
                progress(len(part))
        joined = {name: torch.cat([part.views[name] for part in parts]) for name in parts[0].views}
        tensor = torch.cat([part.tensor for part in parts])
        told = samples.sentences(self.inputs, inputs)
        return dataclasses.replace(
            parts[0], tensor=tensor, columns=columns, views=joined, sentences=told
        )

    def stream(
        self,
        n: int = 16,
        *,
        seed: int | None = None,
        batch_size: int | None = None,
        columns: int | None = None,
        start: int = 0,
        rows: int | None = None,
        views: Collection[str] | None = None,
        **inputs: Any,
    ) -> Iterator[samples.Samples]:
        """The samples of `sample(n)`, a batch at a time, so that memory does not grow; from row `start` on, `rows` of them.
        They stay on the model's device, where a program makes levels or features of them soonest."""
        size = (
            (BATCH if self.device.type == "cpu" else 4 * BATCH)
            if batch_size is None
            else index(batch_size)
        )
        if size < 1:
            raise UsageError(f"a batch of {size}; at least 1 is needed")
        if columns is not None and columns < 1:
            raise UsageError(f"{columns} columns; at least 1 is needed")
        n, seed = index(n), samples.random_seed() if seed is None else index(seed)
        wide = columns or images.columns_for(max(1, n))
        asked = Rows(seed, (n - start) if rows is None else rows, start, n, wide)
        samples.check_names(self.inputs, inputs)
        wanted = (
            None
            if views is None
            else (samples.SAMPLE, *([views] if isinstance(views, str) else views))
        )
        return self._parts(
            asked,
            samples.batches(self.inputs, inputs, asked, size),
            self.origin(seed, n, wide, inputs),
            wanted,
        )

    def write(self, path: str | Path, n: int, *, seed: int | None = None, **options: Any) -> str:
        """Any number of samples into a folder of PNGs or `x.tar` shards, in constant memory; says where.

        `options`: batch_size, columns, view, resume, force, progress, as `ganzoo.sampling.bulk.write` takes them,
        and inputs=dict."""
        from ganzoo.sampling import bulk

        return bulk.write(
            self, Path(path), n, seed=samples.random_seed() if seed is None else seed, **options
        )

    def _parts(
        self,
        rows: Rows,
        feed: Iterator[dict[str, Tensor]],
        origin: Origin,
        wanted: Collection[str] | None,
    ) -> Iterator[samples.Samples]:
        first, output = rows.start, self.plugin.output(self.config)
        for part in samples.parts(
            self.fast, feed, self.device, self.precision, wanted, strict=True
        ):
            tensor = part.pop(samples.SAMPLE)
            yield samples.Samples(
                tensor, output, rows.seed + first, rows.columns, part, origin, first
            )
            first += len(tensor)

    @cached_property
    def fast(self) -> GAN[Any]:
        """A private copy for sampling, its BatchNorm folded; `gan` stays as it was loaded."""
        private = folded(self.gan).to(memory_format=torch.channels_last)
        return lowered(private) if self.precision == "bf16" else private

    def origin(self, seed: int, n: int, columns: int, inputs: Mapping[str, Any]) -> Origin:
        """What pictures of these samples say of their making."""
        return Origin(
            model=self.name, plugin=self.plugin.name, weights=self.digest, seed=seed, n=n, columns=columns,
            inputs=told(inputs, self.inputs), precision=self.precision, device=describe(self.device), version=VERSION,
            torch=str(torch.__version__),
        )  # fmt: skip

    def push_to_hub(self, repo_id: str, **options: Any) -> Published:
        """Publish this model's files, with a card, as one commit of a Hub repository (owner/name); needs a token.

        `options`: private, tag, training, and story=ganzoo.release.prepare.Story(summary=..., licence=...) for what only
        a person can say of a model that no manifest knows."""
        from ganzoo.release import prepare

        if self.source is None:
            raise UsageError(f"{self.name} lies in no folder; save it first")
        return prepare.publish(self.source, repo_id, **options)

    def encode(self, images: Any, **known: Any) -> Mapping[str, Tensor]:
        """Inputs back from images: a tensor (n, channels, height, width) in [-1, 1], or files; on the CPU, float32.

        `known`: inputs of these images that an encoder may need, as for `sample` (label=[7, 2]). UsageError where the
        architecture cannot."""
        return encoding.encode(self, images, known)

    def reconstruct(self, images: Any, **known: Any) -> samples.Samples:
        """What `sample` makes of `encode`'s answer. Views: `original`, and `beside`: original left, reconstruction right."""
        return encoding.reconstruct(self, images, known)

    def translate(
        self, image: Any, direction: str | None = None, *, show: str | None = None, **inputs: Any
    ) -> Image.Image:
        """A photograph of any size (a path or a PIL image) as the model makes it. `direction`: "A2B" or "B2A"; `show`: another
        view, "cycle" for original, translation and the way back. UsageError where the model takes no picture of any size."""
        from ganzoo.photographs import photograph

        return photograph.applied(
            self, image, inputs | ({"direction": direction} if direction else {}), show=show
        )

    def colorize(self, image: Any, **options: Any) -> Image.Image:
        """A photograph of any size in colours; `translate` under the name that fits."""
        return self.translate(image, **options)


def load(
    name: str | Path,
    *,
    device: str = "auto",
    precision: str = "auto",
    progress: fetch.Progress | None = None,
) -> Model:
    """A model by manifest name ("dcgan-mnist"), of a Hub repository ("owner/name", "owner/name@revision"), or from a folder (a
    path, "./runs/x"): hashes and shapes are checked first. Of a repository, what was pulled before is taken (`ganzoo pull`
    asks for news); `progress` is told of what has to be fetched.

    Raises a GanzooError that says what is wrong; nothing is loaded half.
    """
    pulled = pull(str(name.absolute()) if isinstance(name, Path) else name, progress=progress)
    where = choose_device(device)
    recorded = weights.read_config(pulled.folder)
    plugin = registry.require(recorded.plugin, recorded.distribution)
    config = convert(recorded.config, plugin.config, str(pulled.folder / weights.CONFIG))
    path = pulled.folder / weights.MODEL
    gan = assemble(plugin, config, path)
    if sorted(recorded.networks) != sorted(gan.ema):
        problem = f"lists the networks {', '.join(recorded.networks)}; {plugin.name!r} samples with {', '.join(gan.ema)}"
        raise WeightsError(pulled.folder / weights.CONFIG, problem)
    gan = gan.to(where).to(memory_format=torch.channels_last)
    digest = pulled.entry.files[weights.MODEL].sha256 if pulled.entry else files.sha256(path)
    model = Model(
        pulled.name,
        plugin,
        gan,
        where,
        choose_precision(precision, where, plugin.output(config)),
        digest,
        pulled,
    )
    LOG.info("%r: weights %s from the %s", model, digest[:12], pulled.origin)
    return model


def from_pretrained(
    name: str | Path, *, revision: str | None = None, device: str = "auto", precision: str = "auto"
) -> Model:
    """`load` under the name that users of timm, transformers or diffusers look for. `revision`: a branch, tag or commit."""
    return load(
        f"{name}@{revision}" if revision is not None else name, device=device, precision=precision
    )


def list_models(pattern: str = "*") -> list[str]:
    """Names of known weights that match a wildcard."""
    return list(manifest.models(pattern))


def list_plugins() -> list[str]:
    """Names of installed architectures."""
    return registry.names()
