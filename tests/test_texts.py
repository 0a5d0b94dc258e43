"""What no text of the project may say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOREIGN = re.compile(r"pip install(?:\s+-\S+)*\s+[\"'`]?ganzoo(?![-\w])")
"""The index name `ganzoo` belongs to somebody else's empty package."""
MACHINE = re.compile(r"(?<![\w.:/-])/(?:home|work|Users|root|tmp|mnt|scratch)/\w")

CACHES = {".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"}


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def misleading(text: str) -> set[str]:
    """Advice to install the foreign package, and paths of somebody's machine."""
    return {match[0] for pattern in (FOREIGN, MACHINE) for match in pattern.finditer(text)}


def texts() -> list[Path]:
    """Every text file that is or will be committed; of an unpacked sdist, every text file."""
    if (ROOT / ".git").exists():
        listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(
            listing, cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        paths = [ROOT / name for name in names]
    else:
        paths = sorted(path for path in ROOT.rglob("*") if not CACHES & set(path.parts))
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()]


def test_all_kinds_of_text_are_read() -> None:
    assert {"README.md", "Makefile", ".ci/run", "pyproject.toml", "ganzoo/errors.py"} <= {
        place(path) for path in texts()
    }


@pytest.mark.parametrize("path", texts(), ids=place)
def test_no_text_misleads(path: Path) -> None:
    found = misleading(path.read_text("utf-8"))
    assert not found, (
        f"{place(path)} says {sorted(found)}; the distribution is ganzoo-torch, and paths are the reader's own"
    )


INSTALL = "pip " + "install "
SLASH = "/"


@pytest.mark.parametrize(
    "name", ["ganzoo", "'ganzoo[data]'", "-U ganzoo", "--upgrade --pre ganzoo==1", "`ganzoo`"]
)
def test_advice_to_install_the_foreign_package_is_caught(name: str) -> None:
    assert misleading(INSTALL + name)


@pytest.mark.parametrize(
    "name",
    ["ganzoo-torch", "'ganzoo-torch[data]'", "ganzoo-yourgan", "./ganzoo-example", "-e . # ganzoo"],
)
def test_advice_to_install_ours_is_not(name: str) -> None:
    assert not misleading(INSTALL + name)


@pytest.mark.parametrize("folder", ["home", "work", "Users", "root", "tmp"])
def test_paths_of_a_machine_are_caught(folder: str) -> None:
    assert misleading(f"see {SLASH}{folder}/somebody/runs")
    assert misleading(f'path = "{SLASH}{folder}/x"')
    assert not misleading(f"https:{SLASH}{SLASH}example.org{SLASH}{folder}/x and ./{folder}/x")
