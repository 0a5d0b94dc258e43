"""A file of prompts, one per line."""

from __future__ import annotations

from pathlib import Path

from ganzoo.errors import UsageError
from ganzoo.text import shorten, words

PROMPT_LIMIT = 1000
"""Most prompts in a file."""
FILE_LIMIT = 1 << 20
"""Largest file in bytes."""


def read_prompts(path: Path) -> list[str]:
    """The prompts of a UTF-8 file without its empty lines. A byte order mark is allowed.

    UsageError, with the line, for a line that is not UTF-8 or has no word.
    """
    option = f"--texts {path}"
    if path.exists() and not path.is_file():
        raise UsageError(f"{option}: not a file")
    try:
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT + 1)
        if len(data) > FILE_LIMIT:
            raise UsageError(
                f"{option}: more than {FILE_LIMIT:,} bytes; too long for a list of prompts"
            )
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{option}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        number = error.object[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{option}: line {number} is not UTF-8; save the file in that encoding"
        ) from None
    prompts = []
    for number, line in enumerate(text.split("\n"), start=1):
        prompt = line.strip()
        if prompt and not words(prompt):
            problem = f"no word in line {number}, {shorten(prompt)!r}"
            raise UsageError(f"{option}: {problem}; letters or digits are needed")
        if prompt:
            prompts.append(prompt)
    if not 0 < len(prompts) <= PROMPT_LIMIT:
        raise UsageError(
            f"{option}: {len(prompts):,} prompts; give 1 to {PROMPT_LIMIT:,}, one per line"
        )
    return prompts
