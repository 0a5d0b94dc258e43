"""Peak memory of sampling into .tar shards, for several numbers of samples, each in a process of its own.

python benchmarks/memory.py dcgan-mnist 10000 1000000
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def write(model: str, n: int) -> None:
    from ganzoo import bulk, load

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        bulk.write(load(model, device="cpu"), Path(folder) / "x.tar", n, seed=0)
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{model}, {n:,} samples: peak {peak:,.0f} MiB, {n / seconds:,.0f} images/s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("n", type=int, nargs="+")
    asked = parser.parse_args()
    if len(asked.n) == 1:
        write(asked.model, asked.n[0])
        return
    for n in asked.n:
        subprocess.run([sys.executable, __file__, asked.model, str(n)], check=True)


if __name__ == "__main__":
    main()
