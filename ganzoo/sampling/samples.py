"""Samples: drawing inputs, running a generator in batches, and what the user gets."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import torch
from torch import Tensor

from ganzoo.errors import InputError, OutputExists, UsageError, did_you_mean, near
from ganzoo.files import replacing
from ganzoo.inputs import Image as ImageInput
from ganzoo.inputs import Input, Rows, Text
from ganzoo.pictures import images, lettered
from ganzoo.sampling.origin import Origin
from ganzoo.spec import Curve, Output, Picture

if TYPE_CHECKING:
    from PIL import Image

    from ganzoo.gan import GAN

SAMPLE = "sample"
SUFFIXES = (".png", ".npz", ".tar")


@dataclass(frozen=True)
class Samples:
    """What a model made. `tensor`: images in [-1, 1] (n, channels, height, width), points (n, d) or curves (n, length).

    `seed`: of row 0; row i alone comes again from seed + i. `views`: further pictures of the same rows. `origin`: what a PNG
    says of its making; these are its rows from `first` on. `sentences`: several, which share all rows out and stand in the
    grid. Shows itself as a grid in a notebook.
    """

    tensor: Tensor
    output: Output
    seed: int
    columns: int | None = None
    views: Mapping[str, Tensor] = field(default_factory=dict)
    origin: Origin | None = None
    first: int = 0
    sentences: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.tensor)

    def images(self) -> list[Image.Image]:
        """One PIL image a row; UsageError where the output is points or curves."""
        self._require_pictures()
        return images.pictures(self.tensor)

    def grid(self, columns: int | None = None) -> Image.Image:
        """All rows in one picture: a grid of images, a scatter of points, or small plots of curves."""
        return draw(
            self.tensor, self.output, self.columns if columns is None else columns, self.sentences
        )

    def view(self, name: str) -> Samples:
        """The same rows seen otherwise; UsageError where they came without such a view."""
        if name == SAMPLE:
            return self
        if name not in self.views:
            raise UsageError(
                f"--show {name}: these samples came with {', '.join(self.views) or 'no other views'}"
            )
        origin = msgspec.structs.replace(self.origin, view=name) if self.origin else None
        return replace(self, tensor=self.views[name], views={}, origin=origin)

    def png_text(self, row: int | None = None, columns: int | None = None) -> dict[str, str] | None:
        """The text of a PNG of row `row` of these samples, or of a grid of all of them."""
        origin = self.origin
        if origin is None:
            return None
        if row is not None:
            origin = msgspec.structs.replace(origin, row=self.first + row)
        elif columns:
            origin = msgspec.structs.replace(origin, columns=columns)
        return origin.png_text()

    def save(self, path: str | Path, *, columns: int | None = None, force: bool = False) -> Path:
        """Write by extension: .png a grid, .npz the numbers, no extension a folder with one PNG a row.

        Raises OutputExists unless `force`; UsageError for another extension. `force` replaces pictures of the same names: a
        folder that holds anything else would mix two sets, and is refused. Millions of rows are written by `Model.write`."""
        path = Path(path)
        check_target(path, force)
        if path.suffix == ".png":
            images.save_png(self.grid(columns), path, self.png_text(columns=columns))
        elif path.suffix == ".npz":
            self._save_npz(path)
        elif path.suffix:
            raise UsageError(f"{path}: .tar files are written by Model.write or `ganzoo sample`")
        else:
            self._save_folder(path)
        return path

    def _require_pictures(self) -> None:
        if not isinstance(self.output, Picture):
            raise UsageError(
                f"this model gives {type(self.output).__name__.lower()}s, not pictures; use .tensor or .grid()"
            )

    def _save_folder(self, path: Path) -> None:
        pictures = {row_name(row) + ".png": image for row, image in enumerate(self.images())}
        check_folder(path, pictures)
        for row, (name, image) in enumerate(pictures.items()):
            images.save_png(image, path / name, self.png_text(row))

    def _save_npz(self, path: Path) -> None:
        import numpy as np

        arrays = {SAMPLE: self.tensor, **self.views}
        if isinstance(self.output, Picture):
            kept: dict[str, Any] = {name: images.to_uint8(t) for name, t in arrays.items()}
        else:
            kept = {name: tensor.float().cpu().numpy() for name, tensor in arrays.items()}
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **kept, seed=np.int64(self.seed))

    def _repr_png_(self) -> bytes:
        import io

        buffer = io.BytesIO()
        self.grid().save(buffer, "PNG")
        return buffer.getvalue()


def draw(
    values: Tensor, output: Output, columns: int | None = None, sentences: Sequence[str] = ()
) -> Image.Image:
    """One picture of many rows, whatever their kind; `sentences` stand above their lines. UsageError for less than one column."""
    if columns is not None and columns < 1:
        raise UsageError(f"{columns} columns; at least 1 is needed")
    if isinstance(output, Picture):
        if lettered.fits(len(values), len(sentences), columns):
            return lettered.grid(values, sentences, columns)
        return images.grid(values, columns)
    from ganzoo.pictures import plots

    if isinstance(output, Curve):
        return plots.curves(values, output, columns or images.columns_for(len(values)))
    return plots.points(values)


def row_name(row: int) -> str:
    """Of a row's file, without extension."""
    return f"{row:06d}"


def check_target(path: Path, force: bool = False) -> None:
    """Before any work: UsageError for an unknown extension, OutputExists for a file or a non-empty folder in the way."""
    if path.suffix and path.suffix not in SUFFIXES:
        raise UsageError(
            f"{path}: samples are written as {', '.join(SUFFIXES)} or into a folder (a name without extension)"
        )
    if path.is_dir() and path.suffix:
        raise UsageError(f"{path} is a folder")
    in_the_way = any(path.iterdir()) if path.is_dir() else path.exists()
    if in_the_way and not force:
        raise OutputExists(path)


def check_folder(path: Path, names: Iterable[str]) -> None:
    """OutputExists where a folder holds more than what is about to be replaced."""
    if path.is_dir() and {other.name for other in path.iterdir()} - set(names):
        raise OutputExists(
            path, "it holds more than these pictures would replace; empty it or choose another name"
        )


def random_seed() -> int:
    """A seed short enough to be typed again."""
    return secrets.randbelow(2**31)


def check_names(inputs: Mapping[str, Input], given: Iterable[str]) -> None:
    """InputError for a name that the model does not take."""
    for name in given:
        if name not in inputs:
            known = ", ".join(f"{key} ({spec.describe()})" for key, spec in inputs.items())
            raise InputError(
                name,
                f"this model has no such input{did_you_mean(near(name, inputs))}; it takes: {known}",
            )


def sentences(inputs: Mapping[str, Input], given: Mapping[str, Any]) -> tuple[str, ...]:
    """The sentences that samples are asked for with, where there are several."""
    found = [
        spec.sentences(given[name])
        for name, spec in inputs.items()
        if isinstance(spec, Text) and name in given
    ]
    return tuple(found[0]) if found and len(found[0]) > 1 else ()


def batches(
    inputs: Mapping[str, Input], values: Mapping[str, Any], rows: Rows, size: int
) -> Iterator[dict[str, Tensor]]:
    """The inputs of `rows`, `size` at a time: parsed where the user gave a value, else drawn."""
    check_names(inputs, values)
    values = open_images(inputs, values)
    held = any(inputs[name].sweeps(value) for name, value in values.items())
    for start in range(rows.start, rows.start + rows.count, size):
        part = Rows(
            rows.seed,
            min(size, rows.start + rows.count - start),
            start,
            rows.whole,
            rows.columns,
            held,
        )
        yield {
            name: spec.parse(values[name], name, part) if name in values else spec.draw(name, part)
            for name, spec in inputs.items()
        }


def open_images(inputs: Mapping[str, Input], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with image files and PIL images replaced by tensors."""
    opened = dict(values)
    for name, value in values.items():
        spec = inputs[name]
        if isinstance(spec, ImageInput) and not isinstance(value, Tensor):
            many = isinstance(value, Sequence) and not isinstance(value, str)
            opened[name] = images.read_inputs(list(value) if many else [value], spec, name)
    return opened


def precise(device: torch.device, precision: str) -> contextlib.AbstractContextManager[Any]:
    """Autocast to bf16, or nothing."""
    return (
        torch.autocast(device.type, torch.bfloat16)
        if precision == "bf16"
        else contextlib.nullcontext()
    )


def to_device(inputs: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Inputs where the networks are, pictures channels-last."""
    moved = {name: tensor.to(device, non_blocking=True) for name, tensor in inputs.items()}
    return {
        name: t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t
        for name, t in moved.items()
    }


def views(made: Tensor | Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """What `GAN.sample` gave, by name; a view that is made on demand is not made yet."""
    return {SAMPLE: made} if isinstance(made, Tensor) else made


@torch.inference_mode()
def parts(
    gan: GAN[Any],
    feed: Iterable[dict[str, Tensor]],
    device: torch.device,
    precision: str,
    wanted: Collection[str] | None = None,
    strict: bool = False,
) -> Iterator[dict[str, Tensor]]:
    """Every batch of `feed` through `gan.sample`, as float32 where the networks are; "sample" is one of the names. `wanted`:
    the views that are looked at, None for all; the work of the others is spared. One that there is not is left out, or with
    `strict` a UsageError."""
    for inputs in feed:
        with precise(device, precision):
            made = views(gan.sample(to_device(inputs, device)))
            if strict and (missing := [name for name in wanted or () if name not in made]):
                others = ", ".join(name for name in made if name != SAMPLE) or "no other views"
                raise UsageError(f"--show {missing[0]}: this model gives {others}")
            named = {name: made[name] for name in made if wanted is None or name in wanted}
        yield {name: tensor.float() for name, tensor in named.items()}


def run(
    gan: GAN[Any],
    feed: Iterable[dict[str, Tensor]],
    device: torch.device,
    precision: str,
    wanted: Collection[str] | None = None,
) -> dict[str, Tensor]:
    """All `parts` joined, on the CPU."""
    found: dict[str, list[Tensor]] = {}
    for part in parts(gan, feed, device, precision, wanted):
        for name, tensor in part.items():
            found.setdefault(name, []).append(tensor.cpu())
    return {name: torch.cat(tensors) for name, tensors in found.items()}
