"""Inputs from images, for architectures with an encoder, and the samples they give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import InputError, UsageError
from ganzoo.inputs import Image, Rows
from ganzoo.sampling import feed
from ganzoo.sampling.generation import SAMPLE, generate
from ganzoo.sampling.model import Model
from ganzoo.sampling.samples import Samples
from ganzoo.spec import Picture

ENCODE_BATCH = 256
IMAGES = "images"


@torch.inference_mode()
def encode(model: Model, images: Any, known: Mapping[str, Any]) -> dict[str, Tensor]:
    """Inputs of `sample`, one row per image, on the CPU.

    Computed in float32, since a latent is compared with others and not looked at.
    """
    original = read_images(model, images)
    feed.check_names(model.inputs, known)
    given = {}
    for name, value in feed.open_images(model.inputs, known).items():
        many = len(value) if hasattr(value, "__len__") and not isinstance(value, str) else 1
        if many not in (1, len(original)):  # no equal runs, as in sampling: they would be a mistake
            problem = f"{many} values for {len(original)} images; give one for all or one for each"
            raise InputError(name, problem)
        given[name] = model.inputs[name].parse(value, name, Rows(0, len(original)))
    parts = []
    for batch in split({IMAGES: original, **given}):
        moved = feed.move_to_device(batch, model.device)
        found = model.gan.encode(moved.pop(IMAGES), moved)
        parts.append({name: tensor.cpu() for name, tensor in found.items()})
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def reconstruct(model: Model, images: Any, known: Mapping[str, Any]) -> Samples:
    """Samples from the encoded images, with the views `original` and `beside`."""
    original = read_images(model, images)
    found = encode(model, original, known)
    missing = [name for name in model.inputs if name not in found]
    if missing:
        raise UsageError(
            f"{model.name}: its encoder does not give {', '.join(missing)}, which sampling needs"
        )
    made = generate(model.fast, split(found), model.device, model.precision, (SAMPLE,))[SAMPLE]
    views = {"original": original, "beside": torch.cat([original, made], dim=3)}
    return Samples(made, model.output, 0, views=views)


def read_images(model: Model, images: Any) -> Tensor:
    """Images of the model's shape in [-1, 1]: a tensor, or files fitted to its size.

    UsageError where the model has no encoder.
    """
    if not model.gan.has_encoder:
        raise UsageError(f"{model.name}: {model.plugin.name} has no encoder")
    output = model.output
    if not isinstance(output, Picture):
        raise UsageError(f"{model.name} gives {output.plural}, not images")
    spec = Image(output.channels, output.size)
    opened = feed.open_images({IMAGES: spec}, {IMAGES: images})[IMAGES]
    n = len(opened) if opened.ndim == 4 else 1
    tensor = spec.parse(opened, IMAGES, Rows(0, max(1, n))).float()
    height, width = tensor.shape[2:]
    if output.size and (height, width) != (output.size, output.size):
        problem = f"{width} x {height} pixels, expected {output.size} x {output.size}"
        raise InputError(IMAGES, problem)
    low, high = float(tensor.min()), float(tensor.max())
    if not (low >= -1 and high <= 1):
        raise InputError(IMAGES, f"values in [{low:.4g}, {high:.4g}], expected [-1, 1]")
    return tensor.cpu()


def split(tensors: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """The rows in batches of ENCODE_BATCH."""
    count = len(next(iter(tensors.values())))
    for start in range(0, count, ENCODE_BATCH):
        yield {name: rows[start : start + ENCODE_BATCH] for name, rows in tensors.items()}
