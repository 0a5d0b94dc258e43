"""`ganzoo check`: does an architecture keep the contract of a plugin?"""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli import output
from ganzoo.errors import GanzooError, UsageError


def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Architectures of `ganzoo list`.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every installed architecture.")] = False,
) -> None:
    """Run the conformance checks: one line a check; exit code 1 when one fails."""
    from ganzoo.zoo import registry

    if bool(names) == all_:
        raise UsageError("give names of architectures, or --all")
    for name in names or []:
        registry.get(name)

    from ganzoo import testing

    failed = 0
    for name in names or registry.list_names():
        try:
            plugin = registry.get(name)
        except GanzooError as error:
            output.data(f"FAIL  {name}  {output.clean(str(error))}")
            failed += 1
            continue
        for check in testing.checks():
            result = testing.run_check(check, plugin)
            line = f"{'ok  ' if result.passed else 'FAIL'}  {name}  {result.name}"
            if not result.passed:
                line += f": {output.clean(result.detail)}"
                failed += 1
            output.data(line)
    if failed:
        output.say(f"{failed} failed")
        raise typer.Exit(1)
