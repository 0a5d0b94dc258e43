"""`ganzoo train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import output, started
from ganzoo.config import assignments


def train(
    plugin: Annotated[str | None, typer.Argument(help="An architecture from `ganzoo list`.")] = None,
    data: Annotated[
        str | None,
        typer.Option(help="mnist, fashion-mnist, cifar10, celeba, sine, sinusoids, gaussians, a folder, a zip or tar.gz."),
    ] = None,
    data_root: Annotated[Path | None, typer.Option(help="Where named sets lie. Default: $GANZOO_DATA or ~/.cache.")] = None,
    only: Annotated[str | None, typer.Option(help="One class of the set, such as airplane.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch mnist, fashion-mnist or cifar10 if missing.")] = False,
    preset: Annotated[str | None, typer.Option(help="A named recipe of the plugin (ganzoo info PLUGIN).")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A TOML file: these options, and plugin settings in a table named config.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting of the plugin: name=value.")] = None,
    steps: Annotated[int | None, typer.Option(help="Length; of each phase where there are several.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Length as passes over the data.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples a step.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of weights, noise and order. Default: 0.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The run folder. Default: runs/<plugin>-<data>.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in --out.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a run that is there.")] = False,
    stop_on_collapse: Annotated[
        bool, typer.Option("--stop-on-collapse", help="End a run whose samples have collapsed; the checkpoint is kept.")
    ] = False,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, bf16 or fp32.")] = None,
    log_every: Annotated[int | None, typer.Option(help="Steps between log rows. Default: 50.")] = None,
    sample_every: Annotated[int | None, typer.Option(help="Steps between sample grids. Default: 500; 0: at the end.")] = None,
    checkpoint_every: Annotated[int | None, typer.Option(help="Steps between checkpoints. Default: 500.")] = None,
) -> None:
    """Train an architecture on data; prints the run folder, which `ganzoo sample ./FOLDER` takes."""
    settings = assignments(set_ or [])

    from ganzoo.cli.progress import first, reporter
    from ganzoo.hub import is_path
    from ganzoo.training.run import train as run

    started()
    with reporter() as shown:
        folder = run(
            plugin, data, out=out, data_root=data_root, only=only, download=download, preset=preset, config=config,
            settings=settings, steps=steps, epochs=epochs, batch_size=batch_size, seed=seed, device=device, precision=precision,
            log_every=log_every, sample_every=sample_every, checkpoint_every=checkpoint_every, resume=resume, force=force,
            stop_on_collapse=stop_on_collapse, reporter=shown,
        )  # fmt: skip
    if first():
        output.data(str(folder) if is_path(str(folder)) else f"./{folder}")  # as `ganzoo sample` takes it


command = train
