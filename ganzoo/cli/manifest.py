"""`ganzoo manifest`: for maintainers of weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo import hub, manifest
from ganzoo.cli import output
from ganzoo.errors import GanzooError

app = typer.Typer(help="For maintainers: add weights to the manifest, check them, show the schema.", no_args_is_help=True)


@app.command("add")
def add(
    run: Annotated[Path, typer.Argument(help="A finished run folder.")],
    name: Annotated[str, typer.Argument(help="<plugin>-<tag>.")],
    summary: Annotated[str, typer.Option(help="One line for `ganzoo list`.")],
    licence: Annotated[str, typer.Option(help="Of the weights, as an SPDX id or a name.")],
    metrics: Annotated[Path | None, typer.Option(help="JSON: a list of {name, value, protocol, command}.")] = None,
    notes: Annotated[str, typer.Option(help="Limits that a user should know.")] = "",
    fine_tune: Annotated[bool, typer.Option("--fine-tune", help="Keep the networks that fine-tuning needs.")] = False,
) -> None:
    """Copy a run to weights/NAME/ and write its manifest entry, card, sample sheet and golden rows."""
    from ganzoo import bundle

    entry = bundle.add(run, name, summary=summary, licence=licence, metrics=metrics, notes=notes, fine_tune=fine_tune)
    output.say(f"{name}: {output.size(sum(file.bytes for file in entry.files.values()))}; look at samples.png before you commit")
    output.data(str(manifest.bundled(name)))


@app.command("check")
def check() -> None:
    """Check the manifest's schema and every bundled file against its hash, and every model card against its entry."""
    from ganzoo import card

    failed = 0
    for name, entry in manifest.official().models.items():
        problem = None
        try:
            hub.pull(name)
            path = manifest.bundled(name) / card.CARD
            if path.read_text("utf-8") != card.render(name, entry):
                problem = "its card does not follow from its entry (ganzoo manifest cards)"
        except (GanzooError, OSError) as error:
            problem = str(error)
        failed += problem is not None
        output.data(f"{'ok    ' if problem is None else 'FAILED'} {name}" + (f": {problem}" if problem else ""))
    if failed:
        raise typer.Exit(1)


@app.command("cards")
def cards() -> None:
    """Write anew every model card that does not follow from its manifest entry."""
    from ganzoo import bundle

    for name in bundle.refresh_cards():
        output.data(name)


@app.command("schema")
def schema() -> None:
    """The JSON schema of a weights manifest."""
    output.json(manifest.schema())
