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
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="x.png: a grid; x.npz: numbers; x: a folder of PNGs; x.tar: shards.")
    ] = None,
    n: Annotated[int | None, typer.Option("--n", "-n", help="How many. Default: 64 pictures, 1000 points, 16 curves.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the first sample; sample i is that of seed + i. Drawn when absent.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="How many at a time. Default: 64, on a GPU 256.")] = None,
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
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the folder or shards in --out.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Make samples and write them; prints where."""
    _check(n, seed, batch_size, columns)
    given = {"label": label, "text": text, "image": image, "code": code, "direction": direction}
    inputs = {**{key: _single(value) for key, value in given.items() if value not in (None, [])}, **assignments(set_ or [])}
    name = model or manifest.official().default
    if name is None:
        raise UsageError("the manifest has no default model; name one (ganzoo list)")

    from ganzoo import bulk, sampling

    target = out or Path(f"{Path(name).resolve().name if '/' in name or name == '.' else name}.png")
    if resume:
        if out is None or not bulk.is_bulk(out) or force:
            raise UsageError("--resume goes on with a folder or .tar files in --out, and does not go with --force")
        job = bulk.recorded(out).origin
        name, n, seed, inputs = _resumed(job, model, n, seed, inputs)
        columns, show, precision = columns or job.columns, show or job.view, job.precision if precision == "auto" else precision
    elif not bulk.is_bulk(target):
        sampling.check_target(target, force)
    drawn, seed = seed is None, sampling.random_seed() if seed is None else seed
    loaded = _loaded(name, device, precision, inputs)
    count = n or _default_count(loaded, inputs)
    options = {"batch_size": batch_size, "columns": columns, **inputs}
    if bulk.is_bulk(target):
        written = _write(loaded, target, count, seed, options, show, resume, force)
    else:
        written = str(_save(loaded, target, count, seed, options, show, force))
    if drawn:
        again = {"columns": columns, "show": show, "device": device, "precision": precision}
        output.say(f"seed {seed}; again: {_again(name, count, seed, inputs, again)}")
    output.data(written)


def _check(n: int | None, seed: int | None, batch_size: int | None, columns: int | None) -> None:
    for option, value in {"n": n, "batch-size": batch_size, "columns": columns}.items():
        if value is not None and value < 1:
            raise UsageError(f"--{option} {value}: at least 1 is needed")
    if seed is not None and not 0 <= seed < 2**63:
        raise UsageError(f"--seed {seed} is not in 0 .. 2**63 - 1")


def _resumed(job: Any, model: str | None, n: int | None, seed: int | None, inputs: dict[str, Any]) -> tuple[Any, ...]:
    """What was recorded, where nothing else is asked for. Pictures are not recorded: they have to be given again."""
    if model is None and job.model not in manifest.models():
        raise UsageError(f"these are samples of {job.model!r}, which is no name of the manifest; give its folder as the model")
    kept = {key: value for key, value in job.inputs.items() if isinstance(value, (str, int, float, list))}
    return model or job.model, n or job.n, job.seed if seed is None else seed, {**kept, **inputs}


def _loaded(name: str, device: str, precision: str, inputs: dict[str, Any]) -> Model:
    from ganzoo import sampling
    from ganzoo.model import load

    started()
    loaded = load(name, device=device, precision=precision)
    sampling.check_names(loaded.inputs, inputs)
    return loaded


def _write(
    model: Model, target: Path, n: int, seed: int, options: dict[str, Any], show: str | None, resume: bool, force: bool
) -> str:
    from ganzoo import bulk

    batch_size, columns = options.pop("batch_size"), options.pop("columns")
    progress, finish = _bar(n)
    try:
        return bulk.write(
            model, target, n, seed=seed, batch_size=batch_size, columns=columns, view=show, resume=resume, force=force,
            progress=progress, inputs=options,
        )  # fmt: skip
    finally:
        finish()


def _save(model: Model, target: Path, n: int, seed: int, options: dict[str, Any], show: str | None, force: bool) -> Path:
    progress, finish = _bar(n)
    try:
        made: Samples = model.sample(n, seed=seed, progress=progress, **options)
    finally:
        finish()
    try:
        return (made if show is None else made.view(show)).save(target, force=force)
    except OSError as error:
        raise GanzooError(f"{target} cannot be written ({error.strerror or error})") from None


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


command = sample
