"""`ganzoo pull`: download a model's files and check every hash."""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli import output

ORIGINS = {
    "bundle": "came with the package",
    "cache": "from the cache",
    "folder": "a local folder, no hashes to check",
    "hub": "fetched from the Hub",
}


def pull(
    name: Annotated[
        str,
        typer.Argument(
            help="A model of `ganzoo list`, or a Hub repository: owner/name[@revision]."
        ),
    ],
    training: Annotated[
        bool, typer.Option("--training", help="Include the networks that fine-tuning needs.")
    ] = False,
) -> None:
    """Download a model's files if needed, check them, and print their folder."""
    from ganzoo.cli.progress import show_transfers
    from ganzoo.zoo.pull import pull

    with show_transfers() as progress:
        pulled = pull(name, refresh=True, training=training, progress=progress)
    where = f", commit {pulled.commit[:12]}" if pulled.commit else ""
    checked = f", {pulled.files} files checked" if pulled.files else ""
    output.say(f"{pulled.name}: {ORIGINS[pulled.origin]}{where}{checked}")
    if pulled.note:
        output.say(output.clean(pulled.note))
    output.data(str(pulled.folder))
