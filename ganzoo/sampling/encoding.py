"""From pictures back to the inputs that would make them, and what comes of it: for architectures with an encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo import inputs
from ganzoo.errors import InputError, UsageError
from ganzoo.gan import GAN
from ganzoo.inputs import Rows
from ganzoo.sampling import samples
from ganzoo.spec import Picture

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model

BATCH = 256
IMAGES = "images"


def encode(model: Model, images: Any, known: Mapping[str, Any]) -> dict[str, Tensor]:
    """Inputs of `sample`, one row an image, on the CPU in float32. Computed in float32: a latent is read, not looked at."""
    if type(model.gan).encode is GAN.encode:
        raise UsageError(f"{model.name}: {model.plugin.name} has no encoder")
    return _encoded(model, pictures(model, images), known)


def reconstruct(model: Model, images: Any, known: Mapping[str, Any]) -> samples.Samples:
    """The images as the model gives them back."""
    if type(model.gan).encode is GAN.encode:
        raise UsageError(f"{model.name}: {model.plugin.name} has no encoder")
    original = pictures(model, images)
    found = _encoded(model, original, known)
    missing = [name for name in model.inputs if name not in found]
    if missing:
        raise UsageError(
            f"{model.name}: its encoder does not give {', '.join(missing)}, which sampling needs"
        )
    feed = (
        {name: tensor[start : start + BATCH] for name, tensor in found.items()}
        for start in range(0, len(original), BATCH)
    )
    made = samples.run(model.fast, feed, model.device, model.precision, (samples.SAMPLE,))[
        samples.SAMPLE
    ]
    views = {"original": original, "beside": torch.cat([original, made], dim=3)}
    return samples.Samples(made, model.plugin.output(model.config), 0, views=views)


def pictures(model: Model, images: Any) -> Tensor:
    """Images as the model makes them: a tensor of that shape, in [-1, 1], or picture files fitted to it."""
    output = model.plugin.output(model.config)
    if not isinstance(output, Picture):
        raise UsageError(f"{model.name} makes {type(output).__name__.lower()}s, not pictures")
    n = len(images) if isinstance(images, Tensor) and images.ndim == 4 else 1
    n = len(images) if isinstance(images, (list, tuple)) else n
    spec = inputs.Image(output.channels, output.size)
    opened = samples.open_images({IMAGES: spec}, {IMAGES: images})[IMAGES]
    tensor = spec.parse(opened, IMAGES, Rows(0, n)).float()
    if output.size and tuple(tensor.shape[2:]) != (output.size, output.size):
        raise InputError(
            IMAGES,
            f"{tensor.shape[3]} x {tensor.shape[2]} pixels, expected {output.size} x {output.size}",
        )
    if not bool((tensor.abs() <= 1).all()):
        raise InputError(
            IMAGES,
            f"values in [{float(tensor.min()):.4g}, {float(tensor.max()):.4g}], expected [-1, 1]",
        )
    return tensor.cpu()


@torch.inference_mode()
def _encoded(model: Model, images: Tensor, known: Mapping[str, Any]) -> dict[str, Tensor]:
    samples.check_names(model.inputs, known)
    known = samples.open_images(model.inputs, known)
    told = {name: _told(model, name, value, len(images)) for name, value in known.items()}
    parts = []
    for start in range(0, len(images), BATCH):
        chosen = {
            name: tensor[start : start + BATCH] for name, tensor in {IMAGES: images, **told}.items()
        }
        feed = samples.to_device(chosen, model.device)
        parts.append(
            {
                name: tensor.cpu()
                for name, tensor in model.gan.encode(feed.pop(IMAGES), feed).items()
            }
        )
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _told(model: Model, name: str, value: Any, n: int) -> Tensor:
    """One value for all images or one for each: runs of equal length, as sampling makes them, would be a mistake here."""
    many = 1 if isinstance(value, str) or not hasattr(value, "__len__") else len(value)
    if many not in (1, n):
        raise InputError(name, f"{many} values for {n} images; give one for all, or one for each")
    return model.inputs[name].parse(value, name, Rows(0, n))
