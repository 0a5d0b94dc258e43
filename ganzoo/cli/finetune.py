"""`ganzoo finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import train as of_train
from ganzoo.config import assignments


def finetune(
    model: Annotated[
        str | None,
        typer.Argument(
            help="A name from `ganzoo list`, owner/name on the Hub, or a model's or run's folder."
        ),
    ] = None,
    data: of_train.Data = None,
    data_root: of_train.DataRoot = None,
    only: of_train.Only = None,
    download: of_train.Download = False,
    freeze: Annotated[
        int | None,
        typer.Option(
            help="The first layers of each critic that do not move (FreezeD). Default: 0."
        ),
    ] = None,
    augment: of_train.Augment = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Networks that the model came without start anew.")
    ] = False,
    config: of_train.Toml = None,
    set_: of_train.Settings = None,
    steps: of_train.Steps = None,
    epochs: of_train.Epochs = None,
    batch_size: of_train.BatchSize = None,
    seed: of_train.Seed = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The run folder. Default: runs/<model>-<data>."),
    ] = None,
    force: of_train.Force = False,
    stop_on_collapse: of_train.StopOnCollapse = False,
    device: of_train.Device = None,
    precision: of_train.Precision = None,
    log_every: of_train.LogEvery = None,
    sample_every: of_train.SampleEvery = None,
    checkpoint_every: of_train.CheckpointEvery = None,
    compile: of_train.Compile = False,
) -> None:
    """Train a model further on your own pictures; prints the run folder. `ganzoo train --resume --out RUN` goes on with it."""
    settings = assignments(set_ or [])
    of_train.run(
        "finetune", model, data, out=out, data_root=data_root, only=only, download=download, config=config, settings=settings,
        steps=steps, epochs=epochs, batch_size=batch_size, seed=seed, device=device, precision=precision, log_every=log_every,
        sample_every=sample_every, checkpoint_every=checkpoint_every, freeze=freeze, augment=augment or (), fresh=fresh,
        compile=compile, force=force, stop_on_collapse=stop_on_collapse,
    )  # fmt: skip


command = finetune
