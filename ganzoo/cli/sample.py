"""`ganzoo sample`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo import manifest
from ganzoo.cli import output, started
from ganzoo.config import assignments
from ganzoo.errors import GanzooError, UsageError

if TYPE_CHECKING:
    from ganzoo.model import Model
    from ganzoo.sampling import Samples

BAR_FROM = 512
LINE = 8
"""Pictures of one class where several classes are asked for: one line of the grid."""


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
    text: Annotated[list[str] | None, typer.Option(help="A sentence; may be repeated.")] = None,
    image: Annotated[list[str] | None, typer.Option(help="A picture file; may be repeated.")] = None,
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
    inputs = {**{key: _single(value) for key, value in given.items() if value not in (None, [])}, **assignments(set_ or [])}

    from ganzoo import sampling

    target = out or Path(f"{Path(name).resolve().name if '/' in name or name == '.' else name}.png")
    sampling.check_target(target, force)
    seed_given, seed = seed is not None, sampling.random_seed() if seed is None else seed
    made = _made(name, n, seed, batch_size, columns, inputs, device, precision)
    if show is not None:
        made = _view(made, show)
    try:
        made.save(target, force=force)
    except OSError as error:
        raise GanzooError(f"{target} cannot be written ({error.strerror or error})") from None
    if not seed_given:
        options = {"columns": columns, "show": show, "device": device, "precision": precision}
        output.say(f"seed {seed}; again: {_again(name, len(made), seed, inputs, options)}")
    output.data(str(target))


def _made(
    name: str, n: int | None, seed: int, batch_size: int, columns: int | None, inputs: dict[str, Any], device: str, precision: str
) -> Samples:
    from ganzoo import sampling
    from ganzoo.model import load

    started()
    loaded = load(name, device=device, precision=precision)
    sampling.check_names(loaded.inputs, inputs)
    count = n or _default_count(loaded, inputs)
    progress, finish = _bar(count)
    try:
        return loaded.sample(count, seed=seed, batch_size=batch_size, columns=columns, progress=progress, **inputs)
    finally:
        finish()


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _again(name: str, n: int, seed: int, inputs: dict[str, Any], options: dict[str, Any]) -> str:
    """The command that makes the same samples again. `options`: those that bear on them, None or auto where not given."""
    chosen = [word for key, value in options.items() if value not in (None, "auto") for word in (f"--{key}", str(value))]
    values = {key: value if isinstance(value, list) else [value] for key, value in inputs.items()}
    given = [
        word
        for key, texts in values.items()
        for text in texts
        for word in ([f"--{key}", text] if key in ("text", "image") else ["--set", f"{key}={text}"])
    ]
    return shlex.join(["ganzoo", "sample", name, "--n", str(n), "--seed", str(seed), *given, *chosen])


def _default_count(model: Model, given: dict[str, Any]) -> int:
    """One for each picture given, a line for each class given, else by what the model makes."""
    from ganzoo.data.spec import Picture, Points
    from ganzoo.inputs import Image, Label

    for name, spec in model.inputs.items():
        value = given.get(name)
        if isinstance(spec, Image):
            return len(value) if isinstance(value, list) else 1
        if isinstance(spec, Label) and value is not None and (value == "all" or "," in value):
            return LINE * (len(spec.classes) if value == "all" else value.count(",") + 1)
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
