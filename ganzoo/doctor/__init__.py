"""Findings about an installation, one by one. Light: torch is started inside a check, and may be missing or broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from ganzoo.errors import GanzooError

OURS = "ganzoo-torch"
REINSTALL = f"pip install --force-reinstall --no-deps {OURS}"


class Finding(NamedTuple):
    """`FAIL`: something is broken; `warn`: something may hurt; both with what to do."""

    check: str
    state: Literal["ok", "warn", "FAIL"]
    detail: str
    remedy: str = ""


Check = Callable[[], Iterator[Finding]]


def examine() -> Iterator[Finding]:
    """Every check in order; one that crashes is a finding too."""
    from ganzoo.doctor import install, machine, zoo

    for name, check in {**install.CHECKS, **machine.CHECKS, **zoo.CHECKS}.items():
        try:
            yield from check()
        except GanzooError as error:
            yield Finding(name, "FAIL", str(error))
        except Exception as error:  # a doctor goes on
            yield Finding(
                name,
                "FAIL",
                f"could not be examined: {reason(error)}",
                f"if nothing else is wrong: {REINSTALL}",
            )


def reason(error: Exception) -> str:
    """Kind and first line of an error."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"
