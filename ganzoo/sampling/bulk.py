"""Any number of samples on disk in constant memory: a folder of PNGs, or .tar shards as WebDataset reads them.

Pictures are packed by a pool of threads while the next batch is computed. A record beside them says what is being made and how
far it is, so that work that was cut off goes on where it stood and ends in the same bytes.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ganzoo.errors import GanzooError, OutputExists, RunError
from ganzoo.files import decode, read, write_json
from ganzoo.pictures import images
from ganzoo.sampling import shards as places
from ganzoo.sampling.origin import Origin, unlike
from ganzoo.sampling.samples import Samples, check_folder, check_target, row_name
from ganzoo.sampling.shards import RECORD, Folder, Packed, Place, Shards, pattern, record_of

if TYPE_CHECKING:
    from PIL import Image

    from ganzoo.sampling.model import Model

AHEAD = 2
"""Batches that may wait to be packed."""
LONGEST = 1_000_000
"""Bytes of a record."""
EVERY = 2.0
"""Seconds between two notes of how far the work is."""
TASK = 16
"""Pictures a thread packs at a time."""


class Job(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is being made, and how many rows of it are safe on disk."""

    origin: Origin
    done: int = 0


def is_bulk(path: Path) -> bool:
    """Whether this target is a folder or .tar files."""
    return path.suffix in ("", ".tar")


def recorded(path: Path) -> Job:
    """What a target says of its making; RunError when it says nothing."""
    record = record_of(path)
    try:
        return decode(read(record, LONGEST), Job)
    except FileNotFoundError:
        raise RunError(f"{path} holds no samples to go on with (no {record.name})") from None
    except (OSError, msgspec.DecodeError) as error:
        raise RunError(f"{record}: cannot be read ({error})") from None


def write(
    model: Model,
    path: Path,
    n: int,
    *,
    seed: int,
    batch_size: int | None = None,
    columns: int | None = None,
    view: str | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Callable[[int], None] | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> str:
    """Write `n` samples as pictures and say where: a folder, or `x-{000000..000003}.tar`. `resume` goes on with what `path`
    records, and may raise `n` where no input depends on it.

    Raises OutputExists, RunError for a record of something else, UsageError where the model gives no pictures."""
    given = dict(inputs or {})
    try:
        return _write(
            model, path, n, seed, batch_size, columns, view, resume, force, progress, given
        )
    except OSError as error:
        raise GanzooError(f"{path} cannot be written ({error.strerror or error})") from None


def _write(
    model: Model,
    path: Path,
    n: int,
    seed: int,
    batch_size: int | None,
    columns: int | None,
    view: str | None,
    resume: bool,
    force: bool,
    progress: Callable[[int], None] | None,
    given: Mapping[str, Any],
) -> str:
    origin = msgspec.structs.replace(
        model.origin(seed, n, columns or images.columns_for(n), given), view=view
    )
    done = _begun(model, path, origin, given) if resume else 0
    if not resume:
        _check_room(path, n, force)
    place: Place = Shards(path, origin) if path.suffix == ".tar" else Folder(path)
    done = place.safe(done)
    if progress:
        progress(done)
    write_json(place.record, Job(origin=origin, done=done))
    if done < n:
        views = () if view is None else view
        feed = model.stream(
            n, seed=seed, batch_size=batch_size, columns=columns, start=done, views=views, **given
        )
        _pour(feed, place, Job(origin=origin, done=done), view, progress)
    write_json(place.record, Job(origin=origin, done=n))
    return str(path) if path.suffix != ".tar" else pattern(path, n)


def _pour(
    feed: Any, place: Place, job: Job, view: str | None, progress: Callable[[int], None] | None
) -> None:
    """Batches to packers to disk, at most AHEAD of them waiting."""
    waiting: deque[tuple[int, list[Future[list[Packed]]]]] = deque()
    noted, done = 0.0, job.done

    def settle() -> None:
        nonlocal noted, done
        first, tasks = waiting.popleft()
        packed = [one for task in tasks for one in task.result()]
        done = place.put(first, packed)
        if time.monotonic() - noted > EVERY:
            write_json(place.record, msgspec.structs.replace(job, done=done))
            noted = time.monotonic()
        if progress:
            progress(len(packed))

    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="png") as pool:
        try:
            for part in feed:
                seen = part if view is None else part.view(view)
                pictures = seen.images()
                tasks = [
                    pool.submit(_pack, seen, pictures, start)
                    for start in range(0, len(pictures), TASK)
                ]
                waiting.append((seen.first, tasks))
                if len(waiting) > AHEAD:
                    settle()
            while waiting:
                settle()
            place.close(job.origin.n)
        finally:
            pool.shutdown(cancel_futures=True)
            place.drop()


def _pack(part: Samples, pictures: Sequence[Image.Image], start: int) -> list[Packed]:
    chosen = range(start, min(start + TASK, len(pictures)))
    return [
        (row_name(part.first + place), images.encode_png(pictures[place], part.png_text(place)))
        for place in chosen
    ]


def _begun(model: Model, path: Path, origin: Origin, given: Mapping[str, Any]) -> int:
    """Rows that are done; RunError where the record is of something else."""
    job = recorded(path)
    before = job.origin
    for name in ("weights", "seed", "view", "precision"):
        if getattr(before, name) != getattr(origin, name):
            raise RunError(
                f"{path} was begun with {name} {getattr(before, name)}; it cannot go on with {getattr(origin, name)}"
            )
    if other := unlike(before.inputs, given, model.inputs):
        raise RunError(f"{path} was begun with another {other!r}; give the same")
    if before.inputs and before.columns != origin.columns:
        raise RunError(
            f"{path} was begun with {before.columns} columns, along which its inputs run; give the same"
        )
    if before.n != origin.n and (before.inputs or origin.n < before.n):
        why = "it has inputs that are shared out over all rows" if before.inputs else "that is less"
        raise RunError(
            f"{path} was begun for {before.n:,} samples; it cannot go on to {origin.n:,}: {why}"
        )
    return job.done


def _check_room(path: Path, n: int, force: bool) -> None:
    if path.suffix == ".tar":
        shards = places.shards(path)
        there = [*shards.values(), *([record_of(path)] if os.path.lexists(record_of(path)) else [])]
        if there and not force:
            raise OutputExists(there[0], "choose another name, --resume it, or give --force")
        if stale := [shard for number, shard in shards.items() if number * places.SHARD >= n]:
            raise OutputExists(
                stale[0],
                "there are more such files than would be replaced; remove them or choose another name",
            )
        return
    if not force and record_of(path).exists():
        raise OutputExists(path, "--resume goes on with it, --force makes it anew")
    check_target(path, force)
    if path.is_dir():
        check_folder(
            path,
            (
                other.name
                for other in path.iterdir()
                if other.name == RECORD or _is_row(other.name, n)
            ),
        )


def _is_row(name: str, n: int) -> bool:
    """Whether a file is the picture of one of `n` rows."""
    stem = name.removesuffix(".png")
    return (
        stem != name
        and stem.isascii()
        and stem.isdecimal()
        and int(stem) < n
        and stem == row_name(int(stem))
    )
