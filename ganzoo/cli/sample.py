"""`ganzoo sample`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli import lines, output, photographs, sentences, started
from ganzoo.config import assignments
from ganzoo.errors import GanzooError, UsageError
from ganzoo.zoo import manifest, place

if TYPE_CHECKING:
    from ganzoo.sampling.model import Model
    from ganzoo.sampling.samples import Samples

BAR_FROM = 512
MOST = 10**12
"""Whoever asks for so many has mistaken the option."""


def sample(
    model: Annotated[
        str | None,
        typer.Argument(help="Weights by name, owner/name of the Hub, or a folder (./runs/x)."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="x.png: a grid; x.npz: numbers; x: a folder of PNGs; x.tar: shards. A photograph: x.jpg, ...",
        ),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option("--n", "-n", help="How many. Default: 64 pictures, 1000 points, 16 curves."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Of the first sample; sample i is that of seed + i. Drawn when absent."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="How many at a time. Default: 64, on a GPU 256.")
    ] = None,
    columns: Annotated[int | None, typer.Option(help="Of the grid.")] = None,
    label: Annotated[
        str | None, typer.Option(help="A class by name or number, several (1,2,3), or all.")
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="A sentence; may be repeated.")] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            help="A file of sentences, one a line (UTF-8): each has its lines of the grid."
        ),
    ] = None,
    image: Annotated[
        list[str] | None, typer.Option(help="A picture file, or a folder of them; may be repeated.")
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="Codes: c1=0.5, c1=-2..2 along each row, k1=3.")
    ] = None,
    direction: Annotated[str | None, typer.Option(help="Of a translation: A2B or B2A.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Any input: name=value.")] = None,
    show: Annotated[
        str | None, typer.Option(help="Another view that the model gives beside its samples.")
    ] = None,
    cycle: Annotated[
        bool,
        typer.Option("--cycle", help="As --show cycle: original, translation and the way back."),
    ] = False,
    stages: Annotated[
        bool,
        typer.Option("--stages", help="As --show stages: each stage above the next, finer one."),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32.")] = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the folder or shards in --out.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Make samples and write them; prints where."""
    _check(n, seed, batch_size, columns)
    given = {
        "label": label,
        "text": _sentences(text, texts),
        "image": image,
        "code": code,
        "direction": direction,
    }
    inputs = {
        **{key: _single(value) for key, value in given.items() if value not in (None, [])},
        **assignments(set_ or []),
    }
    show = lines.view(cycle, stages, show)
    asked = Asked(
        model,
        out,
        n,
        seed,
        inputs,
        texts,
        batch_size,
        columns,
        show,
        device,
        precision,
        resume,
        force,
    )
    output.data(_made(_resumed(asked) if resume else asked))


@dataclass(frozen=True)
class Asked:
    """The options as given; None: not given. `inputs`: of the model, by name; those of `texts`, a file, are among them."""

    model: str | None
    out: Path | None
    n: int | None
    seed: int | None
    inputs: dict[str, Any]
    texts: Path | None
    batch_size: int | None
    columns: int | None
    show: str | None
    device: str
    precision: str
    resume: bool
    force: bool


def _check(n: int | None, seed: int | None, batch_size: int | None, columns: int | None) -> None:
    for option, value in {"n": n, "batch-size": batch_size, "columns": columns}.items():
        if value is not None and not 1 <= value < MOST:
            raise UsageError(f"--{option} {value}: at least 1 and less than {MOST:,} is needed")
    if seed is not None and not 0 <= seed < 2**63:
        raise UsageError(f"--seed {seed} is not in 0 .. 2**63 - 1")


def _resumed(asked: Asked) -> Asked:
    """What was recorded, where nothing else is asked for. Pictures are not recorded: they have to be given again."""
    from ganzoo.sampling import bulk

    if asked.out is None or not bulk.is_bulk(asked.out) or asked.force:
        raise UsageError(
            "--resume goes on with a folder or .tar files in --out, and does not go with --force"
        )
    job = bulk.recorded(asked.out).origin
    if (
        asked.model is None
        and job.model not in manifest.models()
        and not place.is_repository(job.model)
    ):
        raise UsageError(
            f"these are samples of {job.model!r}, which is no name of the manifest; give its folder as the model"
        )
    kept = {
        key: value
        for key, value in job.inputs.items()
        if isinstance(value, (str, int, float, list))
    }
    return replace(
        asked,
        model=asked.model or job.model,
        n=asked.n or job.n,
        seed=job.seed if asked.seed is None else asked.seed,
        inputs={**kept, **asked.inputs},
        columns=asked.columns or job.columns,
        show=asked.show or job.view,
        precision=job.precision if asked.precision == "auto" else asked.precision,
    )


def _made(asked: Asked) -> str:
    """Samples as they are asked for; says where they are."""
    name = manifest.chosen(asked.model)

    from ganzoo.sampling import bulk, samples

    target = asked.out or Path(f"{place.short(name)}.png")
    many = bulk.is_bulk(target)
    if not many and not photographs.may_be_photograph(target, asked.inputs):
        samples.check_target(target, asked.force)
    model = _loaded(name, asked)
    if not asked.resume and photographs.takes_photographs(model, target, asked.inputs, asked.n):
        if asked.columns or asked.batch_size:
            raise UsageError(
                "--columns and --batch-size are for grids of samples; each photograph has its own file"
            )
        return photographs.translate_photographs(
            model, target, asked.inputs, seed=asked.seed, show=asked.show, force=asked.force
        )
    if not many:
        samples.check_target(target, asked.force)
    count, seed = (
        asked.n or lines.default_count(model, asked.inputs),
        samples.random_seed() if asked.seed is None else asked.seed,
    )
    lined = replace(asked, columns=asked.columns or lines.columns(model, asked.inputs, count))
    written = (_write if many else _save)(model, target, count, seed, lined)
    if asked.seed is None:
        output.say(f"seed {seed}; again: {_again(name, count, seed, asked)}")
    return written


def _loaded(name: str, asked: Asked) -> Model:
    from ganzoo.cli.progress import transfers
    from ganzoo.sampling import samples
    from ganzoo.sampling.model import Model

    started()
    with transfers() as progress:
        model = Model.load(name, device=asked.device, precision=asked.precision, progress=progress)
    samples.check_names(model.inputs, asked.inputs)
    return model


def _write(model: Model, target: Path, n: int, seed: int, asked: Asked) -> str:
    """A folder or .tar files."""
    from ganzoo.sampling import bulk

    progress, finish = _bar(n)
    try:
        return bulk.write(
            model, target, n, seed=seed, batch_size=asked.batch_size, columns=asked.columns, view=asked.show,
            resume=asked.resume, force=asked.force, progress=progress, inputs=asked.inputs,
        )  # fmt: skip
    finally:
        finish()


def _save(model: Model, target: Path, n: int, seed: int, asked: Asked) -> str:
    """One file."""
    if target.suffix == ".png":
        lines.check_grid(model, asked.inputs, n, asked.columns)
    progress, finish = _bar(n)
    try:
        made: Samples = model.sample(
            n, seed=seed, batch_size=asked.batch_size, columns=asked.columns, views=_views(target, asked.show),
            progress=progress, **asked.inputs,
        )  # fmt: skip
    finally:
        finish()
    try:
        return str(
            (made if asked.show is None else made.view(asked.show)).save(target, force=asked.force)
        )
    except OSError as error:
        raise GanzooError(f"{target} cannot be written ({error.strerror or error})") from None


def _views(target: Path, show: str | None) -> str | tuple[()] | None:
    """Those that the file will hold: numbers come with all of them unless one is asked for."""
    return None if show is None and target.suffix == ".npz" else show or ()


def _sentences(text: list[str] | None, texts: Path | None) -> list[str] | None:
    if text and texts:
        raise UsageError("--texts is a file of sentences for --text; give one of them")
    return sentences.read(texts) if texts else text


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _again(name: str, n: int, seed: int, asked: Asked) -> str:
    """The command that makes the same samples again."""
    options = {
        "columns": asked.columns,
        "show": asked.show,
        "device": asked.device,
        "precision": asked.precision,
    }
    chosen = [
        word
        for key, value in options.items()
        if value not in (None, "auto")
        for word in (f"--{key}", str(value))
    ]
    values = {
        key: value if isinstance(value, list) else [value] for key, value in asked.inputs.items()
    }
    if asked.texts:
        values |= {"text": []}
        chosen = ["--texts", str(asked.texts), *chosen]
    given = [
        word
        for key, texts in values.items()
        for text in texts
        for word in ([f"--{key}", text] if key in ("text", "image") else ["--set", f"{key}={text}"])
    ]
    return shlex.join(
        ["ganzoo", "sample", name, "--n", str(n), "--seed", str(seed), *given, *chosen]
    )


def _bar(count: int) -> tuple[Callable[[int], None] | None, Callable[[], None]]:
    """A progress bar for many samples at a terminal."""
    if count < BAR_FROM or not sys.stderr.isatty():
        return None, lambda: None
    from ganzoo.cli.progress import counter

    return counter("sampling", count)


command = sample
