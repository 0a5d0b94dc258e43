"""`ganzoo sample`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ganzoo.cli import output, photographs
from ganzoo.cli.prompts import read_prompts
from ganzoo.config import assignments
from ganzoo.errors import UsageError
from ganzoo.zoo import manifest, reference

BAR_FROM = 512
"""Smallest number of samples for which a progress bar is shown."""
LARGEST_COUNT = 10**12
"""Upper bound of counts, to catch a typo."""


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
            help="x.png: a grid; x.npz: arrays; x: a folder of PNGs; x.tar: shards; "
            "a photograph: x.jpg, ...",
        ),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option(
            "--n", "-n", help="Number of samples. Default: 64 images, 1024 points, 16 curves."
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of the first sample; sample i has seed + i. Default: random."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Samples per batch. Default: 64, on a GPU 256.")
    ] = None,
    columns: Annotated[int | None, typer.Option(help="Columns of the grid.")] = None,
    label: Annotated[
        str | None, typer.Option(help="A class by name or number, several (1,2,3), or all.")
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="A prompt; may be repeated.")] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            help="A file of prompts, one per line (UTF-8); each has lines of its own in the grid."
        ),
    ] = None,
    image: Annotated[
        list[str] | None, typer.Option(help="An image file, or a folder of them; may be repeated.")
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="Codes: c1=0.5, c1=-2..2 along each row, k1=3.")
    ] = None,
    direction: Annotated[
        str | None, typer.Option(help="Direction of a translation: A2B or B2A.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Any input: name=value.")] = None,
    show: Annotated[
        str | None, typer.Option(help="A view that the model gives beside its samples.")
    ] = None,
    cycle: Annotated[
        bool,
        typer.Option("--cycle", help="The same as --show cycle: original, translation, and back."),
    ] = False,
    stages: Annotated[
        bool,
        typer.Option("--stages", help="The same as --show stages: each stage above the next."),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32.")] = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the folder or shards in --out.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
) -> None:
    """Generate samples and write them; print where."""
    for option, value in {"n": n, "batch-size": batch_size, "columns": columns}.items():
        if value is not None and not 1 <= value < LARGEST_COUNT:
            raise UsageError(
                f"--{option} {value}: at least 1 and less than {LARGEST_COUNT:,} is needed"
            )
    if seed is not None and not 0 <= seed < 2**63:
        raise UsageError(f"--seed {seed} is not in 0 .. 2**63 - 1")
    if text and texts:
        raise UsageError("--texts is a file of prompts for --text; give one of them")
    prompts = read_prompts(texts) if texts else text
    options = {"label": label, "text": prompts, "image": image, "code": code}
    inputs: dict[str, Any] = {}
    for name, given in {**options, "direction": direction}.items():
        if given not in (None, []):
            inputs[name] = given[0] if isinstance(given, list) and len(given) == 1 else given
    views = ["cycle"] * cycle + ["stages"] * stages + ([] if show is None else [show])
    if len(views) > 1:
        raise UsageError(
            "--cycle is --show cycle, --stages is --show stages; give one of the three"
        )
    request = Request(
        model=model,
        out=out,
        n=n,
        seed=seed,
        inputs=inputs | assignments(set_ or []),
        texts=texts,
        batch_size=batch_size,
        columns=columns,
        show=views[0] if views else None,
        device=device,
        precision=precision,
        resume=resume,
        force=force,
    )
    output.data(_run_request(_restore_request(request) if resume else request))


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options as given; None where one is not. `inputs`: by name, those of `texts` included."""

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


def _restore_request(request: Request) -> Request:
    """The request with what the record of the target says where no option is given.

    Images are not recorded and have to be given again.
    """
    from ganzoo.sampling import bulk
    from ganzoo.sampling.target import is_bulk

    if request.out is None or not is_bulk(request.out) or request.force:
        raise UsageError("--resume continues a folder or .tar files in --out, and excludes --force")
    job = bulk.read_record(request.out).origin
    known = job.model in manifest.list_models() or reference.is_repository(job.model)
    if request.model is None and not known:
        raise UsageError(
            f"these are samples of {job.model!r}, which is not in the manifest; "
            "give its folder as the model"
        )
    kinds = (str, int, float, list)
    recorded = {name: value for name, value in job.inputs.items() if isinstance(value, kinds)}
    return replace(
        request,
        model=request.model or job.model,
        n=request.n or job.n,
        seed=job.seed if request.seed is None else request.seed,
        inputs=recorded | request.inputs,
        columns=request.columns or job.columns,
        show=request.show or job.view,
        precision=job.precision if request.precision == "auto" else request.precision,
    )


def _run_request(request: Request) -> str:
    """Write the requested samples; return where they are."""
    name = manifest.choose_model(request.model)
    target = request.out or Path(f"{reference.shorten(name)}.png")

    from ganzoo.cli.progress import count_parts, show_transfers
    from ganzoo.photographs.photograph import FORMATS
    from ganzoo.sampling import feed
    from ganzoo.sampling.model import Model
    from ganzoo.sampling.target import check_target, is_bulk
    from ganzoo.sampling.writing import write_samples

    may_be_photograph = photographs.IMAGE in request.inputs and target.suffix.lower() in FORMATS
    if not is_bulk(target) and not may_be_photograph:
        check_target(target, request.force)  # before anything is downloaded
    with show_transfers() as transfer:
        model = Model.load(
            name, device=request.device, precision=request.precision, progress=transfer
        )
    inputs = request.inputs
    feed.check_names(model.inputs, inputs)
    if not request.resume and photographs.takes_photographs(model, target, inputs, request.n):
        if request.columns or request.batch_size:
            raise UsageError(
                "--columns and --batch-size are for grids of samples; "
                "each photograph has its own file"
            )
        return photographs.translate_photographs(
            model, target, inputs, seed=request.seed, show=request.show, force=request.force
        )
    n = request.n or feed.default_count(model.inputs, model.output, inputs)
    seed = feed.draw_seed() if request.seed is None else request.seed
    with count_parts("sampling", n, BAR_FROM) as advance:
        written = write_samples(
            model,
            target,
            n,
            seed=seed,
            batch_size=request.batch_size,
            columns=request.columns or feed.choose_columns(model.inputs, inputs, n),
            view=request.show,
            resume=request.resume,
            force=request.force,
            progress=advance,
            inputs=inputs,
        )
    if request.seed is None:
        output.say(f"seed {seed}; again: {_format_command(name, n, seed, request)}")
    return written


def _format_command(name: str, n: int, seed: int, request: Request) -> str:
    """The command that generates the same samples."""
    command = ["ganzoo", "sample", name, "--n", str(n), "--seed", str(seed)]
    for key, value in request.inputs.items():
        if key == "text" and request.texts:
            continue
        for given in value if isinstance(value, list) else [value]:
            has_option = key in ("text", "image")
            command += [f"--{key}", given] if has_option else ["--set", f"{key}={given}"]
    if request.texts:
        command += ["--texts", str(request.texts)]
    for key in ("columns", "show", "device", "precision"):
        value = getattr(request, key)
        if value not in (None, "auto"):
            command += [f"--{key}", str(value)]
    return shlex.join(command)
