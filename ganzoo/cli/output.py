"""The only place that prints. stdout is data, stderr is talk. Light: no torch, no rich."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

GAP = "  "


def data(text: str) -> None:
    """A line of the result."""
    print(text)


def say(text: str) -> None:
    """A line of talk."""
    print(text, file=sys.stderr, flush=True)


def error(text: str) -> None:
    """What went wrong, in one line."""
    say(f"ganzoo: {clean(text)}")


def as_json(value: Any) -> None:
    """Structs, dicts and lists as indented JSON."""
    import msgspec

    data(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns; in a terminal the last one is cut to its width."""
    lines = [header, *[[clean(cell) for cell in row] for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header) - 1)]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines:
        start = "".join(cell.ljust(width) + GAP for cell, width in zip(line, widths, strict=False))
        data(_cut(start + line[-1], room).rstrip())


def outline(facts: Mapping[str, Any]) -> None:
    """Facts as `name  value` lines; a group of facts is indented under its name."""
    for line in _outlined(facts):
        data(line)


def size(count: int) -> str:
    """Bytes for a reader: 512 B, 4.2 MB."""
    number, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            break
        number /= 1000
    return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"


def clean(text: str) -> str:
    """Text from outside on one line, with control characters (a terminal's commands among them) spelled out."""
    text = " ".join(text.split())
    return (
        text
        if text.isprintable()
        else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    )


def _outlined(facts: Mapping[str, Any]) -> Iterator[str]:
    plain = [name for name, value in facts.items() if not _is_group(value)]
    width = max(map(len, plain), default=0)
    for name, value in facts.items():
        if not _is_group(value):
            yield f"{name.ljust(width)}{GAP}{_words(value)}".rstrip()
            continue
        yield f"{name}:"
        members = (
            value
            if isinstance(value, Mapping)
            else {str(number): item for number, item in enumerate(value, start=1)}
        )
        yield from (f"{GAP}{line}" for line in _outlined(members))


def _is_group(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value)


def _words(value: Any) -> str:
    if value is None or value in ({}, [], ()):
        return "-"
    if isinstance(value, (list, tuple)):
        shown = ", ".join(clean(str(item)) for item in value[:12])
        return f"{shown}, ... ({len(value)} in all)" if len(value) > 12 else shown
    return clean(str(value)) if not isinstance(value, bool) else str(value).lower()


def _cut(text: str, room: int | None) -> str:
    return text if room is None or len(text) <= room else text[: max(1, room - 3)] + "..."
