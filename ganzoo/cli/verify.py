"""`ganzoo verify`: does a model give on this machine what it gave when it was published?"""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli import output
from ganzoo.errors import UsageError


def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Models of `ganzoo list`.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every known model.")] = False,
) -> None:
    """Compare models with their golden samples: hashes, loading, eval mode and normalisation in one."""
    from ganzoo.zoo import manifest

    if bool(names) == all_:
        raise UsageError("give names of models, or --all")
    for name in names or []:
        manifest.get_entry(name)

    from ganzoo.release.verification import verify_model

    failed = 0
    for name in names or manifest.list_models():
        verdict = verify_model(name)
        if verdict.passed:
            figures = f"mean {verdict.mean:.3f}, maximum {verdict.worst:.3f} grey levels of 255"
            output.data(f"ok    {name}  {figures}")
        else:
            failed += 1
            output.data(f"FAIL  {name}  {output.clean(verdict.detail)}")
    if failed:
        output.say(f"{failed} failed")
        raise typer.Exit(1)
