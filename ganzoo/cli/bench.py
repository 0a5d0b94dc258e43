"""`ganzoo bench`: speed on this machine."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from ganzoo.cli import output
from ganzoo.errors import UsageError
from ganzoo.zoo import manifest


def bench(
    name: Annotated[
        str | None, typer.Argument(help="Weights by name, or a folder. Default: the manifest's.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Default: 64 for sampling, the model's own for training.")
    ] = None,
    phase: Annotated[str | None, typer.Option(help="Phase to train. Default: the last.")] = None,
    rounds: Annotated[int, typer.Option(help="How often each side is timed.")] = 7,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time sampling and training beside the textbook way (eager, float32, a plain loop)."""
    for option, value in {"batch-size": batch_size, "rounds": rounds}.items():
        if value is not None and value < 1:
            raise UsageError(f"--{option} {value}: must be at least 1")
    chosen = manifest.choose_model(name)

    from ganzoo.doctor import speed
    from ganzoo.sampling.model import Model

    model = Model.load(chosen, device=device)
    results = [
        speed.time_sampling(model, batch_size or 64, rounds),
        speed.time_training(model, batch_size, rounds, name=phase),
    ]
    setup = speed.describe_setup(model)
    if as_json:
        report = {"model": model.name, "machine": setup, "results": msgspec.to_builtins(results)}
        output.as_json(report)
        return
    output.say(f"{model.name} on {setup}; items a second, medians of {rounds} rounds")
    table = []
    for result in results:
        rates = [f"{result.textbook:,.0f}", f"{result.ganzoo:,.0f}"]
        span = f"{result.low:.2f} to {result.high:.2f}"
        table.append([result.what, *rates, f"{result.ratio:.2f}", span])
    output.table(["what", "textbook", "ganzoo", "ratio", "range"], table)
