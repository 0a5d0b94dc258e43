"""Golden samples: rows that published weights must give, on any machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo import hub, images
from ganzoo.data.spec import Picture
from ganzoo.errors import NotAvailable, WeightsError
from ganzoo.model import Model, load
from ganzoo.weights import replacing

GOLDEN = "golden.npz"
MEAN_LIMIT, WORST_LIMIT = 0.5, 3.0
"""Grey levels of 255 by which float32 on another CPU may differ."""


@dataclass(frozen=True)
class Verdict:
    """`mean` and `worst`: differences in grey levels of 255 (of the range [-1, 1] for points and curves)."""

    name: str
    passed: bool
    mean: float
    worst: float

    @property
    def text(self) -> str:
        return f"differs by {self.mean:.3f} grey levels in the mean, {self.worst:.2f} at most (limits {MEAN_LIMIT} and {WORST_LIMIT:g})"


def verify(name: str) -> Verdict:
    """Check a known model's hashes, then its golden rows in float32 on the CPU. Raises what `pull` and `load` raise."""
    pulled = hub.pull(name)
    if pulled.entry is None:
        raise NotAvailable(f"{name}: a folder has no golden rows in a manifest; verify takes names from `ganzoo list`")
    golden = pulled.entry.golden
    expected = _read(pulled.folder / GOLDEN)
    model = load(name, device="cpu", precision="fp32")
    found = _rows(model, golden.seed, golden.n, golden.inputs)
    if found.shape != expected.shape:
        raise WeightsError(pulled.folder / GOLDEN, f"holds shape {expected.shape}, the model gives {found.shape}")
    unit = 1.0 if expected.dtype == np.uint8 else 127.5
    difference = np.abs(found.astype(np.float64) - expected.astype(np.float64)) * unit
    mean, worst = float(difference.mean()), float(difference.max())
    return Verdict(name, bool(mean <= MEAN_LIMIT and worst <= WORST_LIMIT), mean, worst)


def write_golden(model: Model, path: Path, *, seed: int, n: int) -> None:
    """The rows that `verify` will expect."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, sample=_rows(model, seed, n, {}))


def _rows(model: Model, seed: int, n: int, inputs: dict[str, Any]) -> NDArray[Any]:
    tensor = model.sample(n, seed=seed, **inputs).tensor
    if isinstance(model.plugin.output(model.config), Picture):
        return images.to_uint8(tensor)
    return tensor.numpy()


def _read(path: Path) -> NDArray[Any]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return np.asarray(stored["sample"])
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(path, f"its golden rows cannot be read ({error})") from None
