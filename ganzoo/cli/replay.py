"""`ganzoo replay`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli import output, started
from ganzoo.errors import GanzooError, RunError, UsageError
from ganzoo.sampling import origin
from ganzoo.sampling.origin import Origin
from ganzoo.zoo import manifest, place, source

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model


def replay(
    picture: Annotated[Path, typer.Argument(help="A PNG that ganzoo wrote.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Default: <picture>-again.png.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="The model, where it came from a folder or is known by another name here."
        ),
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(help="Files of pictures or vectors that were given; they are not kept."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Make a picture again from what it says of its making, and say how near it comes."""
    told = origin.read(picture)
    rows = told.n if told.row is None else 1
    if rows > origin.MOST or told.columns > origin.MOST or (told.row or 0) >= told.n:
        raise UsageError(
            f"{picture} speaks of {told.n:,} rows in {told.columns:,} columns; at most {origin.MOST:,} are replayed"
        )
    target = out or picture.with_name(f"{picture.stem}-again.png")
    if target.suffix != ".png":
        raise UsageError(f"{target}: a replay is written as .png")

    from ganzoo.sampling import samples

    samples.check_target(target, force)
    loaded = _loaded(told, model, device)
    inputs = _inputs(told, loaded, image)
    try:
        _write(loaded, told, inputs, target, force)
    except OSError as error:
        raise GanzooError(f"{target} cannot be written ({error.strerror or error})") from None
    output.say(_compared(picture, target, told, loaded))
    output.data(str(target))


def _loaded(told: Origin, model: str | None, device: str) -> Model:
    from ganzoo.sampling.model import Model

    if model is None:
        if told.model not in manifest.models() and not place.is_repository(told.model):
            raise UsageError(
                f"the picture is of {told.model!r}, which is no name of the manifest; give its model by --model ./FOLDER"
            )
        if not source.is_here(told.model):
            raise RunError(
                f"{told.model} is not on this machine, and replay fetches nothing: ganzoo pull {told.model}"
            )
    started()
    precision = told.precision if told.precision in ("bf16", "fp32") else "auto"
    loaded = Model.load(model or told.model, device=device, precision=precision)
    if loaded.digest != told.weights:
        raise RunError(
            f"the picture was made with other weights ({told.weights[:12]}...) than those of {loaded.name} here "
            f"({loaded.digest[:12]}...)"
        )
    return loaded


def _inputs(told: Origin, model: Model, image: list[str] | None) -> dict[str, Any]:
    """What was given then; pictures have to be given again, and must be the same."""
    given = dict(told.inputs)
    for name, value in told.inputs.items():
        if value is None or (isinstance(value, dict) and origin.DIGEST in value):
            raise UsageError(
                f"input {name!r} is too large for the picture to carry; make it by ganzoo sample, or from Python"
            )
        if isinstance(value, dict):
            if not image:
                raise UsageError(
                    f"the picture was made from {name} files, which it does not carry: give them by --image FILE"
                )
            given[name] = image
            if origin.unlike(told.inputs, given, model.inputs) == name:
                raise UsageError(
                    "--image: not the files it was made from (their hashes differ), or in another order"
                )
    return given


def _made(model: Model, told: Origin, inputs: dict[str, Any]) -> Any:
    how: dict[str, Any] = {"seed": told.seed, "columns": told.columns, "views": told.view or ()}
    if told.row is None:
        made = model.sample(told.n, **how, **inputs)
    else:
        made = next(model.stream(told.n, start=told.row, rows=1, **how, **inputs))
    return made if told.view is None else made.view(told.view)


def _write(model: Model, told: Origin, inputs: dict[str, Any], target: Path, force: bool) -> None:
    """As `ganzoo sample` does it: a grid, one row of one, or a whole photograph."""
    from ganzoo.photographs import photograph
    from ganzoo.pictures import images

    taken = photograph.find_image_input(model.inputs, model.plugin.output(model.config))
    if taken and taken[0] in inputs and (told.n, told.row) == (1, 0):
        others = {name: value for name, value in inputs.items() if name != taken[0]}
        made = photograph.translate_image(
            model, Path(inputs[taken[0]][0]), others, show=told.view, seed=told.seed
        )
        images.save_png(made, target, told.png_text())
    elif told.row is None:
        _made(model, told, inputs).save(target, force=force)
    else:
        row = _made(model, told, inputs)
        images.save_png(row.images()[0], target, row.png_text(0))


def _compared(before: Path, after: Path, told: Origin, model: Model) -> str:
    """`the same, pixel by pixel`, or by how much it differs and what is not as it was."""
    import numpy as np
    import torch
    from PIL import Image

    from ganzoo.sampling.device import describe

    try:
        with Image.open(before) as old, Image.open(after) as new:
            if old.size != new.size:
                return f"the picture was {old.size[0]} x {old.size[1]}, now it is {new.size[0]} x {new.size[1]}"
            apart = abs(
                np.asarray(old.convert("RGB"), dtype=np.int16)
                - np.asarray(new.convert("RGB"), dtype=np.int16)
            )
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return f"{before} cannot be compared ({error})"
    if not apart.any():
        return "the same, pixel by pixel"
    now = {
        "precision": model.precision,
        "device": describe(model.device),
        "torch": str(torch.__version__),
    }
    other = [
        f"{name} {getattr(told, name)} then, {value} now"
        for name, value in now.items()
        if getattr(told, name) != value
    ]
    return f"differs by {apart.mean():.2f} grey levels in the mean, {apart.max()} at worst ({'; '.join(other) or 'all as it was'})"


command = replay
