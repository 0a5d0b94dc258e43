"""`ganzoo pull`: a model's files, every hash checked."""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli import output

ORIGINS = {
    "bundle": "came with the package", "cache": "from the cache", "folder": "a folder of yours, no hashes to check",
    "hub": "fetched from the Hub",
}  # fmt: skip


def pull(
    name: Annotated[
        str,
        typer.Argument(
            help="A model of `ganzoo list`, or a repository of the Hub: owner/name[@revision]."
        ),
    ],
    training: Annotated[
        bool, typer.Option("--training", help="Also the networks that only fine-tuning needs.")
    ] = False,
) -> None:
    """Fetch a model's files if they are not here yet, check them, and print the folder they lie in."""
    from ganzoo.cli.progress import show_transfers
    from ganzoo.zoo import source

    with show_transfers() as progress:
        pulled = source.pull(name, refresh=True, training=training, progress=progress)
    where = f", commit {pulled.commit[:12]}" if pulled.commit else ""
    checked = f", {pulled.files} files checked" if pulled.files else ""
    output.say(f"{pulled.name}: {ORIGINS[pulled.origin]}{where}{checked}")
    if pulled.note:
        output.say(output.clean(pulled.note))
    output.data(str(pulled.folder))


command = pull
