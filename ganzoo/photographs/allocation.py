"""What becomes of memory that one piece of work frees: kept for the next, where the C library would give it back to the system.

Each layer frees its maps, and the next one asks for as much again. glibc takes large blocks from the system each time, which
hands them out page by page and wiped: of the tiles of a photograph, whose maps are larger than any in training, that can cost
a fifth of the time."""

from __future__ import annotations

import ctypes
import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
"""Of mallopt(3)."""
KEEPING = {MMAP_MAX: 0, TRIM_THRESHOLD: -1}
USUAL = {MMAP_MAX: 65_536, MMAP_THRESHOLD: 2**25, TRIM_THRESHOLD: 2**26}
"""What glibc comes to by itself in a process that has freed something large."""
TOLD = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_TOP_PAD_")
_lock, _inside = threading.Lock(), 0


@contextmanager
def kept() -> Iterator[None]:
    """Memory that the main thread frees in here stays with the process up to the end of the outermost of these; then the system
    gets it back. Nothing changes elsewhere than on Linux with glibc, and where the user has told it what to do (mallopt(3))."""
    _enter(+1)
    try:
        yield
    finally:
        _enter(-1)


def _enter(step: int) -> None:
    """One more, or one less, that wants memory to be kept: the setting is one for the whole process."""
    global _inside
    library = _glibc()
    with _lock:
        before, _inside = _inside, _inside + step
        if library is None or (before > 0) == (_inside > 0):
            return
        for option, value in (KEEPING if _inside else USUAL).items():
            library.mallopt(option, value)
        if not _inside:
            library.malloc_trim(0)


@cache
def _glibc() -> Any:
    """The C library of this process, or None where it is another, or does as the user says."""
    told = "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "") or any(
        name in os.environ for name in TOLD
    )
    if told or platform.libc_ver()[0] != "glibc":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
