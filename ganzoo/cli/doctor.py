"""`ganzoo doctor`: problems of this installation, and how to solve them."""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli import output

CHECK_WIDTH = 14


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Examine the installation: a line per check, remedies for problems; exit code 1 on failure."""
    from ganzoo.doctor import examine

    counts = {"ok": 0, "warn": 0, "FAIL": 0}
    rows = []
    for finding in examine():
        counts[finding.state] += 1
        if as_json:
            rows.append(finding._asdict())
            continue
        check, detail = output.clean(finding.check), output.clean(finding.detail)
        output.data(f"{finding.state:<4}  {check:<{CHECK_WIDTH}}  {detail}")
        if finding.remedy:
            output.data(f"{'':<{CHECK_WIDTH + 8}}{output.clean(finding.remedy)}")
    failed, warnings = counts["FAIL"], counts["warn"]
    if as_json:
        output.as_json({"failed": failed, "warnings": warnings, "checks": rows})
    elif failed or warnings:
        output.say(f"{failed} failed, {warnings} warnings")
    else:
        output.say("no problems found")
    if failed:
        raise typer.Exit(1)
