"""`ganzoo pull`."""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo import hub
from ganzoo.cli import output


def pull(name: Annotated[str, typer.Argument(help="A name from `ganzoo list`.")]) -> None:
    """Bring weights to this machine, check every file against its hash, and print their folder."""
    pulled = hub.pull(name)
    files = pulled.entry.files if pulled.entry else {}
    output.say(
        f"{pulled.name}: {len(files)} files checked, from the {pulled.origin}" if files else f"{pulled.name}: your own folder"
    )
    output.data(str(pulled.folder))
