"""All printing: stdout is data, stderr is talk."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import Any


def data(text: str) -> None:
    """A line of the answer."""
    print(text, flush=True)


def json(value: Any) -> None:
    """The answer for programs."""
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode(), flush=True)


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def error(text: str) -> None:
    """What went wrong, on one line."""
    say("ganzoo: " + " ".join(text.split()))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns; the last one is cut to the terminal's width, never when piped."""
    if not rows:
        return
    lines = [list(heads), *[list(row) for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    for line in lines:
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        data(text if len(text) <= room else text[: room - 1] + "…")


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 2**20:.1f} MB" if count >= 2**20 else f"{count / 2**10:.0f} kB"
