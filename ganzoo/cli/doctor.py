"""`ganzoo doctor`: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli import output

WIDTH = 14


def command(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Examine the installation: one line a check, with a remedy where something is wrong; exit code 1 when a check fails."""
    from ganzoo import doctor

    found = []
    for finding in doctor.examine():
        found.append(finding)
        if not as_json:
            output.data(
                f"{finding.state:<4}  {output.clean(finding.check):<{WIDTH}}  {output.clean(finding.detail)}"
            )
            if finding.remedy:
                output.data(f"{'':<{WIDTH + 8}}{output.clean(finding.remedy)}")
    failed, warned = (
        sum(finding.state == state for finding in found) for state in ("FAIL", "warn")
    )
    if as_json:
        output.as_json(
            {
                "failed": failed,
                "warnings": warned,
                "checks": [finding._asdict() for finding in found],
            }
        )
    else:
        output.say(f"{failed} failed, {warned} warnings" if failed or warned else "nothing wrong")
    if failed:
        raise typer.Exit(1)
