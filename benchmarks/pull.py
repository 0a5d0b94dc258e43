"""`ganzoo pull`, its checks included, against `hf download` of the same files; and a cached, pinned
model against a typer application that hashes the same bytes. In turn, medians; the Hub is a process
on loopback.

python benchmarks/pull.py
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
SIZE = 60_000_000
ROUNDS = 9
FILES = ("config.json", "model.safetensors")
EMPTY = """
import sys, hashlib, typer
app = typer.Typer()
@app.command()
def one(files: list[str]):
    for file in files:
        with open(file, "rb") as opened:
            print(hashlib.file_digest(opened, "sha256").hexdigest())
@app.command()
def two(): pass
app()
"""


def make(folder: Path) -> None:
    """A model of SIZE bytes that can be pulled."""
    header = json.dumps(
        {"generator.weight": {"dtype": "U8", "shape": [SIZE], "data_offsets": [0, SIZE]}}
    ).encode()
    weights = len(header).to_bytes(8, "little") + header + random.Random(0).randbytes(SIZE)
    known = {
        "model.safetensors": {"sha256": hashlib.sha256(weights).hexdigest(), "bytes": len(weights)}
    }
    config = {
        "plugin": "made_up",
        "distribution": "made-up",
        "version": "1",
        "networks": ["generator"],
        "config": {},
    }
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_text(json.dumps({**config, "files": known}))


def seconds(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=environment, capture_output=True, check=True)
    return time.perf_counter() - began


def compare(name: str, bar: float, ours: Callable[[], float], base: Callable[[], float]) -> None:
    ours(), base()  # what they read is in memory from here on
    times = [(ours(), base()) if number % 2 else (base(), ours())[::-1] for number in range(ROUNDS)]
    ratio = median(a / b for a, b in times)
    first, second = (median(column) for column in zip(*times, strict=True))
    print(f"{name:<32}{first:>7.2f}s{second:>7.2f}s{ratio:>8.2f}{bar:>7}")


def measure(folder: Path, endpoint: str) -> None:
    home = folder / "home"
    off = {f"HF_HUB_DISABLE_{what}": "1" for what in ("XET", "TELEMETRY", "UPDATE_CHECK")}
    known = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), **off}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
        **known,
    }
    ganzoo = [sys.executable, "-c", "from ganzoo.cli.app import main; main()", "pull"]
    hf = [str(Path(sys.executable).with_name("hf")), "download", "me/gan", *FILES]

    def fresh(command: list[str]) -> float:
        shutil.rmtree(home, ignore_errors=True)
        return seconds(command, environment)

    print(f"{'':<32}{'ours':>8}{'base':>8}{'ratio':>8}{'bar':>7}")
    compare("pull / hf download", 1.15, lambda: fresh([*ganzoo, "me/gan"]), lambda: fresh(hf))
    fresh([*ganzoo, "me/gan"])
    (cached,) = (home / "hub" / "models--me--gan" / "snapshots").iterdir()
    (folder / "empty.py").write_text(EMPTY)
    empty = [
        sys.executable,
        str(folder / "empty.py"),
        "one",
        *(str(cached / name) for name in FILES),
    ]
    pinned = [*ganzoo, f"me/gan@{cached.name}"]
    compare(
        "cached pull / typer and hashing",
        3.0,
        lambda: seconds(pinned, environment),
        lambda: seconds(empty, environment),
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make(folder / "model")
        words = ["--root", str(folder / "hub"), "--repo", f"me/gan={folder / 'model'}"]
        command = [sys.executable, "-m", "tests.hub.server", *words]
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout
            measure(folder, server.stdout.readline().strip())
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
