"""Install the tiny plugins as a distribution, here and in every process that a test starts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TINY = str(Path(__file__).parent / "tiny")

sys.path.insert(0, TINY)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [TINY, os.environ.get("PYTHONPATH")]))
os.environ.pop("GANZOO_PLUGINS", None)
# the networks of the tests are so small that threads only wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def tmpfs() -> Iterator[Callable[[Path, str], Path]]:
    """Mount a small file system at a new folder, or skip: `tmpfs(tmp_path / "small", "600k")`."""
    mounted: list[Path] = []

    def mount(place: Path, size: str) -> Path:
        place.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        if os.geteuid() != 0 or subprocess.run(words, check=False, capture_output=True).returncode:
            pytest.skip("mounting a tmpfs needs root")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", place], check=True)
