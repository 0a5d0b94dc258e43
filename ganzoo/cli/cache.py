"""`ganzoo cache`: models in the Hub client's cache."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from ganzoo.cli import output

app = typer.Typer(
    no_args_is_help=True,
    help="List cached models. `hf cache rm model/OWNER/NAME` removes one, `ganzoo pull NAME` "
    "checks its hashes, and `hf cache verify OWNER/NAME` compares it with the Hub.",
)


@app.callback()
def cache() -> None:
    pass  # with a single command, typer would drop its name


@app.command("list")
def list_cache(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the models in the Hub client's cache."""
    from ganzoo.zoo import cache

    folder = cache.cache_folder()
    models, unreadable = cache.scan()
    for repository, reason in unreadable.items():
        output.say(output.clean(f"{repository}: cannot be read ({reason})"))
    described, rows = [], []
    for model in models:
        used = datetime.fromtimestamp(model.used).date().isoformat()
        described.append(
            {
                "repository": model.repository,
                "names": model.names,
                "plugin": model.plugin,
                "bytes": model.bytes,
                "revisions": model.revisions,
                "used": used,
                "unfinished": model.unfinished,
                "problem": model.problem,
            }
        )
        revisions = []
        for commit, refs in model.revisions.items():
            revisions.append(commit[:8] + (f" ({' '.join(refs)})" if refs else ""))
        problems = [model.problem] if model.problem else []
        if model.unfinished:
            problems.append(f"partial downloads, {output.size(model.unfinished)}")
        rows.append(
            [
                model.repository,
                model.plugin,
                output.size(model.bytes),
                ", ".join(revisions),
                used,
                "; ".join(problems) or "complete",
            ]
        )
    if as_json:
        output.as_json({"folder": str(folder), "repositories": described, "unreadable": unreadable})
    elif models:
        output.table(["REPOSITORY", "PLUGIN", "SIZE", "REVISION", "LAST USED", "STATE"], rows)
    else:
        output.say(f"no ganzoo models in {folder}")
