"""A model: an architecture with trained weights on one device, ready to sample."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from operator import index
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from ganzoo import files
from ganzoo.config import convert
from ganzoo.errors import UsageError, WeightsError
from ganzoo.gan import GAN
from ganzoo.inputs import Input, Rows
from ganzoo.pictures import images
from ganzoo.plugin import Plugin
from ganzoo.sampling import samples
from ganzoo.sampling.assembly import assemble
from ganzoo.sampling.device import choose_device, choose_precision, describe
from ganzoo.sampling.fold import folded, lowered
from ganzoo.sampling.origin import Origin, told
from ganzoo.version import VERSION
from ganzoo.zoo import fetch, registry, weights
from ganzoo.zoo.source import Pulled, pull

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

    @classmethod
    def load(
        cls,
        name: str | Path,
        *,
        device: str = "auto",
        precision: str = "auto",
        progress: fetch.Progress | None = None,
    ) -> Self:
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
        model = cls(
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
