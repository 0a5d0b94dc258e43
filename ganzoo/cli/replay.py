"""`ganzoo replay`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli import output
from ganzoo.errors import GanzooError, RunError, UsageError
from ganzoo.inputs.record import DIGEST
from ganzoo.sampling.origin import REPLAY_LIMIT, Origin, find_difference, read_origin
from ganzoo.sampling.target import check_target
from ganzoo.zoo import manifest, pull, reference

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model


def replay(
    picture: Annotated[Path, typer.Argument(help="A PNG that ganzoo wrote.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Default: <picture>-again.png.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="The model, if it is a folder or has another name here."),
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(help="Image or vector files that were given; the PNG does not hold them."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
) -> None:
    """Generate a PNG of ganzoo again from what it records, and compare the two."""
    origin = read_origin(picture)
    rows = origin.n if origin.row is None else 1
    if max(rows, origin.columns) > REPLAY_LIMIT or (origin.row or 0) >= origin.n:
        raise UsageError(
            f"{picture} records {origin.n:,} rows in {origin.columns:,} columns; "
            f"at most {REPLAY_LIMIT:,} are replayed"
        )
    target = out or picture.with_name(f"{picture.stem}-again.png")
    if target.suffix != ".png":
        raise UsageError(f"{target}: a replay is written as .png")
    check_target(target, force)

    from ganzoo.photographs import photograph
    from ganzoo.pictures import images
    from ganzoo.sampling.writing import write_again

    loaded = _load_recorded(origin, model, device)
    inputs = _restore_inputs(origin, loaded, image)
    photo = photograph.find_image_input(loaded.inputs, loaded.output)
    try:
        if photo and photo[0] in inputs and (origin.n, origin.row) == (1, 0):
            path = Path(inputs.pop(photo[0])[0])
            made = photograph.translate_image(
                loaded, path, inputs, show=origin.view, seed=origin.seed
            )
            images.save_png(made, target, origin.png_text())
        else:
            write_again(loaded, origin, inputs, target, force)
    except OSError as error:
        raise GanzooError(f"{target} cannot be written ({error.strerror or error})") from None
    output.say(_compare(picture, target, origin, loaded))
    output.data(str(target))


def _load_recorded(origin: Origin, name: str | None, device: str) -> Model:
    """The model of the origin, from the cache or from `name`, with the weights of that time."""
    from ganzoo.sampling.model import Model

    if name is None:
        name = origin.model
        if name not in manifest.list_models() and not reference.is_repository(name):
            raise UsageError(
                f"the image is of {name!r}, which is not in the manifest; "
                "give its model by --model ./FOLDER"
            )
        if not pull.is_local(name):
            raise RunError(
                f"{name} is not on this machine, and replay downloads nothing: ganzoo pull {name}"
            )
    precision = origin.precision if origin.precision in ("bf16", "fp32") else "auto"
    model = Model.load(name, device=device, precision=precision)
    if model.digest != origin.weights:
        raise RunError(
            f"the image was generated with other weights ({origin.weights[:12]}...) than those of "
            f"{model.name} here ({model.digest[:12]}...)"
        )
    return model


def _restore_inputs(origin: Origin, model: Model, files: list[str] | None) -> dict[str, Any]:
    """The recorded inputs. Files must be given again, and must be the same."""
    given = dict(origin.inputs)
    for name, value in origin.inputs.items():
        if value is None or (isinstance(value, dict) and DIGEST in value):
            raise UsageError(
                f"input {name!r} is too large for a PNG to record; "
                "use ganzoo sample, or Python, to generate it again"
            )
        if isinstance(value, dict):
            if not files:
                raise UsageError(
                    f"the image was generated from {name} files, which it does not hold: "
                    "give them by --image FILE"
                )
            given[name] = files
            if find_difference(origin.inputs, given, model.inputs) == name:
                raise UsageError(
                    "--image: not the original files (their hashes differ), or in another order"
                )
    return given


def _compare(before: Path, after: Path, origin: Origin, model: Model) -> str:
    """`the same, pixel by pixel`, or how much differs and what else is different."""
    import numpy as np
    import torch
    from PIL import Image

    from ganzoo.sampling.device import describe

    try:
        with Image.open(before) as old, Image.open(after) as new:
            if old.size != new.size:
                return (
                    f"the image was {old.size[0]} x {old.size[1]}, "
                    f"now it is {new.size[0]} x {new.size[1]}"
                )
            old_levels = np.asarray(old.convert("RGB"), dtype=np.int16)
            new_levels = np.asarray(new.convert("RGB"), dtype=np.int16)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return f"{before} cannot be compared ({error})"
    difference = abs(old_levels - new_levels)
    if not difference.any():
        return "the same, pixel by pixel"
    now = {
        "precision": model.precision,
        "device": describe(model.device),
        "torch": str(torch.__version__),
    }
    changes = []
    for name, value in now.items():
        if getattr(origin, name) != value:
            changes.append(f"{name} {getattr(origin, name)} then, {value} now")
    reasons = "; ".join(changes) or "the machine is as it was"
    return (
        f"differs by {difference.mean():.2f} gray levels on average, {difference.max()} at most "
        f"({reasons})"
    )
