"""`ganzoo sample --image`: photographs of any size, one by one, for models that give each back in its own size."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.cli import output
from ganzoo.errors import GanzooError, OutputExists, UsageError

if TYPE_CHECKING:
    from ganzoo.cli.sample import Asked
    from ganzoo.photographs.photograph import Photograph
    from ganzoo.sampling.model import Model

IMAGE = "image"
NAMED = 12
"""Pictures that could not be done of which one line tells."""


@dataclass(frozen=True)
class Job:
    """A picture, and where its result goes."""

    source: Path
    target: Path


def may_be(target: Path, asked: Asked) -> bool:
    """Whether this may be a photograph's target, which only the model can tell."""
    from ganzoo.photographs.photograph import FORMATS

    return IMAGE in asked.inputs and target.suffix.lower() in FORMATS


def are(model: Model, target: Path, asked: Asked) -> bool:
    """Whether whole photographs are asked for. Numbers, shards, and several samples of a picture are written as for any model.
    UsageError for several samples of a folder."""
    from ganzoo.photographs import photograph as photographs

    taken = photographs.taken(model.inputs, model.plugin.output(model.config))
    if taken is None or taken[0] != IMAGE or IMAGE not in asked.inputs or asked.resume:
        return False
    fits = target.suffix.lower() in photographs.FORMATS or not target.suffix or target.is_dir()
    if (
        fits
        and asked.n is not None
        and (folder := next((one for one in _given(asked) if Path(one).is_dir()), None))
    ):
        raise UsageError(
            f"{folder} is a folder, of which each picture is done once; -n is for samples of single pictures"
        )
    return fits and asked.n in (None, len(_given(asked)))


def write(model: Model, out: Path, asked: Asked) -> str:
    """Each picture in its own size; says where. One that cannot be read does not stop the others: GanzooError at the end."""
    if asked.columns or asked.batch_size:
        raise UsageError(
            "--columns and --batch-size are of samples in a grid; each photograph is written by itself"
        )
    todo = jobs(_given(asked), out, asked.force)
    inputs = {name: value for name, value in asked.inputs.items() if name != IMAGE}
    asked = replace(asked, seed=_seed(model, asked))
    failed = _done(model, todo, inputs, asked)
    if not failed:
        return str(out)
    if len(failed) < len(todo):
        output.data(str(out))
    named = "; ".join(failed[:NAMED]) + ("; ..." if len(failed) > NAMED else "")
    raise GanzooError(f"{len(failed)} of {len(todo)} pictures could not be done: {named}")


def _seed(model: Model, asked: Asked) -> int:
    """Drawn, and said, where the model takes more than pictures and choices."""
    from ganzoo.inputs import Choice, Image
    from ganzoo.sampling import samples

    drawn = [
        name
        for name, spec in model.inputs.items()
        if not isinstance(spec, (Image, Choice)) and name not in asked.inputs
    ]
    if asked.seed is not None or not drawn:
        return asked.seed or 0
    seed = samples.random_seed()
    output.say(f"seed {seed} for {', '.join(drawn)}; the same again with --seed {seed}")
    return seed


def jobs(given: Sequence[str], out: Path, force: bool) -> list[Job]:
    """Before any work: UsageError for several pictures in one file or a picture that would be overwritten by its own result,
    OutputExists for what is in the way. Into a folder each goes under its own name, as PNG where its kind is not written."""
    from ganzoo.photographs.photograph import FORMATS

    sources = [file for path in given for file in _files(Path(path))]
    into = out.is_dir() or not out.suffix
    if into and out.exists() and not out.is_dir():
        raise UsageError(
            f"{out} is a file, and pictures are written into a folder where the name has no extension"
        )
    if not into and (len(sources) > 1 or Path(given[0]).is_dir()):
        raise UsageError(
            f"{len(sources)} pictures are written into a folder: give one with --out (a name without extension)"
        )
    found: dict[Path, Path] = {}
    for source in sources:
        name = source.name if source.suffix.lower() in FORMATS else f"{source.stem}.png"
        target = out / name if into else out
        if target in found:
            raise UsageError(
                f"{found[target]} and {source} would both be written to {target}; do them one after the other"
            )
        found[target] = source
    for target in found:
        _check_way(target, sources, force)
    return [Job(source, target) for target, source in found.items()]


def _files(path: Path) -> Iterator[Path]:
    """The pictures of a folder, by name; else the path itself."""
    from ganzoo.data.files import PICTURES

    if not path.is_dir():
        yield path
        return
    found = sorted(
        p
        for p in path.iterdir()
        if p.suffix.lower() in PICTURES and not p.name.startswith(".") and p.is_file()
    )
    if not found:
        raise UsageError(f"{path} holds no pictures ({', '.join(PICTURES)})")
    yield from found


def _check_way(target: Path, sources: Sequence[Path], force: bool) -> None:
    if not target.exists():
        return
    if any(source.exists() and os.path.samefile(source, target) for source in sources):
        raise UsageError(
            f"{target} is the picture itself, which would be lost; choose another name or folder"
        )
    if not force:
        raise OutputExists(target)


def _done(model: Model, todo: Sequence[Job], inputs: dict[str, Any], asked: Asked) -> list[str]:
    """What could not be done, and why. Only pictures are forgiven: a wrong option, or a full disk, would meet the others too."""
    from ganzoo.photographs import photograph as photographs

    _, spec = photographs.required(model)
    failed = []
    each, finish = _bar("pictures", len(todo))
    try:
        for job in todo:
            try:
                photograph = photographs.read(job.source, spec.channels, IMAGE)
                photographs.check_format(job.target, photograph, asked.show)
            except UsageError as error:
                if len(todo) == 1:
                    raise
                failed.append(getattr(error, "problem", str(error)))
            else:
                _one(model, job, photograph, inputs, asked, alone=len(todo) == 1)
            each(1)
    finally:
        finish()
    return failed


def _one(
    model: Model,
    job: Job,
    photograph: Photograph,
    inputs: dict[str, Any],
    asked: Asked,
    *,
    alone: bool,
) -> None:
    from ganzoo.photographs import photograph as photographs
    from ganzoo.photographs import tiles

    _, spec = photographs.required(model)
    seed = asked.seed or 0
    tile, finish = _bar(
        "tiles", tiles.count(*photograph.size, photographs.cut(spec)) if alone else 1
    )
    try:
        made = photographs.developed(
            model, photograph, inputs, show=asked.show, seed=seed, progress=tile
        )
    finally:
        finish()
    try:
        photographs.save(
            made,
            job.target,
            photographs.origin(model, job.source, inputs, show=asked.show, seed=seed),
        )
    except OSError as error:
        raise GanzooError(f"{job.target} cannot be written ({error.strerror or error})") from None


def _given(asked: Asked) -> list[str]:
    value = asked.inputs[IMAGE]
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _bar(what: str, total: int) -> tuple[Callable[[int], None], Callable[[], None]]:
    """A progress bar for more than one, at a terminal."""
    if total < 2 or not sys.stderr.isatty():
        return lambda _: None, lambda: None
    from ganzoo.cli.progress import counter

    return counter(what, total)
