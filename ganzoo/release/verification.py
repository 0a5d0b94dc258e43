"""Golden samples: does a model generate the same samples on this machine as when it was published?

Imports torch and numpy only when a model is loaded.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.config import convert
from ganzoo.errors import GanzooError, WeightsError
from ganzoo.inputs import Rows
from ganzoo.spec import Picture
from ganzoo.zoo import card, integrity, manifest, registry
from ganzoo.zoo.manifest import ModelEntry
from ganzoo.zoo.pull import pull

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ganzoo.sampling.model import Model

GOLDEN = "golden.npz"
MEAN, WORST = 0.5, 3.0
"""Allowed differences, in grey levels of 255: machines round differently."""
LEVEL = 2 / 255
"""One grey level of values in [-1, 1]."""
GOLDEN_LIMIT = 1 << 26
"""Largest size of the unpacked golden samples, in bytes."""


@dataclass(frozen=True)
class Verdict:
    """`mean`, `worst`: differences in grey levels (2/255 for other outputs than images), NaN if
    nothing was compared; `detail`: what is wrong, empty if the model passed."""

    name: str
    passed: bool
    mean: float
    worst: float
    detail: str = ""


def verify_model(name: str) -> Verdict:
    """Check hashes, loading and samples of a model, in float32 on the CPU. Raises UnknownModel."""
    entry = manifest.get_entry(name)
    try:
        stored = _read_golden(pull(name).folder / GOLDEN)
        from ganzoo.sampling.model import Model

        model = Model.load(name, device="cpu", precision="fp32")
        golden = entry.golden
        generated = sample_golden(model, golden.seed, golden.n, golden.inputs)
        mean, worst = compare(generated, stored)
    except GanzooError as error:
        return Verdict(name, False, math.nan, math.nan, str(error))
    if mean <= MEAN and worst <= WORST:
        return Verdict(name, True, mean, worst)
    detail = (
        f"differs from {GOLDEN} by {mean:.2f} grey levels on average (at most {MEAN}), "
        f"{worst:.1f} at worst (at most {WORST:g})"
    )
    return Verdict(name, False, mean, worst, detail)


def sample_golden(
    model: Model, seed: int, n: int, inputs: Mapping[str, str] | None = None
) -> NDArray[Any]:
    """Samples to compare: uint8 (n, height, width, channels) for images, else float32 (n, ...).

    `inputs`: as text; the others are drawn from the seed, also those that users must give."""
    from ganzoo.pictures import images
    from ganzoo.sampling import generation

    given, rows = inputs or {}, Rows(seed, n)
    feed = {}
    for name, spec in model.inputs.items():
        if name in given:
            feed[name] = spec.parse(given[name], name, rows)
        else:
            feed[name] = spec.example(name, rows)
    generated = generation.generate(
        model.gan, iter([feed]), model.device, model.precision, (generation.SAMPLE,)
    )[generation.SAMPLE]
    if isinstance(model.plugin.output(model.config), Picture):
        return images.to_uint8(generated)
    return generated.numpy()


def write_golden(
    model: Model, path: Path, *, seed: int, n: int, inputs: Mapping[str, str] | None = None
) -> None:
    """Write the file that `verify_model` compares with."""
    import numpy as np

    from ganzoo.files import replacing

    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, sample=sample_golden(model, seed, n, inputs))


def compare(generated: NDArray[Any], stored: NDArray[Any]) -> tuple[float, float]:
    """Mean and largest absolute difference, in grey levels; WeightsError if shapes differ."""
    if generated.shape != stored.shape or generated.dtype != stored.dtype:
        raise WeightsError(
            GOLDEN,
            f"holds {stored.dtype} {list(stored.shape)}, "
            f"the model gives {generated.dtype} {list(generated.shape)}",
        )
    level = 1 if generated.dtype == "uint8" else LEVEL
    difference = abs(generated.astype("float64") - stored.astype("float64")) / level
    return float(difference.mean()), float(difference.max())


def find_problems() -> list[str]:
    """What is wrong with the manifest and the files in this package. Raises ManifestError."""
    official = manifest.load_official()
    problems = []
    if official.default is not None and official.default not in official.models:
        problems.append(f"the default model {official.default!r} is not among the models")
    for name, entry in official.models.items():
        problems += _check_entry(name, entry)
    return problems


def _check_entry(name: str, entry: ModelEntry) -> list[str]:
    problems = []
    if entry.data is None or entry.training is None:
        problems.append(f"{name}: data or training record is missing")
    try:
        if not manifest.may_be_called(name, entry.plugin):
            problems.append(
                f"{name}: the name begins neither with its plugin, {entry.plugin!r}, "
                "nor with one of its presets"
            )
        convert(entry.config, registry.get(entry.plugin).config, f"{name}: config")
    except GanzooError as error:
        problems.append(f"{name}: {error}")
    folder = manifest.bundle_folder(name)
    if not folder.is_dir():
        if entry.revision is None:
            problems.append(f"{name}: not published, and {folder} is missing")
        return problems
    for file, expected in integrity.expect(entry.files).items():
        try:
            integrity.check_file(folder / file, expected)
        except GanzooError as error:
            problems.append(str(error))
    extra = {path.name for path in folder.iterdir()} - set(entry.files) - {card.CARD}
    problems += [f"{folder / file}: not in the manifest" for file in sorted(extra)]
    return problems


def _read_golden(path: Path) -> NDArray[Any]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            if arrays.zip.getinfo("sample.npy").file_size > GOLDEN_LIMIT:
                raise WeightsError(path, f"unpacks to more than {GOLDEN_LIMIT:,} bytes")
            sample: NDArray[Any] = arrays["sample"]
    except FileNotFoundError:
        raise WeightsError(path, "no such file: nothing to compare with") from None
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise WeightsError(path, f"cannot be read ({error})") from None
    return sample
