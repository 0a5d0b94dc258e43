"""How a figure's command is told."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

PLACES = ("data", "out")
"""Options that are paths: only their last part is told, for the rest is of one machine."""
UNTOLD = ("json", "data_root")


def command(
    parser: argparse.ArgumentParser, asked: argparse.Namespace, models: Sequence[str]
) -> str:
    """With the options that are not as they are by default; `models` are the arguments without a
    name."""
    words = ["python", f"benchmarks/{parser.prog}", *(Path(model).name for model in models)]
    for name, value in vars(asked).items():
        if name in UNTOLD or name in ("model", "models") or value == parser.get_default(name):
            continue
        words += [f"--{name.replace('_', '-')}", Path(value).name if name in PLACES else str(value)]
    return " ".join(words)
