"""Golden samples: do a model's bytes give, on this machine, the rows they gave when they were published?

Light until a model is loaded: torch and numpy are imported inside.
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
from ganzoo.zoo import card, manifest, proof, registry, source
from ganzoo.zoo.manifest import Entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ganzoo.sampling.model import Model

GOLDEN = "golden.npz"
MEAN, WORST = 0.5, 3.0
"""Grey levels of 255 by which rows may differ: machines round differently, and nothing else may."""
LEVEL = 2 / 255
MOST = 1 << 26
"""Bytes of golden rows; what would unpack to more is not read."""


@dataclass(frozen=True)
class Verdict:
    """`mean`, `worst`: differences in grey levels (2/255 of what is not a picture), NaN where nothing could be compared.
    `detail`: what is wrong, empty when it passed."""

    name: str
    passed: bool
    mean: float
    worst: float
    detail: str = ""


def verify(name: str) -> Verdict:
    """Hashes, strict load, eval mode and normalisation of a known model, in float32 on the CPU. Raises UnknownModel only."""
    entry = manifest.entry(name)
    try:
        stored = _stored(source.pull(name).folder / GOLDEN)
        mean, worst = difference(_made(name, entry), stored)
    except GanzooError as error:
        return Verdict(name, False, math.nan, math.nan, str(error))
    if mean <= MEAN and worst <= WORST:
        return Verdict(name, True, mean, worst)
    detail = f"differs from {GOLDEN} by {mean:.2f} grey levels on average (at most {MEAN}), {worst:.1f} at worst (at most {WORST:g})"
    return Verdict(name, False, mean, worst, detail)


def golden(
    model: Model, seed: int, n: int, inputs: Mapping[str, str] | None = None
) -> NDArray[Any]:
    """Rows to compare: 8-bit (n, height, width, channels) for pictures, else float32 as `sample` gives them.

    `inputs`: as text; the rest is drawn, and where only a user can say (a picture, a sentence) made up from the seed."""
    from ganzoo.pictures import images
    from ganzoo.sampling import generation

    given, rows = inputs or {}, Rows(seed, n)
    feed = {
        name: spec.parse(given[name], name, rows) if name in given else spec.example(name, rows)
        for name, spec in model.inputs.items()
    }
    made = generation.generate(
        model.gan, iter([feed]), model.device, model.precision, (generation.SAMPLE,)
    )[generation.SAMPLE]
    return (
        images.to_uint8(made)
        if isinstance(model.plugin.output(model.config), Picture)
        else made.numpy()
    )


def write_golden(
    model: Model, path: Path, *, seed: int, n: int, inputs: Mapping[str, str] | None = None
) -> None:
    """The file that `verify` compares with."""
    import numpy as np

    from ganzoo.files import replacing

    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, sample=golden(model, seed, n, inputs))


def difference(made: NDArray[Any], stored: NDArray[Any]) -> tuple[float, float]:
    """Mean and greatest absolute difference in grey levels; WeightsError when the arrays are not of one kind."""
    if made.shape != stored.shape or made.dtype != stored.dtype:
        raise WeightsError(
            GOLDEN,
            f"holds {stored.dtype} {list(stored.shape)}, the model gives {made.dtype} {list(made.shape)}",
        )
    apart = abs(made.astype("float64") - stored.astype("float64")) / (
        1 if made.dtype == "uint8" else LEVEL
    )
    return float(apart.mean()), float(apart.max())


def problems() -> list[str]:
    """What is wrong with the project's manifest and the files that came with it. ManifestError when it breaks its schema."""
    official = manifest.official()
    found = [
        problem for name, entry in official.models.items() for problem in _of_model(name, entry)
    ]
    if official.default is not None and official.default not in official.models:
        found.insert(0, f"the default model {official.default!r} is not among the models")
    return found


def _of_model(name: str, entry: Entry) -> list[str]:
    found = []
    if entry.data is None or entry.training is None:
        found.append(f"{name}: does not say how it was trained, and on what")
    try:
        if not manifest.may_be_called(name, entry.plugin):
            found.append(
                f"{name}: is named neither after its plugin, {entry.plugin!r}, nor after one of its presets"
            )
        convert(entry.config, registry.get(entry.plugin).config, f"{name}: config")
    except GanzooError as error:
        found.append(f"{name}: {error}")
    folder = manifest.bundled(name)
    if not folder.is_dir():
        return (
            found if entry.revision else [*found, f"{name}: not published, and {folder} is missing"]
        )
    for file, expected in entry.files.items():
        try:
            proof.check(folder / file, expected)
        except GanzooError as error:
            found.append(str(error))
    extra = {path.name for path in folder.iterdir()} - set(entry.files) - {card.CARD}
    return found + [f"{folder / file}: not in the manifest" for file in sorted(extra)]


def _made(name: str, entry: Entry) -> NDArray[Any]:
    from ganzoo.sampling.model import Model

    return golden(
        Model.load(name, device="cpu", precision="fp32"),
        entry.golden.seed,
        entry.golden.n,
        entry.golden.inputs,
    )


def _stored(path: Path) -> NDArray[Any]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            if arrays.zip.getinfo("sample.npy").file_size > MOST:
                raise WeightsError(path, f"unpacks to more than {MOST:,} bytes")
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
