"""Photographs of 1, 6 and 24 megapixels through a model: megapixels a second and peak memory, each
in a process of its own.

    python benchmarks/tiles.py cyclegan-summer2winter
    python benchmarks/tiles.py ./runs/x 6 24 --precision fp32

The photograph is made here: a sky, a ridge, fractal ground. Time is that of the whole command:
reading a JPEG, statistics, tiles, writing a JPEG. Ends with the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from ganzoo.photographs import allocation

ASPECT = 1.5


def photograph(megapixels: float, path: Path) -> None:
    """3:2, as a JPEG. Its texture is fractal in blocks of 512 pixels, which are mirrored into
    each other."""
    height = round(math.sqrt(megapixels * 1e6 / ASPECT))
    width = round(height * ASPECT)
    rng, block = np.random.default_rng(0), 512
    rate = np.hypot(np.fft.fftfreq(block)[:, None], np.fft.rfftfreq(block)[None])
    rate[0, 0] = 1
    grain = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((block, block))) / rate**1.1)
    grain = np.pad(
        grain / grain.std(), ((0, max(0, height - block)), (0, max(0, width - block))), "symmetric"
    )[:height, :width]
    levels = np.empty((height, width, 3), np.uint8)
    ridge = height * (0.35 + 0.08 * np.sin(np.arange(width) * 9 / width))
    for y in range(height):
        sky = (
            np.array([0.45, 0.6, 0.9])
            + y / height * np.array([0.3, 0.2, -0.1])
            + 0.02 * grain[y, :, None]
        )
        ground = np.array([0.35, 0.4, 0.22]) + grain[y, :, None] * [0.12, 0.14, 0.08]
        levels[y] = (np.where((y > ridge)[:, None], ground, sky) * 255).clip(0, 255)
    Image.fromarray(levels).save(path, quality=92)


def once(model: str, source: Path, device: str, precision: str) -> dict[str, float]:
    """In this process: the first use of the networks is not timed, for it is the same for any
    picture."""
    import ganzoo
    from ganzoo.photographs import photograph as photographs

    loaded = ganzoo.load(model, device=device, precision=precision)
    loaded.translate(Image.new("RGB", (64, 64)))
    started = time.perf_counter()
    photographs.save_photograph(loaded.translate(source), source.with_name("made.jpg"))
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def measured(options: argparse.Namespace, megapixels: float, folder: Path) -> dict[str, float]:
    source = folder / "x.jpg"
    photograph(megapixels, source)
    words = [
        sys.executable,
        __file__,
        options.model,
        "--device",
        options.device,
        "--precision",
        options.precision,
    ]
    words += ["--give-back"] if options.give_back else []
    done = subprocess.run([*words, "--once", source], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    return {
        "megapixels": megapixels,
        "megapixels/s": round(megapixels / found["seconds"], 4),
        "seconds": round(found["seconds"], 2),
        "peak MiB": round(found["peak"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("megapixels", type=float, nargs="*", default=[1.0, 6.0, 24.0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument(
        "--give-back",
        action="store_true",
        help="memory that a layer frees, as the C library does by itself",
    )
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.give_back:
        allocation.KEEPING.clear()
    if options.once:
        print(json.dumps(once(options.model, options.once, options.device, options.precision)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in options.megapixels:
            rows.append(measured(options, megapixels, Path(folder)))
            shown = "{megapixels:g} megapixels: {megapixels/s:.3f} megapixels/s, "
            shown += "{seconds:.1f} s, peak {peak MiB:,.0f} MiB"
            print(shown.format_map(rows[-1]), file=sys.stderr, flush=True)
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
