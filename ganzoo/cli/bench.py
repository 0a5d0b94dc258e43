"""`ganzoo bench`."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from ganzoo.cli import output, started
from ganzoo.errors import UsageError
from ganzoo.zoo import manifest


def bench(
    name: Annotated[
        str | None, typer.Argument(help="Weights by name, or a folder. Default: the manifest's.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Default: 64 for sampling, the model's own for training.")
    ] = None,
    phase: Annotated[str | None, typer.Option(help="Of training; default: the last.")] = None,
    rounds: Annotated[int, typer.Option(help="How often both sides are timed.")] = 7,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """How fast a model samples and trains here, beside the textbook way (eager, float32, a plain loop)."""
    for option, value in {"batch-size": batch_size, "rounds": rounds}.items():
        if value is not None and value < 1:
            raise UsageError(f"--{option} {value}: at least 1 is needed")
    chosen = manifest.chosen(name)

    from ganzoo.doctor import speed as work
    from ganzoo.sampling.model import Model

    started()
    model = Model.load(chosen, device=device)
    results = [
        work.sample(model, batch_size or 64, rounds),
        work.train(model, batch_size, rounds, name=phase),
    ]
    if as_json:
        output.as_json(
            {
                "model": model.name,
                "machine": work.machine(model),
                "results": msgspec.to_builtins(results),
            }
        )
        return
    output.say(f"{model.name} on {work.machine(model)}; rows a second, medians of {rounds} rounds")
    output.table(
        ["what", "textbook", "ganzoo", "ratio", "range"],
        [
            [
                r.what,
                f"{r.textbook:,.0f}",
                f"{r.ganzoo:,.0f}",
                f"{r.ratio:.2f}",
                f"{r.low:.2f} to {r.high:.2f}",
            ]
            for r in results
        ],
    )


command = bench
