"""`ganzoo cache`: the models that the Hub client keeps on this machine."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli import output
from ganzoo.errors import GanzooError, UsageError

if TYPE_CHECKING:
    from ganzoo.zoo.cache import Cached

app = typer.Typer(no_args_is_help=True, help="List, check and remove downloaded models.")
Names = Annotated[
    list[str] | None,
    typer.Argument(help="Weights by name, or repositories (owner/name) of `ganzoo cache list`."),
]


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the models in the cache of the Hub client."""
    from ganzoo.zoo import place

    models, unreadable = _scanned()
    if as_json:
        rows = [_plain(model) for model in models]
        output.as_json(
            {"folder": str(place.cache_folder()), "repositories": rows, "unreadable": unreadable}
        )
    elif models:
        header = ["REPOSITORY", "PLUGIN", "SIZE", "REVISION", "LAST USED", "STATE"]
        output.table(header, [_row(model) for model in models])
    else:
        output.say(f"no ganzoo models in {place.cache_folder()}")


@app.command()
def rm(
    names: Names = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every model of `ganzoo cache list`.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove models from the cache, all their revisions."""
    from ganzoo.zoo import cache

    if bool(names) == all_:
        raise UsageError("give names of cached models, or --all")
    models, _ = _scanned()
    wanted = models if all_ else cache.chosen(names or [], models)
    if not wanted:
        output.say("nothing to remove")
        return
    if not yes:
        _ask(wanted)
    freed, left = cache.remove(wanted)
    for model in wanted:
        if model not in left:
            output.data(model.repository)
    output.say(f"{output.size(freed)} freed ({freed:,} bytes)")
    if left:
        raise GanzooError(
            f"{', '.join(m.repository for m in left)}: not removed in full; is {left[0].folder} yours to write?"
        )


@app.command()
def verify(names: Names = None) -> None:
    """Compare cached files with their sha256; exit code 1 when one is broken."""
    from ganzoo.zoo import cache

    models, unreadable = _scanned()
    broken = [
        model.repository
        for model in (cache.chosen(names, models) if names else models)
        if not _verify(model)
    ]
    if broken:
        output.say(
            f"{len(broken)} broken; remove and pull again: ganzoo cache rm {' '.join(broken)}"
        )
        raise typer.Exit(1)
    if not models and not unreadable:
        output.say("no ganzoo models in the cache")


def _verify(model: Cached) -> bool:
    from ganzoo.zoo import cache

    verdict = cache.verify(model)
    for fault in verdict.faults:
        output.data(f"FAIL  {model.repository}  {output.clean(fault)}")
    if not verdict.faults:
        unknown = f", {verdict.unknown} without a known hash" if verdict.unknown else ""
        output.data(f"ok    {model.repository}  {verdict.checked} files checked{unknown}")
    return not verdict.faults


def _scanned() -> tuple[list[Cached], dict[str, str]]:
    from ganzoo.zoo import cache

    models, unreadable = cache.scan()
    for repository, reason in unreadable.items():
        output.say(output.clean(f"{repository}: cannot be looked into ({reason})"))
    return models, unreadable


def _ask(models: list[Cached]) -> None:
    if not sys.stdin.isatty():
        raise UsageError("nothing was removed: nobody can be asked here, so --yes is needed")
    for model in models:
        output.say(output.clean(f"{model.repository}, {output.size(model.bytes)}"))
    if not typer.confirm(f"Remove {len(models)} from the cache?", err=True):
        output.say("nothing was removed")
        raise typer.Exit(1)


def _row(model: Cached) -> list[str]:
    revisions = ", ".join(
        commit[:8] + (f" ({' '.join(refs)})" if refs else "")
        for commit, refs in model.revisions.items()
    )
    return [
        model.repository,
        model.plugin,
        output.size(model.bytes),
        revisions,
        _day(model),
        _state(model),
    ]


def _state(model: Cached) -> str:
    unfinished = (
        f"unfinished downloads, {output.size(model.unfinished)}" if model.unfinished else ""
    )
    return "; ".join(filter(None, [model.problem, unfinished])) or "whole"


def _day(model: Cached) -> str:
    return datetime.fromtimestamp(model.used).date().isoformat()


def _plain(model: Cached) -> dict[str, Any]:
    return {
        "repository": model.repository,
        "names": model.names,
        "plugin": model.plugin,
        "bytes": model.bytes,
        "revisions": model.revisions,
        "used": _day(model),
        "unfinished": model.unfinished,
        "problem": model.problem,
    }
