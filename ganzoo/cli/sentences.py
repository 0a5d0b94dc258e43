"""A file of sentences, one a line."""

from __future__ import annotations

from pathlib import Path

from ganzoo.errors import UsageError
from ganzoo.text import shortened, words

MOST = 1000
"""Sentences of a file."""
BYTES = 1 << 20


def read(path: Path) -> list[str]:
    """The sentences of a UTF-8 file; empty lines, a byte order mark and either kind of line end are nothing.

    UsageError, with the line, for what cannot be read as such."""
    try:
        text = _bytes(path).decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"--texts {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        place = error.object[: error.start].count(b"\n") + 1
        raise UsageError(
            f"--texts {path}: line {place} is not UTF-8; save the file in that encoding"
        ) from None
    lines = {
        number: line.strip()
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    }
    for number, line in lines.items():
        if not words(line):
            raise UsageError(
                f"--texts {path}: no word in line {number}, {shortened(line)!r}; letters or digits are needed"
            )
    if not 0 < len(lines) <= MOST:
        raise UsageError(
            f"--texts {path}: {len(lines):,} sentences; 1 to {MOST:,} are needed, one a line"
        )
    return list(lines.values())


def _bytes(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise UsageError(f"--texts {path}: not a file")
    with path.open("rb") as file:
        found = file.read(BYTES + 1)
    if len(found) > BYTES:
        raise UsageError(
            f"--texts {path}: more than {BYTES:,} bytes; that is no list of {MOST:,} sentences"
        )
    return found
