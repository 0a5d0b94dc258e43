"""`ganzoo verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo import manifest
from ganzoo.cli import output
from ganzoo.errors import GanzooError, UsageError


def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Weights by name.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every bundled model.")] = False,
) -> None:
    """Prove on this machine that weights give the pictures they must: bytes, loading, eval mode, normalisation."""
    if bool(names) == all_:
        raise UsageError("name some weights, or --all")
    for name in names or []:
        manifest.entry(name)

    from ganzoo.verify import verify as prove

    failed = 0
    for name in names or list(manifest.models()):
        try:
            verdict = prove(name)
            passed, text = verdict.passed, verdict.text
        except GanzooError as error:
            passed, text = False, str(error)
        failed += not passed
        output.data(f"{'ok    ' if passed else 'FAILED'} {name}: {text}")
    if failed:
        raise typer.Exit(1)
