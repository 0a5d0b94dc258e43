"""Keep freed memory in the process, where the C library would return it to the system.

Each layer frees its maps and the next one asks for as much again. glibc takes large blocks from the
system each time, which clears them page by page: for the large maps of a photograph's tiles that
costs a sixth to a fifth of the CPU time."""

from __future__ import annotations

import ctypes
import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

# parameters of mallopt(3)
TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
KEEPING = {MMAP_MAX: 0, TRIM_THRESHOLD: -1}
DEFAULTS = {MMAP_MAX: 65_536, MMAP_THRESHOLD: 2**25, TRIM_THRESHOLD: 2**26}
"""The thresholds that glibc reaches by itself once a process has freed something large."""
MALLOC_VARIABLES = (
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_MMAP_MAX_",
    "MALLOC_TOP_PAD_",
)
_lock = threading.Lock()
_users = 0


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Keep memory that the main thread frees, until the outermost of these contexts ends.

    Does nothing without glibc, or where the user has set its malloc options (mallopt(3))."""
    _change_users(+1)
    try:
        yield
    finally:
        _change_users(-1)


def _change_users(step: int) -> None:
    """Count those that need memory kept: the option is one for the whole process."""
    global _users
    library = _load_glibc()
    with _lock:
        before, _users = _users, _users + step
        if library is None or (before > 0) == (_users > 0):
            return
        for option, value in (KEEPING if _users else DEFAULTS).items():
            library.mallopt(option, value)
        if not _users:
            library.malloc_trim(0)


@cache
def _load_glibc() -> Any:
    """The C library; None where it is not glibc or the user has set its malloc options."""
    if platform.libc_ver()[0] != "glibc" or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return None
    if any(name in os.environ for name in MALLOC_VARIABLES):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
