"""The command that repeats a measurement, for the manifest."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

PLACES = ("data", "out")
"""Options that are paths: only the last part is kept, since the rest is of one machine."""
OMITTED = ("json", "data_root")


def command(
    parser: argparse.ArgumentParser, options: argparse.Namespace, models: Sequence[str]
) -> str:
    """The command with all options that differ from their defaults; `models`: the positional
    arguments."""
    words = ["python", f"benchmarks/{parser.prog}", *(Path(model).name for model in models)]
    for name, value in vars(options).items():
        if name in OMITTED or name in ("model", "models") or value == parser.get_default(name):
            continue
        words += [f"--{name.replace('_', '-')}", Path(value).name if name in PLACES else str(value)]
    return " ".join(words)
