"""`Samples`: what a model generated, and how it is shown and saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from torch import Tensor

from ganzoo.errors import UsageError
from ganzoo.files import replacing
from ganzoo.pictures import images, lettered
from ganzoo.sampling.generation import SAMPLE
from ganzoo.sampling.origin import Origin
from ganzoo.sampling.target import check_foreign_files, check_target, name_row
from ganzoo.spec import Curve, Output, Picture

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Samples:
    """Generated samples. A notebook shows them as a grid.

    `tensor`: images in [-1, 1] (n, channels, height, width), points (n, d) or curves (n, length).
    `seed`: of row 0; row i is generated again by seed + i. `views`: other tensors of the same rows.
    `origin`: what a PNG records; these samples are its rows from `first` on. `prompts`: where there
    are several, they share the rows in equal runs and are written into the grid.
    """

    tensor: Tensor
    output: Output
    seed: int
    columns: int | None = None
    views: Mapping[str, Tensor] = field(default_factory=dict)
    origin: Origin | None = None
    first: int = 0
    prompts: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.tensor)

    def images(self) -> list[Image.Image]:
        """One PIL image per row. UsageError where the output is points or curves."""
        if not isinstance(self.output, Picture):
            raise UsageError(
                f"this model gives {self.output.plural}, not images; use .tensor or .grid()"
            )
        return images.make_images(self.tensor)

    def grid(self, columns: int | None = None) -> Image.Image:
        """All rows in one image: a grid of images, a scatter plot of points, or plots of curves."""
        columns = self.columns if columns is None else columns
        return draw_grid(self.tensor, self.output, columns, self.prompts)

    def view(self, name: str) -> Samples:
        """The same rows seen in another view. UsageError where they came without it."""
        if name == SAMPLE:
            return self
        if name not in self.views:
            others = ", ".join(self.views) or "no other views"
            raise UsageError(f"--show {name}: these samples came with {others}")
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
        """Write by extension: .png a grid, .npz the numbers, no extension a folder of PNGs.

        `force` replaces files of the same names. Raises OutputExists without it, and always for a
        folder that holds other files; UsageError for another extension. `Model.write` writes more
        samples than fit in memory.
        """
        path = Path(path)
        check_target(path, force)
        if path.suffix == ".png":
            images.save_png(self.grid(columns), path, self.png_text(columns=columns))
        elif path.suffix == ".npz":
            import numpy as np

            arrays: dict[str, Any] = {}
            for name, tensor in {SAMPLE: self.tensor, **self.views}.items():
                if isinstance(self.output, Picture):
                    arrays[name] = images.to_uint8(tensor)
                else:
                    arrays[name] = tensor.float().cpu().numpy()
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.savez_compressed(file, **arrays, seed=np.int64(self.seed))
        elif path.suffix:
            raise UsageError(f"{path}: .tar files are written by Model.write or `ganzoo sample`")
        else:
            pictures = {name_row(row) + ".png": image for row, image in enumerate(self.images())}
            check_foreign_files(path, pictures)
            for row, (name, image) in enumerate(pictures.items()):
                images.save_png(image, path / name, self.png_text(row))
        return path

    def _repr_png_(self) -> bytes:
        return images.encode_png(self.grid())


def draw_grid(
    values: Tensor, output: Output, columns: int | None = None, prompts: Sequence[str] = ()
) -> Image.Image:
    """One image of many rows of any kind. `prompts` are written above their lines.

    UsageError for less than one column.
    """
    if columns is not None and columns < 1:
        raise UsageError(f"{columns} columns; at least 1 is needed")
    if isinstance(output, Picture):
        if lettered.fits_prompts(len(values), len(prompts), columns):
            return lettered.make_prompt_grid(values, prompts, columns)
        return images.make_grid(values, columns)
    from ganzoo.pictures import plots

    if isinstance(output, Curve):
        return plots.plot_curves(values, output, columns or images.square_columns(len(values)))
    return plots.plot_points(values)
