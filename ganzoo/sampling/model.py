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

from ganzoo import files
from ganzoo.config import convert
from ganzoo.errors import UsageError, WeightsError
from ganzoo.gan import GAN
from ganzoo.inputs import Input, Rows
from ganzoo.pictures import images
from ganzoo.plugin import Plugin
from ganzoo.sampling import feed
from ganzoo.sampling.assembly import assemble
from ganzoo.sampling.device import choose_device, choose_precision, describe
from ganzoo.sampling.fold import fold_batch_norms
from ganzoo.sampling.generation import SAMPLE, generate_batches
from ganzoo.sampling.origin import Origin, record_inputs
from ganzoo.sampling.samples import Samples
from ganzoo.spec import Output
from ganzoo.version import VERSION
from ganzoo.zoo import fetch, registry, weights
from ganzoo.zoo.pull import Pulled, pull

LOG = logging.getLogger(__name__)
CPU_BATCH = 64
"""Default batch size on a CPU; other devices take four times as many."""


class Model:
    """An architecture with trained weights, in eval mode, on one device. Created by `load`."""

    def __init__(
        self,
        name: str,
        plugin: Plugin[Any],
        gan: GAN[Any],
        device: torch.device,
        precision: str,
        digest: str,
        source: Pulled | None = None,
    ) -> None:
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
        """Load a model by name, from a Hub repository or from a folder; see `ganzoo.load`."""
        pulled = pull(str(name.absolute()) if isinstance(name, Path) else name, progress=progress)
        chosen_device = choose_device(device)
        config_path, path = pulled.folder / weights.CONFIG, pulled.folder / weights.MODEL
        recorded = weights.read_config(pulled.folder)
        plugin = registry.require(recorded.plugin, recorded.distribution)
        config = convert(recorded.config, plugin.config, str(config_path))
        gan = assemble(plugin, config, path)
        if sorted(recorded.networks) != sorted(gan.ema):
            listed, needed = ", ".join(recorded.networks), ", ".join(gan.ema)
            problem = f"lists the networks {listed}; {plugin.name!r} samples with {needed}"
            raise WeightsError(config_path, problem)
        gan = gan.to(chosen_device).to(memory_format=torch.channels_last)
        chosen_precision = choose_precision(precision, chosen_device, plugin.output(config))
        digest = pulled.entry.files[weights.MODEL].sha256 if pulled.entry else files.sha256(path)
        model = cls(pulled.name, plugin, gan, chosen_device, chosen_precision, digest, pulled)
        LOG.info("%r: weights %s from the %s", model, digest[:12], pulled.origin)
        return model

    def __repr__(self) -> str:
        return f"<ganzoo model {self.name}: {self.plugin.name}, {self.device}, {self.precision}>"

    @property
    def config(self) -> Any:
        """The config of the architecture."""
        return self.gan.config

    @property
    def inputs(self) -> Mapping[str, Input]:
        """The inputs that `sample` takes by keyword."""
        return self.plugin.inputs(self.config)

    @property
    def output(self) -> Output:
        """What `sample` gives: images, points or curves."""
        return self.plugin.output(self.config)

    def sample(
        self,
        n: int | None = None,
        *,
        seed: int | None = None,
        batch_size: int | None = None,
        columns: int | None = None,
        views: Collection[str] | None = None,
        progress: Callable[[int], None] | None = None,
        **inputs: Any,
    ) -> Samples:
        """Generate `n` samples, on the CPU. Row i depends only on seed + i and the inputs.

        `n`: by default 64 images, 1024 points or 16 curves; one per given image; 8 per class or
        prompt where several are given. `seed`: drawn by default, see `.seed` of the result.
        `inputs`: by name, as Python values or text (label=7, text="a red bird", image="x.jpg");
        the others are drawn. `views`: a name or names of views to return too, None for all.
        `progress` is called with the size of each batch. Raises UsageError for an unknown view.
        """
        if n is None:
            n = feed.default_count(self.inputs, self.output, inputs)
            columns = columns or feed.choose_columns(self.inputs, inputs, n)
        parts = []
        for part in self.stream(
            n, seed=seed, batch_size=batch_size, columns=columns, views=views, **inputs
        ):
            on_cpu = {name: tensor.cpu() for name, tensor in part.views.items()}
            parts.append(dataclasses.replace(part, tensor=part.tensor.cpu(), views=on_cpu))
            if progress:
                progress(len(part))
        joined = {name: torch.cat([part.views[name] for part in parts]) for name in parts[0].views}
        return dataclasses.replace(
            parts[0],
            tensor=torch.cat([part.tensor for part in parts]),
            columns=columns,
            views=joined,
            prompts=feed.list_prompts(self.inputs, inputs),
        )

    def stream(
        self,
        n: int | None = None,
        *,
        seed: int | None = None,
        batch_size: int | None = None,
        columns: int | None = None,
        start: int = 0,
        rows: int | None = None,
        views: Collection[str] | None = None,
        **inputs: Any,
    ) -> Iterator[Samples]:
        """The samples of `sample(n)` in batches, so that memory does not grow.

        Yields `rows` of them from row `start` on. They stay on the model's device.
        """
        if n is None:
            n = feed.default_count(self.inputs, self.output, inputs)
        if batch_size is None:
            batch_size = CPU_BATCH if self.device.type == "cpu" else 4 * CPU_BATCH
        if index(batch_size) < 1:
            raise UsageError(f"a batch of {batch_size}; at least 1 is needed")
        if columns is not None and columns < 1:
            raise UsageError(f"{columns} columns; at least 1 is needed")
        size, n = index(batch_size), index(n)
        seed = feed.draw_seed() if seed is None else index(seed)
        width = columns or images.square_columns(max(1, n))
        feed.check_names(self.inputs, inputs)
        if views is not None:
            views = (SAMPLE, *([views] if isinstance(views, str) else views))
        origin = self.origin(seed, n, width, inputs)
        requested = Rows(seed, n - start if rows is None else rows, start, n, width)

        def iterate() -> Iterator[Samples]:  # so that arguments are checked before the first batch
            batches = feed.batch_inputs(self.inputs, inputs, requested, size)
            first = start
            for part in generate_batches(
                self.fast, batches, self.device, self.precision, views, strict=True
            ):
                tensor = part.pop(SAMPLE)
                yield Samples(tensor, self.output, seed + first, width, part, origin, first)
                first += len(tensor)

        return iterate()

    @cached_property
    def fast(self) -> GAN[Any]:
        """A private copy for sampling with folded BatchNorm; `gan` stays as it was loaded."""
        return fold_batch_norms(self.gan).to(memory_format=torch.channels_last)

    def origin(self, seed: int, n: int, columns: int, inputs: Mapping[str, Any]) -> Origin:
        """The origin that PNGs of these samples record."""
        return Origin(
            model=self.name,
            plugin=self.plugin.name,
            weights=self.digest,
            seed=seed,
            n=n,
            columns=columns,
            inputs=record_inputs(inputs, self.inputs),
            precision=self.precision,
            device=describe(self.device),
            version=VERSION,
            torch=str(torch.__version__),
        )
