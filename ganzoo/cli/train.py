"""`ganzoo train`, and the options that `ganzoo finetune` has too."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ganzoo.cli import output, started
from ganzoo.config import assignments

Data = Annotated[
    str | None,
    typer.Option(
        help="mnist, fashion-mnist, cifar10, celeba, sine, sinusoids, gaussians, a folder, a zip or tar.gz."
    ),
]
DataRoot = Annotated[
    Path | None, typer.Option(help="Where named sets lie. Default: $GANZOO_DATA or ~/.cache.")
]
Only = Annotated[str | None, typer.Option(help="One class of the set, such as airplane.")]
Download = Annotated[
    bool, typer.Option("--download", help="Fetch mnist, fashion-mnist or cifar10 if missing.")
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="A setting of the plugin: name=value.")
]
Toml = Annotated[
    Path | None,
    typer.Option(help="A TOML file: these options, and plugin settings in a table named config."),
]
Steps = Annotated[int | None, typer.Option(help="Length; of each phase where there are several.")]
Epochs = Annotated[float | None, typer.Option(help="Length as passes over the data.")]
BatchSize = Annotated[int | None, typer.Option(help="Examples a step.")]
Seed = Annotated[int | None, typer.Option(help="Of weights, noise and order. Default: 0.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a run that is there.")]
StopOnCollapse = Annotated[
    bool,
    typer.Option(
        "--stop-on-collapse", help="End a run whose samples have collapsed; the checkpoint is kept."
    ),
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")]
Precision = Annotated[str | None, typer.Option(help="auto, bf16 or fp32.")]
LogEvery = Annotated[int | None, typer.Option(help="Steps between log rows. Default: 50.")]
SampleEvery = Annotated[
    int | None, typer.Option(help="Steps between sample grids. Default: 500; 0: at the end.")
]
CheckpointEvery = Annotated[
    int | None, typer.Option(help="Steps between checkpoints. Default: 500.")
]
Augment = Annotated[
    str | None,
    typer.Option(help="For few pictures: color,translation,cutout or some, on what critics see."),
]
Compile = Annotated[
    bool,
    typer.Option(
        "--compile", help="torch.compile the networks, where it can: a slow start, then faster."
    ),
]


def train(
    plugin: Annotated[
        str | None, typer.Argument(help="An architecture from `ganzoo list`.")
    ] = None,
    data: Data = None,
    data_root: DataRoot = None,
    only: Only = None,
    download: Download = False,
    preset: Annotated[
        str | None, typer.Option(help="A named recipe of the plugin (ganzoo info PLUGIN).")
    ] = None,
    config: Toml = None,
    set_: Settings = None,
    steps: Steps = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    seed: Seed = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The run folder. Default: runs/<plugin>-<data>."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in --out.")
    ] = False,
    force: Force = False,
    stop_on_collapse: StopOnCollapse = False,
    device: Device = None,
    precision: Precision = None,
    log_every: LogEvery = None,
    sample_every: SampleEvery = None,
    checkpoint_every: CheckpointEvery = None,
    augment: Augment = None,
    compile: Compile = False,
) -> None:
    """Train an architecture on data; prints the run folder, which `ganzoo sample ./FOLDER` takes."""
    settings = assignments(set_ or [])
    run(
        "train", plugin, data, out=out, data_root=data_root, only=only, download=download, preset=preset, config=config,
        settings=settings, steps=steps, epochs=epochs, batch_size=batch_size, seed=seed, device=device, precision=precision,
        log_every=log_every, sample_every=sample_every, checkpoint_every=checkpoint_every, resume=resume, force=force,
        stop_on_collapse=stop_on_collapse, augment=augment or (), compile=compile,
    )  # fmt: skip


def run(verb: str, *words: Any, **options: Any) -> None:
    """Train or fine-tune with a live view, and print the run folder."""
    from ganzoo.cli.progress import first, reporter
    from ganzoo.training import run as verbs
    from ganzoo.zoo.place import is_path

    started()
    with reporter() as shown:
        folder = getattr(verbs, verb)(*words, reporter=shown, **options)
    if first():
        output.data(
            str(folder) if is_path(str(folder)) else f"./{folder}"
        )  # as `ganzoo sample` takes it


command = train
