"""What becomes of memory that a step frees: kept for the next step, where the C library would give it back to the system.

A step frees its maps, and the next one asks for them again. glibc takes large ones from the system each time, which hands them
out page by page and wiped: on a CPU that can cost a third of a step."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
"""Of mallopt(3)."""
ALWAYS_KEPT = {MMAP_MAX: 0, TRIM_THRESHOLD: 2**31 - 1}
USUAL = {MMAP_MAX: 65_536, MMAP_THRESHOLD: 2**25, TRIM_THRESHOLD: 2**26}
"""What glibc comes to by itself in a process that has freed something large."""


@contextmanager
def kept() -> Iterator[None]:
    """Memory freed in here stays with the process, all of it up to the end; then the system gets it back. Elsewhere than on
    Linux with glibc nothing changes."""
    library = _glibc()
    if library is None:
        yield
        return
    _set(library, ALWAYS_KEPT)
    try:
        yield
    finally:
        _set(library, USUAL)
        library.malloc_trim(0)


def _set(library: Any, options: dict[int, int]) -> None:
    for option, value in options.items():
        library.mallopt(option, value)


@cache
def _glibc() -> Any:
    """The C library of this process, or None where it is another."""
    if platform.libc_ver()[0] != "glibc":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
