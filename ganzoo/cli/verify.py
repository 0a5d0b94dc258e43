"""`ganzoo verify`: does a model give on this machine what it gave when it was published?"""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli import output
from ganzoo.errors import UsageError


def command(
    names: Annotated[list[str] | None, typer.Argument(help="Models of `ganzoo list`.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every known model.")] = False,
) -> None:
    """Compare models with their golden samples: hashes, loading, eval mode and normalisation in one."""
    from ganzoo.zoo import manifest

    if bool(names) == all_:
        raise UsageError("give names of models, or --all")
    for name in names or []:
        manifest.get_entry(name)
    failed = [name for name in names or manifest.list_models() if not _verify(name)]
    if failed:
        output.say(f"{len(failed)} failed")
        raise typer.Exit(1)


def _verify(name: str) -> bool:
    from ganzoo.release.verification import verify_model

    verdict = verify_model(name)
    figures = f"mean {verdict.mean:.3f}, maximum {verdict.worst:.3f} grey levels of 255"
    output.data(
        f"ok    {name}  {figures}"
        if verdict.passed
        else f"FAIL  {name}  {output.clean(verdict.detail)}"
    )
    return verdict.passed
