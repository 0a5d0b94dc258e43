"""What a check of the installation reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from ganzoo.extensions import OWN_DISTRIBUTION

REINSTALL = f"pip install --force-reinstall --no-deps {OWN_DISTRIBUTION}"


class Finding(NamedTuple):
    """One line of the report. "FAIL" and "warn" carry a `remedy`."""

    check: str
    state: Literal["ok", "warn", "FAIL"]
    detail: str
    remedy: str = ""


InstallCheck = Callable[[], Iterator[Finding]]


def describe_error(error: Exception) -> str:
    """Type and first line of an error."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"
