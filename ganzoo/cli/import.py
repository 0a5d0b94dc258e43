"""`ganzoo import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganzoo.cli import output
from ganzoo.config import assignments

if TYPE_CHECKING:
    from ganzoo.porting.conversion import Conversion


def import_(
    files: Annotated[
        list[Path], typer.Argument(help="Old checkpoints: .pth, .pt, .ckpt, .safetensors.")
    ],
    plugin: Annotated[
        str, typer.Option("--as", help="The architecture that holds them (ganzoo list).")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model's folder.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting that the file does not tell: name=value."),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", help="A network or tensor of the file to leave out."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite a model that is there.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Make a model of an old checkpoint, whole or not at all; prints which name became which. Opens no pickle that could run."""
    changes = assignments(set_ or [])

    from ganzoo.porting import conversion, folder

    folder.check_folder(out, force)
    made = conversion.converted(files, plugin, changes, drop or [])
    folder.write(made, out, force=force)
    _tell(made, out, as_json)


def _tell(made: Conversion, out: Path, as_json: bool) -> None:
    from ganzoo.config import plain

    if as_json:
        facts = {
            "plugin": made.plugin.name,
            "layout": made.layout.source,
            "config": plain(made.config),
        }
        output.as_json(
            {**facts, "map": made.rows, "dropped": made.dropped, "silent": made.layout.silent}
        )
    else:
        shown = [
            [row.old or "(zeros)", row.new, " x ".join(map(str, row.shape)) or "one number"]
            for row in made.rows
        ]
        output.table(["old", "new", "shape"], shown)
    output.say(f"recognised as {made.layout.source}")
    for line in made.dropped:
        output.say(f"left out: {output.clean(line)}")
    told = ", ".join(f"{name}={plain(getattr(made.config, name))}" for name in made.layout.silent)
    output.say(
        f"activations, strides and epsilons stand in no file and are taken to be the plugin's{f': {told}' if told else ''}"
    )
    where = str(out) if out.is_absolute() else f"./{out}"
    output.say(f"written to {out}; next: ganzoo sample {where}")


command = import_
