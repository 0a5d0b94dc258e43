"""`ganzoo pull`: a model's files, every hash checked."""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli import output

ORIGINS = {"bundle": "came with the package", "folder": "a folder of yours, no hashes to check"}


def command(name: Annotated[str, typer.Argument(help="A model of `ganzoo list`.")]) -> None:
    """Check a model's files and print the folder they lie in."""
    from ganzoo import hub

    pulled = hub.pull(name)
    files = f", {len(pulled.entry.files)} files checked" if pulled.entry else ""
    output.say(f"{pulled.name}: {ORIGINS.get(pulled.origin, pulled.origin)}{files}")
    output.data(str(pulled.folder))
