"""`ganzoo import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import output
from ganzoo.config import assignments, plain


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
        typer.Option("--set", help="A setting that the file does not show: name=value."),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", help="A network or tensor of the file to leave out."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing model.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Convert an old checkpoint to a model and print the mapped names. No code in it runs."""
    changes = assignments(set_ or [])

    from ganzoo.porting import conversion, folder

    folder.check_model_folder(out, force)
    converted = conversion.convert_checkpoints(files, plugin, changes, drop or [])
    folder.write_model(converted, out, force=force)
    layout = converted.layout
    if as_json:
        output.as_json(
            {
                "plugin": converted.plugin.name,
                "layout": layout.source,
                "config": plain(converted.config),
                "map": converted.rows,
                "dropped": converted.dropped,
                "silent": layout.silent,
            }
        )
    else:
        table = [
            [row.old or "(zeros)", row.new, " x ".join(map(str, row.shape)) or "one number"]
            for row in converted.rows
        ]
        output.table(["old", "new", "shape"], table)
    output.say(f"recognised as {layout.source}")
    for line in converted.dropped:
        output.say(f"left out: {output.clean(line)}")
    settings = [f"{name}={plain(getattr(converted.config, name))}" for name in layout.silent]
    assumed = f": {', '.join(settings)}" if settings else ""
    output.say(
        "activations, strides and epsilons are not in the file; the plugin's are assumed" + assumed
    )
    where = str(out) if out.is_absolute() else f"./{out}"
    output.say(f"written to {out}; next: ganzoo sample {where}")
