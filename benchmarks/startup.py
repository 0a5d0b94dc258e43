"""Start-up times: commands against an empty typer application, a cold sample against `import
torch`; in turn, medians.

python benchmarks/startup.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

EMPTY = """import typer
app = typer.Typer()
@app.command()
def one(): pass
@app.command()
def two(): pass
app()
"""
ROUNDS = 11
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An environment in which Python keeps what it compiled, as it does for whoever installs the
package."""


def seconds(command: list[str], cwd: str) -> float:
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True, cwd=cwd, env=COMPILED)
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "empty.py").write_text(EMPTY)
        empty, ours = (
            [sys.executable, "empty.py"],
            [sys.executable, "-c", "from ganzoo.cli.app import main; main()"],
        )
        pairs = {
            "list": ([*ours, "list"], [*empty, "one"], 2.0),
            "info dcgan": ([*ours, "info", "dcgan"], [*empty, "one"], 2.0),
            "info dcgan-mnist": ([*ours, "info", "dcgan-mnist"], [*empty, "one"], 2.0),
            "--help": ([*ours, "--help"], [*empty, "--help"], 2.0),
            "sample --help": ([*ours, "sample", "--help"], [*empty, "one", "--help"], 2.0),
            "sample (64 images, cold)": (
                [*ours, "sample", "--seed", "0", "--force"],
                [sys.executable, "-c", "import torch"],
                1.3,
            ),
        }
        print(f"{'command':<26}{'ours':>8}{'base':>8}{'ratio':>8}{'bar':>6}")
        for name, (command, base, bar) in pairs.items():
            seconds(command, folder), seconds(base, folder)
            times = [(seconds(command, folder), seconds(base, folder)) for _ in range(ROUNDS)]
            ratio = median(a / b for a, b in times)
            first, second = (median(column) for column in zip(*times, strict=True))
            print(f"{name:<26}{first:>7.2f}s{second:>7.2f}s{ratio:>8.2f}{bar:>6}")


if __name__ == "__main__":
    main()
