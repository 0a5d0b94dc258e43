"""`ganzoo sample`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo import manifest
from ganzoo.cli import output
from ganzoo.config import assignments
from ganzoo.errors import UsageError

if TYPE_CHECKING:
    from ganzoo.model import Model
    from ganzoo.sampling import Samples

BAR_FROM = 512


def sample(
    model: Annotated[str | None, typer.Argument(help="Weights by name, or a folder (./runs/x). Default: the manifest's.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="x.png: a grid; x.npz: numbers; x: a folder of PNGs.")] = None,
    n: Annotated[int | None, typer.Option("--n", "-n", help="How many. Default: 64 pictures, 1000 points, 16 curves.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the first sample; sample i is that of seed + i. Drawn when absent.")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="How many at a time.")] = 64,
    columns: Annotated[int | None, typer.Option(help="Of the grid.")] = None,
    label: Annotated[str | None, typer.Option(help="A class by name or number, several (1,2,3), or all.")] = None,
    text: Annotated[str | None, typer.Option(help="A sentence.")] = None,
    image: Annotated[str | None, typer.Option(help="A picture file.")] = None,
    code: Annotated[str | None, typer.Option(help="Codes: c1=0.5, c1=-2..2 along each row, k1=3.")] = None,
    direction: Annotated[str | None, typer.Option(help="Of a translation: A2B or B2A.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Any input: name=value.")] = None,
    show: Annotated[str | None, typer.Option(help="Another view that the model gives beside its samples.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32.")] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Make samples and write them; prints where."""
    name = model or manifest.official().default
    if name is None:
        raise UsageError("the manifest has no default model; name one (ganzoo list)")
    if n is not None and n < 1:
        raise UsageError(f"--n {n}: at least 1 is needed")
    if columns is not None and columns < 1:
        raise UsageError(f"--columns {columns}: at least 1 is needed")
    given = {"label": label, "text": text, "image": image, "code": code, "direction": direction}
    inputs = {**{key: value for key, value in given.items() if value is not None}, **assignments(set_ or [])}

    from ganzoo import sampling

    target = out or Path(f"{Path(name).resolve().name if '/' in name or name == '.' else name}.png")
    sampling.check_target(target, force)
    seed_given, seed = seed is not None, sampling.random_seed() if seed is None else seed
    made = _made(name, n, seed, batch_size, columns, inputs, device, precision)
    if show is not None:
        made = _view(made, show)
    made.save(target, force=force)
    if not seed_given:
        output.say(f"seed {seed}; again: ganzoo sample {shlex.quote(name)} --n {len(made)} --seed {seed}")
    output.data(str(target))


def _made(
    name: str, n: int | None, seed: int, batch_size: int, columns: int | None, inputs: dict[str, Any], device: str, precision: str
) -> Samples:
    from ganzoo.model import load

    loaded = load(name, device=device, precision=precision)
    count = n or _default_count(loaded)
    progress, finish = _bar(count)
    try:
        return loaded.sample(count, seed=seed, batch_size=batch_size, columns=columns, progress=progress, **inputs)
    finally:
        finish()


def _default_count(model: Model) -> int:
    from ganzoo.data.spec import Picture, Points
    from ganzoo.inputs import Image

    if any(isinstance(spec, Image) for spec in model.inputs.values()):
        return 1
    output_kind = model.plugin.output(model.config)
    return 64 if isinstance(output_kind, Picture) else 1000 if isinstance(output_kind, Points) else 16


def _bar(count: int) -> tuple[Callable[[int], None] | None, Callable[[], None]]:
    """A progress bar for many samples at a terminal."""
    if count < BAR_FROM or not sys.stderr.isatty():
        return None, lambda: None
    from ganzoo.cli.progress import counter

    return counter("sampling", count)


def _view(made: Samples, view: str) -> Samples:
    import dataclasses

    if view not in made.views:
        raise UsageError(f"--show {view}: this model gives {', '.join(made.views) or 'no other views'}")
    return dataclasses.replace(made, tensor=made.views[view])


command = sample
