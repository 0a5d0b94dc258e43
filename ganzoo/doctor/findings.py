"""What a check of the installation reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

DISTRIBUTION = "ganzoo-torch"
REINSTALL = f"pip install --force-reinstall --no-deps {DISTRIBUTION}"


class Finding(NamedTuple):
    """One line of the report. "FAIL" and "warn" carry a `remedy`."""

    check: str
    state: Literal["ok", "warn", "FAIL"]
    detail: str
    remedy: str = ""


Check = Callable[[], Iterator[Finding]]


def describe_error(error: Exception) -> str:
    """Type and first line of an error."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"
