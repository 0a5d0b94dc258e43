"""Peak memory: of sampling into .tar shards, for several numbers of samples, or of a command; each
in a process of its own.

python benchmarks/memory.py dcgan-mnist 10000 1000000 python benchmarks/memory.py --command train
cgan --data mnist --steps 60 --out runs/memory --force
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GANZOO = (sys.executable, "-c", "from ganzoo.cli.app import main; main()")


def write(model: str, n: int) -> None:
    from ganzoo import load
    from ganzoo.sampling import bulk

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        bulk.write_bulk(load(model, device="cpu"), Path(folder) / "x.tar", n, seed=0)
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{model}, {n:,} samples: peak {peak:,.0f} MiB, {n / seconds:,.0f} images/s", flush=True)


def run(words: list[str]) -> None:
    """A command of ganzoo, to its end."""
    child = subprocess.Popen([*GANZOO, *words], stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"ganzoo {' '.join(words)} failed")
    print(f"ganzoo {' '.join(words)}: peak {used.ru_maxrss / 1024:,.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?")
    parser.add_argument("n", type=int, nargs="*")
    parser.add_argument(
        "--command", nargs=argparse.REMAINDER, help="a command of ganzoo, in place of a model"
    )
    options = parser.parse_args()
    if options.command:
        run(options.command)
    elif len(options.n) == 1:
        write(options.model, options.n[0])
    else:
        for n in options.n:
            subprocess.run([sys.executable, __file__, options.model, str(n)], check=True)


if __name__ == "__main__":
    main()
