"""`ganzoo check`: does an architecture keep the contract?"""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli import output, started
from ganzoo.errors import GanzooError, UsageError


def command(
    names: Annotated[
        list[str] | None, typer.Argument(help="Architectures of `ganzoo list`.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every installed architecture.")] = False,
) -> None:
    """Run the conformance checks on architectures: one line a check, exit code 1 when one fails."""
    from ganzoo.zoo import registry

    if bool(names) == all_:
        raise UsageError("give names of architectures, or --all")
    for name in names or []:
        registry.get(name)
    failed = sum(_check(name) for name in names or registry.names())
    if failed:
        output.say(f"{failed} failed")
        raise typer.Exit(1)


def _check(name: str) -> int:
    """How many checks of one architecture failed; each one's line is printed when it is done."""
    from ganzoo import testing
    from ganzoo.zoo import registry

    started()
    try:
        plugin = registry.get(name)
    except GanzooError as error:
        output.data(f"FAIL  {name}  {output.clean(str(error))}")
        return 1
    failed = 0
    for check in testing.checks():
        result = testing.outcome(check, plugin)
        failed += not result.passed
        output.data(
            f"ok    {name}  {result.name}"
            if result.passed
            else f"FAIL  {name}  {result.name}: {output.clean(result.detail)}"
        )
    return failed
