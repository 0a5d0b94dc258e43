"""Printing: data to stdout, messages to stderr. Light: no torch, no rich."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

GAP = "  "


def data(text: str) -> None:
    """Print a line of the result to stdout."""
    print(text)


def say(text: str) -> None:
    """Print a message to stderr."""
    print(text, file=sys.stderr, flush=True)


def error(text: str) -> None:
    """Print an error in one line."""
    say(f"ganzoo: {clean(text)}")


def as_json(value: Any) -> None:
    """Print structs, dicts and lists as indented JSON."""
    import msgspec

    data(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns; in a terminal the last one is cut to its width."""
    lines = [header, *[[clean(cell) for cell in row] for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header) - 1)]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines:
        start = "".join(cell.ljust(width) + GAP for cell, width in zip(line, widths, strict=False))
        text = start + line[-1]
        if room is not None and len(text) > room:
            text = text[: max(1, room - 3)] + "..."
        data(text.rstrip())


def outline(facts: Mapping[str, Any]) -> None:
    """Print facts as `name  value` lines; a group of facts is indented under its name."""
    for line in format_outline(facts):
        data(line)


def size(count: int) -> str:
    """A number of bytes for a reader: 512 B, 4.2 MB."""
    number, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            break
        number /= 1000
    return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"


def clean(text: str) -> str:
    """Text from outside on one line, with control characters (such as a terminal's) escaped."""
    text = " ".join(text.split())
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def format_outline(facts: Mapping[str, Any]) -> Iterator[str]:
    """The lines of `outline`."""
    plain = [name for name, value in facts.items() if not is_group(value)]
    width = max(map(len, plain), default=0)
    for name, value in facts.items():
        if is_group(value):
            yield f"{name}:"
            if not isinstance(value, Mapping):
                value = {str(number): item for number, item in enumerate(value, start=1)}
            for line in format_outline(value):
                yield f"{GAP}{line}"
            continue
        text = clean(str(value))
        if value is None or value in ({}, [], ()):
            text = "-"
        elif isinstance(value, (list, tuple)):
            text = ", ".join(clean(str(item)) for item in value[:12])
            text += f", ... ({len(value)} in all)" if len(value) > 12 else ""
        elif isinstance(value, bool):
            text = text.lower()
        yield f"{name.ljust(width)}{GAP}{text}".rstrip()


def is_group(value: Any) -> bool:
    """Whether a value is printed as an indented group."""
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value)
