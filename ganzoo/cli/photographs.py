"""`ganzoo sample --image`: photographs through an image-to-image model, each at its own size."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.cli import output
from ganzoo.errors import GanzooError, OutputExists, UsageError

if TYPE_CHECKING:
    from ganzoo.photographs.photograph import Photograph
    from ganzoo.sampling.model import Model

IMAGE = "image"
LISTED_FAILURES = 12
"""Unreadable images that the error lists."""


@dataclass(frozen=True)
class Translation:
    """An image and the file that its translation is written to."""

    source: Path
    target: Path


def takes_photographs(model: Model, target: Path, inputs: Mapping[str, Any], n: int | None) -> bool:
    """Whether the command translates whole photographs, each once.

    Numbers, shards, and several samples of one image are written as for any other model. UsageError
    for several samples of a folder."""
    from ganzoo.photographs import photograph as photographs

    taken = photographs.find_image_input(model.inputs, model.plugin.output(model.config))
    if taken is None or taken[0] != IMAGE or IMAGE not in inputs:
        return False
    is_format = target.suffix.lower() in photographs.FORMATS
    if not (is_format or not target.suffix or target.is_dir()):
        return False
    paths = _paths(inputs)
    folder = next((path for path in paths if Path(path).is_dir()), None)
    if n is not None and folder is not None:
        raise UsageError(
            f"{folder} is a folder, and each of its images is translated once; "
            "-n is for samples of single images"
        )
    return n in (None, len(paths))


def translate_photographs(
    model: Model,
    out: Path,
    inputs: Mapping[str, Any],
    *,
    seed: int | None,
    show: str | None,
    force: bool,
) -> str:
    """Translate each image at its own size; return where the results are.

    An unreadable image does not stop the others: GanzooError lists them at the end. Any other error
    stops at once, because a wrong option or a full disk would fail the other images too."""
    from ganzoo.cli.progress import count_parts
    from ganzoo.photographs import photograph as photographs
    from ganzoo.sampling import feed

    jobs = _plan_jobs(_paths(inputs), out, force)
    others = {name: value for name, value in inputs.items() if name != IMAGE}
    drawn = [name for name, spec in model.inputs.items() if spec.is_random and name not in inputs]
    if seed is None and drawn:
        seed = feed.draw_seed()
        output.say(f"seed {seed} for {', '.join(drawn)}; repeat with --seed {seed}")
    _, spec = photographs.require_image_input(model)
    alone = len(jobs) == 1
    failures = []
    with count_parts("images", len(jobs)) as advance:
        for job in jobs:
            try:
                photograph = photographs.read_photograph(job.source, spec.channels, IMAGE)
                photographs.check_format(job.target, photograph, show)
            except UsageError as error:
                if alone:
                    raise
                failures.append(getattr(error, "problem", str(error)))
            else:
                _translate_one(model, job, photograph, others, show, seed or 0, bar=alone)
            if advance:
                advance(1)
    if not failures:
        return str(out)
    if len(failures) < len(jobs):
        output.data(str(out))
    listed = "; ".join(failures[:LISTED_FAILURES])
    more = "; ..." if len(failures) > LISTED_FAILURES else ""
    raise GanzooError(f"{len(failures)} of {len(jobs)} images were not translated: {listed}{more}")


def _plan_jobs(paths: Sequence[str], out: Path, force: bool) -> list[Translation]:
    """Pair each image with its target before any work.

    In a folder each result keeps the name of its source, as PNG where that format is not written.
    UsageError for several images and one file, for two images with one target, or for a result that
    would overwrite its source. OutputExists for an existing target without `force`."""
    from ganzoo.data.files import IMAGE_SUFFIXES
    from ganzoo.photographs.photograph import FORMATS

    sources = []
    for path in map(Path, paths):
        if not path.is_dir():
            sources.append(path)
            continue
        found = [
            file
            for file in sorted(path.iterdir())
            if file.suffix.lower() in IMAGE_SUFFIXES
            and not file.name.startswith(".")
            and file.is_file()
        ]
        if not found:
            raise UsageError(f"{path} holds no images ({', '.join(IMAGE_SUFFIXES)})")
        sources += found
    into_folder = out.is_dir() or not out.suffix
    if into_folder and out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; a name without an extension is a folder of images")
    if not into_folder and (len(sources) > 1 or Path(paths[0]).is_dir()):
        raise UsageError(
            f"{len(sources)} images need a folder: give --out a name without an extension"
        )
    planned: dict[Path, Path] = {}
    for source in sources:
        name = source.name if source.suffix.lower() in FORMATS else f"{source.stem}.png"
        target = out / name if into_folder else out
        if target in planned:
            raise UsageError(
                f"{planned[target]} and {source} would both be written to {target}; "
                "translate them one after the other"
            )
        planned[target] = source
    for target in planned:
        if not target.exists():
            continue
        if any(source.exists() and os.path.samefile(source, target) for source in sources):
            raise UsageError(
                f"{target} is the source image and would be overwritten; choose another name"
            )
        if not force:
            raise OutputExists(target)
    return [Translation(source, target) for target, source in planned.items()]


def _translate_one(
    model: Model,
    job: Translation,
    photograph: Photograph,
    inputs: Mapping[str, Any],
    show: str | None,
    seed: int,
    *,
    bar: bool,
) -> None:
    """Translate and write one photograph. `bar`: show the progress of its tiles."""
    from ganzoo.cli.progress import count_parts
    from ganzoo.photographs import photograph as photographs
    from ganzoo.photographs import tiles

    _, spec = photographs.require_image_input(model)
    count = tiles.count_tiles(*photograph.size, photographs.choose_tiling(spec)) if bar else 1
    with count_parts("tiles", count) as advance:
        result = photographs.translate_photograph(
            model, photograph, inputs, show=show, seed=seed, progress=advance
        )
    origin = photographs.describe_origin(model, job.source, inputs, show=show, seed=seed)
    try:
        photographs.save_photograph(result, job.target, origin)
    except OSError as error:
        raise GanzooError(f"cannot write {job.target} ({error.strerror or error})") from None


def _paths(inputs: Mapping[str, Any]) -> list[str]:
    value = inputs[IMAGE]
    return [str(path) for path in value] if isinstance(value, list) else [str(value)]
