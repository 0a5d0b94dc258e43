"""What the process holds, as the system counts it."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from ganzoo.photographs import allocation

def held():
    return int(open("/proc/self/statm").read().split()[1]) * {page} >> 20

def after_a_block():
    block = bytearray(200 << 20)
    del block
    return held()

before = held()
print(after_a_block() - before)
with allocation.keep_freed_memory():
    print(after_a_block() - before)
    with allocation.keep_freed_memory():
        pass
    print(held() - before)
print(held() - before)
print(after_a_block() - before)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or not Path("/proc/self/statm").exists(),
    reason="Linux with glibc alone",
)
def test_memory_is_kept_inside_and_given_back_afterwards() -> None:
    program = PROGRAM.format(page=resource.getpagesize())
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    before, inside, still, behind, later = map(int, done.stdout.split())
    assert min(inside, still) >= 200
    assert max(before, behind, later) < 20
