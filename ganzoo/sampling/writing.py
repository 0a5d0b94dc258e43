"""Writing samples by the extension of the target, and generating those of a PNG again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.pictures import images, lettered
from ganzoo.sampling import bulk
from ganzoo.sampling.feed import list_prompts
from ganzoo.sampling.model import Model
from ganzoo.sampling.origin import Origin
from ganzoo.sampling.target import check_target, is_bulk
from ganzoo.spec import Picture


def write_samples(
    model: Model,
    path: Path,
    n: int,
    *,
    seed: int,
    batch_size: int | None = None,
    columns: int | None = None,
    view: str | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Callable[[int], None] | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> str:
    """Write `n` samples and return where they are.

    .png: a grid; .npz: arrays; no extension: a folder of PNGs; .tar: shards. A folder and shards
    are written in constant memory, and `resume` continues them from their record. `progress` is
    called with the number of new samples.
    """
    given = dict(inputs or {})
    if is_bulk(path):
        return bulk.write_bulk(
            model,
            path,
            n,
            seed=seed,
            batch_size=batch_size,
            columns=columns,
            view=view,
            resume=resume,
            force=force,
            progress=progress,
            inputs=given,
        )
    check_target(path, force)
    if path.suffix == ".png" and isinstance(model.output, Picture):  # before anything is generated
        side, prompts = model.output.size or 1, len(list_prompts(model.inputs, given))
        if lettered.fits_prompts(n, prompts, columns):
            lettered.check_prompt_grid(prompts, n // prompts, side, side, columns)
        else:
            images.measure_grid(n, side, side, columns)
    every_view = view is None and path.suffix == ".npz"
    made = model.sample(
        n,
        seed=seed,
        batch_size=batch_size,
        columns=columns,
        views=None if every_view else view or (),
        progress=progress,
        **given,
    )
    shown = made if view is None else made.view(view)
    try:
        return str(shown.save(path, force=force))
    except OSError as error:
        raise GanzooError(f"{path} cannot be written ({error.strerror or error})") from None


def write_again(
    model: Model, origin: Origin, inputs: Mapping[str, Any], path: Path, force: bool
) -> None:
    """Generate the samples of a PNG again and write them: a grid, or the one row it shows."""
    options: dict[str, Any] = {
        "seed": origin.seed,
        "columns": origin.columns,
        "views": origin.view or (),
        **inputs,
    }
    if origin.row is None:
        made = model.sample(origin.n, **options)
    else:
        made = next(model.stream(origin.n, start=origin.row, rows=1, **options))
    shown = made if origin.view is None else made.view(origin.view)
    if origin.row is None:
        shown.save(path, force=force)
    else:
        images.save_png(shown.images()[0], path, shown.png_text(0))
