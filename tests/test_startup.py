"""Commands that compute nothing import nothing heavy and start quickly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

HEAVY = [
    "torch",
    "numpy",
    "torchvision",
    "huggingface_hub",
    "pydantic",
    "PIL",
    "matplotlib",
    "accelerate",
    "safetensors",
]
COMMANDS = (
    *(["list"], ["list", "--json"], ["info", "dcgan"], ["info", "dcgan-mnist"], ["--version"]),
    *(["--help"], ["sample", "--help"], ["train", "--help"]),
)
PROBE = """
import atexit, json, sys
found = lambda: [n for n in {heavy} if n in sys.modules]
atexit.register(lambda: print(json.dumps(found()), file=sys.stderr))
sys.argv = ["ganzoo", *{arguments}]
from ganzoo.cli.app import main
main()
"""
EMPTY = """
import typer
app = typer.Typer()
@app.command()
def one() -> None: pass
@app.command()
def two() -> None: pass
app()
"""
OURS = "from ganzoo.cli.app import main\nmain()\n"
BAR = 2.0
ROUNDS, MORE = 9, 27
"""Rounds, and further ones if the ratio is within NOISE of the bar."""
NOISE = 0.2
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An environment in which Python caches bytecode, as for an installed package."""


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_nothing_heavy_is_imported(arguments: list[str], tmp_path: Path) -> None:
    code = PROBE.format(heavy=HEAVY, arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert json.loads(done.stderr.splitlines()[-1]) == []
    assert done.stdout


def seconds(*command: object) -> float:
    """CPU seconds of a process: wall time depends on the load of the machine."""
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=COMPILED,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize(
    ("ours", "empty"),
    [
        (["list"], ["one"]),
        (["info", "dcgan"], ["one"]),
        (["info", "dcgan-mnist"], ["one"]),
        (["--help"], ["--help"]),
        (["sample", "--help"], ["one", "--help"]),
    ],
    ids=" ".join,
)
def test_twice_an_empty_application_at_most(
    ours: list[str], empty: list[str], tmp_path: Path
) -> None:
    (tmp_path / "empty.py").write_text(EMPTY)
    (tmp_path / "ours.py").write_text(OURS)
    ratios: list[float] = []

    def measure(rounds: int) -> float:
        for _ in range(rounds):
            base = seconds(sys.executable, tmp_path / "empty.py", *empty)
            ratios.append(seconds(sys.executable, tmp_path / "ours.py", *ours) / base)
        return median(ratios)

    measure(1)
    ratios.clear()
    ratio = measure(ROUNDS)
    if abs(ratio - BAR) < NOISE:
        ratio = measure(MORE)
    assert ratio <= BAR, (
        f"{ratio:.2f} times an empty application in {len(ratios)} rounds; see benchmarks/startup.py"
    )
