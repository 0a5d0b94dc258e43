"""`ganzoo export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import output


def export(
    model: Annotated[str, typer.Argument(help="Weights by name, or a folder (./runs/x).")],
    kind: Annotated[str, typer.Option("--format", help="onnx or torch-export.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="x.onnx or x.pt2.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Export the sampling of a model to ONNX or torch.export, compare the two; print where."""
    from ganzoo.cli.progress import show_transfers
    from ganzoo.porting import export as work
    from ganzoo.sampling.model import Model

    work.check_export(out, kind, force)
    with show_transfers() as progress:
        loaded = Model.load(model, device="cpu", precision="fp32", progress=progress)
    made = work.export_program(loaded, out, kind, force=force)
    if as_json:
        facts = {
            "inputs": made.inputs,
            "outputs": made.outputs,
            "difference": made.difference,
            "allowed": made.allowed,
        }
        output.as_json({"path": str(made.path), "format": kind, **facts})
        return
    inputs, outputs = ", ".join(made.inputs), ", ".join(made.outputs)
    output.say(f"inputs {inputs}; outputs {outputs}; any number of rows, float32")
    output.say(
        f"largest difference from the model {made.difference:.2g} on fresh rows, "
        f"{made.allowed:.2g} is allowed"
    )
    output.data(str(made.path))
