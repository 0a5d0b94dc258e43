"""The Python API: `ganzoo.load("dcgan-mnist").sample(16, seed=0)`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.errors import UsageError
from ganzoo.sampling import encoding, model
from ganzoo.sampling.feed import draw_seed
from ganzoo.sampling.samples import Samples
from ganzoo.sampling.writing import write_samples
from ganzoo.zoo import fetch, manifest, registry

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from ganzoo.release.upload import Published


class Model(model.Model):
    """A trained model. Created by `load`; `sample` is inherited."""

    def write(self, path: str | Path, n: int, *, seed: int | None = None, **options: Any) -> str:
        """Write `n` samples by extension: a folder of PNGs, .tar shards, a .png grid, .npz arrays.

        A folder and shards are written in constant memory. `options` are those of
        `ganzoo.sampling.writing.write_samples`: batch_size, columns, view, resume, force, progress
        and inputs (a dict). Returns the path or, for shards, the pattern of their names.
        """
        seed = draw_seed() if seed is None else seed
        return write_samples(self, Path(path), n, seed=seed, **options)

    def encode(self, images: Any, **known: Any) -> Mapping[str, Tensor]:
        """Inputs of `sample` for the given images, float32 on the CPU.

        `images`: a tensor (n, channels, height, width) in [-1, 1], or image files. `known`: inputs
        that the encoder needs, as for `sample` (label=[7, 2]). Raises UsageError where the
        architecture has no encoder.
        """
        return encoding.encode(self, images, known)

    def reconstruct(self, images: Any, **known: Any) -> Samples:
        """Samples from the encoded images, with the views `original` and `beside` (both)."""
        return encoding.reconstruct(self, images, known)

    def translate(
        self, image: Any, direction: str | None = None, *, show: str | None = None, **inputs: Any
    ) -> Image.Image:
        """Apply the model to a photograph of any size, given as a path or a PIL image.

        `direction`: "A2B" or "B2A". `show`: another view, such as "cycle" (original, translation,
        and back). Raises UsageError where the model does not take images of any size.
        """
        from ganzoo.photographs import photograph

        if direction:
            inputs["direction"] = direction
        return photograph.translate_image(self, image, inputs, show=show)

    def colorize(self, image: Any, **options: Any) -> Image.Image:
        """Color a photograph; the same as `translate`."""
        return self.translate(image, **options)

    def push_to_hub(self, repo_id: str, **options: Any) -> Published:
        """Publish the model with its card to the Hub repository `repo_id` in one commit.

        Needs a token. `options`: private, tag, training, and
        story=ganzoo.release.prepare.Story(summary=..., licence=...) for a model without a
        manifest entry.
        """
        from ganzoo.release import prepare

        if self.source is None:
            raise UsageError(f"{self.name} lies in no folder; save it first")
        return prepare.publish_model(self.source, repo_id, **options)


def load(
    name: str | Path,
    *,
    device: str = "auto",
    precision: str = "auto",
    progress: fetch.Progress | None = None,
) -> Model:
    """Load a model by name, from a Hub repository or from a folder.

    `name`: "dcgan-mnist", "owner/name", "owner/name@revision", or a path ("./runs/x"). A cached
    repository is not checked for updates; `ganzoo pull` does that. `progress` is called with the
    state of a download. Hashes and shapes are checked before any weight is used; raises a
    GanzooError where something is wrong.
    """
    return Model.load(name, device=device, precision=precision, progress=progress)


def from_pretrained(
    name: str | Path, *, revision: str | None = None, device: str = "auto", precision: str = "auto"
) -> Model:
    """`load`, named as in timm, transformers and diffusers. `revision`: branch, tag or commit."""
    full_name = name if revision is None else f"{name}@{revision}"
    return load(full_name, device=device, precision=precision)


def list_models(pattern: str = "*") -> list[str]:
    """Names of the models in the manifest that match a wildcard."""
    return list(manifest.list_models(pattern))


def list_plugins() -> list[str]:
    """Names of the installed architectures."""
    return registry.list_names()
