"""`ganzoo extractor`: the small networks whose features `ganzoo eval` uses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import output
from ganzoo.cli import train as of_train
from ganzoo.errors import OutputExists, UsageError

app = typer.Typer(
    no_args_is_help=True,
    help="List and train feature extractors, the networks that `ganzoo eval` measures with.",
)


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the packaged extractors, with verified hashes, and the names of other packages' ones."""
    from ganzoo import extensions
    from ganzoo.evaluate import extractors
    from ganzoo.evaluate.groups import EXTRACTOR_POINTS

    found = [extractors.read_verified(path) for path in extractors.list_packaged().values()]
    if as_json:
        output.as_json(found)
        return
    table = []
    for record in found:
        accuracy = f"{100 * record.accuracy:.2f} %"
        row = [record.name, record.data.name, record.task, accuracy, record.sha256[:12]]
        table.append([*row, record.tested])
    for name, points in extensions.find(EXTRACTOR_POINTS).items():
        owners = ", ".join(extensions.identify(point)[0] for point in points)
        table.append([name, "-", "-", "-", "-", f"from {owners}"])
    output.table(["name", "data", "task", "accuracy", "sha256", "tested on"], table)


@app.command("train")
def train_command(
    data: of_train.DataOption = None,
    data_root: of_train.DataRootOption = None,
    task: Annotated[
        str | None, typer.Option(help="classes or rotation. Default: classes if there are labels.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = 6,
    seed: Annotated[int, typer.Option(help="Seed of weights and order.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write. Default: DATA-TASK.safetensors."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train an extractor on the train split of a data set; prints its file."""
    if data is None:
        raise UsageError("--data is required: a named set, or a folder or archive of images")
    if epochs < 1:
        raise UsageError(f"--epochs {epochs}: must be at least 1")

    from ganzoo.evaluate.extractor_training import train_extractor

    path = out or Path(f"{Path(data).name.partition('.')[0]}-{task or 'features'}.safetensors")
    if path.exists() and not force:
        raise OutputExists(path)
    record = train_extractor(
        data,
        path,
        root=data_root,
        task=task,
        epochs=epochs,
        seed=seed,
        device=device,
        tell=output.say,
    )
    if as_json:
        output.as_json(record)
        return
    result = f"{100 * record.accuracy:.2f} % of {record.tested} correct"
    output.say(f"{result}; sha256 {record.sha256[:12]}")
    output.data(str(path))
