"""`ganzoo extractor`: the small networks that `ganzoo eval` measures in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import output, started
from ganzoo.cli import train as of_train
from ganzoo.errors import OutputExists, UsageError

app = typer.Typer(
    no_args_is_help=True,
    help="List and train the small networks in whose features samples are measured.",
)


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """The extractors that came with ganzoo; their files are hashed."""
    from ganzoo.evaluate import extractors

    found = [extractors.read_verified(path) for path in extractors.list_packaged().values()]
    if as_json:
        output.as_json(found)
        return
    rows = [
        [
            one.name,
            one.data.name,
            one.task,
            f"{100 * one.accuracy:.2f} %",
            one.sha256[:12],
            one.tested,
        ]
        for one in found
    ]
    output.table(["name", "data", "learnt", "right", "sha256", "of"], rows)


@app.command()
def train(
    data: of_train.Data = None,
    data_root: of_train.DataRoot = None,
    task: Annotated[
        str | None,
        typer.Option(help="classes or rotation. Default: classes where there are labels."),
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = 6,
    seed: Annotated[int, typer.Option(help="Of weights and order.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="A .safetensors file. Default: <data>-<task>.safetensors, or -features where no task is given.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Train one on a data set's train split and test it on the rest; prints its file. `ganzoo eval --extractor FILE` uses it."""
    if data is None:
        raise UsageError("--data is needed: a named set, a folder or an archive of pictures")
    if epochs < 1:
        raise UsageError(f"--epochs {epochs}: at least 1 is needed")

    from ganzoo.evaluate import extractor_training

    started()
    path = out or Path(f"{Path(data).name.partition('.')[0]}-{task or 'features'}.safetensors")
    if path.exists() and not force:
        raise OutputExists(path)
    made = extractor_training.train_extractor(
        data,
        path,
        root=data_root,
        task=task,
        epochs=epochs,
        seed=seed,
        device=device,
        told=output.say,
    )
    if as_json:
        output.as_json(made)
        return
    output.say(f"{100 * made.accuracy:.2f} % right of {made.tested}; sha256 {made.sha256[:12]}")
    output.data(str(path))
