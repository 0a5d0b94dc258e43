"""`ganzoo check`."""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo import registry
from ganzoo.cli import output


def check(
    names: Annotated[list[str] | None, typer.Argument(help="Plugins; none: every installed one.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only what fails.")] = False,
) -> None:
    """Run the conformance checks that every architecture must pass."""
    chosen = names or registry.names()
    for name in chosen:
        registry.get(name)

    from ganzoo.testing import run

    failed = 0
    for name in chosen:
        for result in run(name):
            failed += not result.passed
            if not (quiet and result.passed):
                mark = "ok    " if result.passed else "FAILED"
                output.data(f"{mark} {name}: {result.name}" + ("" if result.passed else f": {result.detail}"))
    output.say(f"{failed} checks failed" if failed else f"all checks passed for {', '.join(chosen)}")
    if failed:
        raise typer.Exit(1)
