"""`ganzoo manifest`: for those who publish weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import output

app = typer.Typer(
    no_args_is_help=True,
    help="Add weights to the manifest, check it, print its schema (maintainers).",
)


@app.command()
def add(
    run: Annotated[Path, typer.Argument(help="A finished run folder.")],
    name: Annotated[str, typer.Argument(help="<plugin>-<tag>")],
    summary: Annotated[str, typer.Option(help="One line for `ganzoo list`.")],
    licence: Annotated[str, typer.Option(help="Licence of the weights.")],
    metrics: Annotated[
        Path | None, typer.Option(help="JSON list of {name, value, protocol, command}.")
    ] = None,
    notes: Annotated[str, typer.Option(help="Limits of the model, for its card.")] = "",
    example: Annotated[
        list[str] | None, typer.Option(help="A sentence that it draws well; may be repeated.")
    ] = None,
    fine_tune: Annotated[
        bool, typer.Option("--fine-tune", help="Keep the networks that only training needs.")
    ] = False,
) -> None:
    """Copy a finished run into weights/NAME and write its manifest entry."""
    from ganzoo.release import Description, bundle
    from ganzoo.zoo import manifest

    bundle.add_model(
        run, name, Description(summary, licence, notes, metrics, example), fine_tune=fine_tune
    )
    output.data(str(manifest.bundle_folder(name)))


@app.command()
def check() -> None:
    """Check the manifest against its schema, and every file that came with the package against its hash."""
    from ganzoo.release.verification import find_problems
    from ganzoo.zoo import manifest

    found = find_problems()
    for problem in found:
        output.data(f"FAIL  {output.clean(problem)}")
    if found:
        raise typer.Exit(1)
    output.say(f"{len(manifest.load_official().models)} models, nothing wrong")


@app.command()
def cards() -> None:
    """Write anew the model cards and the README's table where they no longer follow from the manifest."""
    from ganzoo.release import bundle

    for name in bundle.refresh_cards():
        output.data(name)


@app.command()
def schema() -> None:
    """Print the JSON schema of a manifest."""
    from ganzoo.zoo import manifest

    output.as_json(manifest.build_schema())
