"""Any number of samples on disk in constant memory: a folder of PNGs, or .tar shards (WebDataset).

Threads compress images while the next batch is computed. A record beside the samples says what is
being written and how far it is, so that interrupted work resumes and ends in the same bytes.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ganzoo.errors import GanzooError, OutputExists, RunError
from ganzoo.files import decode_json, read_limited, write_json
from ganzoo.pictures import images
from ganzoo.sampling import shards
from ganzoo.sampling.origin import Origin, find_difference
from ganzoo.sampling.samples import Samples
from ganzoo.sampling.shards import (
    RECORD,
    Destination,
    Folder,
    Packed,
    Shards,
    list_shards,
    name_shards,
    place_record,
)
from ganzoo.sampling.target import check_foreign_files, check_target, name_row

if TYPE_CHECKING:
    from PIL import Image

    from ganzoo.sampling.model import Model

BATCHES_AHEAD = 2
"""Batches that may wait for compression."""
RECORD_LIMIT = 1_000_000
"""Largest size of a record in bytes."""
RECORD_SECONDS = 2.0
"""Seconds between two updates of the record."""
TASK_IMAGES = 16
"""Images that a thread compresses at a time."""


class BulkJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record: what is written, and how many rows of it are safely on disk."""

    origin: Origin
    done: int = 0


def read_record(path: Path) -> BulkJob:
    """The record of a target. RunError where there is none."""
    record = place_record(path)
    try:
        return decode_json(read_limited(record, RECORD_LIMIT), BulkJob)
    except FileNotFoundError:
        raise RunError(f"{path} holds no samples to resume (no {record.name})") from None
    except (OSError, msgspec.DecodeError) as error:
        raise RunError(f"{record}: cannot be read ({error})") from None


def write_bulk(
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
    """Write `n` samples as PNGs; return the folder, or `x-{000000..000003}.tar`.

    `resume` continues what `path` records, and may raise `n` where no input depends on it. Raises
    OutputExists, RunError for a record of something else, UsageError for a model of no images.
    """
    given = dict(inputs or {})
    origin = model.origin(seed, n, columns or images.square_columns(n), given)
    origin = msgspec.structs.replace(origin, view=view)
    try:
        if resume:
            done = _check_resumable(model, path, origin, given)
        else:
            _check_room(path, n, force)
            done = 0
        place: Destination = Shards(path, origin) if path.suffix == ".tar" else Folder(path)
        done = place.safe(done)
        if progress:
            progress(done)
        job = BulkJob(origin=origin, done=done)
        write_json(place.record, job)
        if done < n:
            options = {"seed": seed, "batch_size": batch_size, "columns": columns, **given}
            feed = model.stream(n, start=done, views=() if view is None else view, **options)
            _pack_stream(feed, place, job, view, progress)
        write_json(place.record, BulkJob(origin=origin, done=n))
    except OSError as error:
        raise GanzooError(f"{path} cannot be written ({error.strerror or error})") from None
    return name_shards(path, n) if path.suffix == ".tar" else str(path)


def _pack_stream(
    feed: Iterator[Samples],
    place: Destination,
    job: BulkJob,
    view: str | None,
    progress: Callable[[int], None] | None,
) -> None:
    """Compress and write batches, at most BATCHES_AHEAD of them waiting."""

    def pack(part: Samples, pictures: Sequence[Image.Image], start: int) -> list[Packed]:
        packed = []
        for row, picture in enumerate(pictures[start : start + TASK_IMAGES], start):
            packed.append(
                (name_row(part.first + row), images.encode_png(picture, part.png_text(row)))
            )
        return packed

    waiting: deque[tuple[int, list[Future[list[Packed]]]]] = deque()
    noted = 0.0

    def write_oldest() -> None:
        nonlocal noted
        first, tasks = waiting.popleft()
        packed = [one for task in tasks for one in task.result()]
        done = place.put(first, packed)
        if time.monotonic() - noted > RECORD_SECONDS:
            write_json(place.record, msgspec.structs.replace(job, done=done))
            noted = time.monotonic()
        if progress:
            progress(len(packed))

    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="png") as pool:
        try:
            for part in feed:
                shown = part if view is None else part.view(view)
                pictures = shown.images()
                tasks = []
                for start in range(0, len(pictures), TASK_IMAGES):
                    tasks.append(pool.submit(pack, shown, pictures, start))
                waiting.append((shown.first, tasks))
                if len(waiting) > BATCHES_AHEAD:
                    write_oldest()
            while waiting:
                write_oldest()
            place.close(job.origin.n)
        finally:
            pool.shutdown(cancel_futures=True)
            place.drop()


def _check_resumable(model: Model, path: Path, origin: Origin, given: Mapping[str, Any]) -> int:
    """The number of finished rows. RunError where the record is of something else."""
    job = read_record(path)
    before = job.origin
    for name in ("weights", "seed", "view", "precision"):
        old, new = getattr(before, name), getattr(origin, name)
        if old != new:
            raise RunError(f"{path} was started with {name} {old}; it cannot continue with {new}")
    if other := find_difference(before.inputs, given, model.inputs):
        raise RunError(f"{path} was started with another {other!r}; give the same")
    if before.inputs and before.columns != origin.columns:
        raise RunError(
            f"{path} was started with {before.columns} columns, along which its inputs run; "
            "give the same"
        )
    if before.n != origin.n and (before.inputs or origin.n < before.n):
        why = "its inputs are shared out over all samples" if before.inputs else "that is fewer"
        raise RunError(
            f"{path} was started for {before.n:,} samples; it cannot continue to {origin.n:,}: "
            f"{why}"
        )
    return job.done


def _check_room(path: Path, n: int, force: bool) -> None:
    """OutputExists where files would be replaced without `force`, or mixed with others."""
    record = place_record(path)
    if path.suffix == ".tar":
        numbered = list_shards(path)
        existing = [*numbered.values(), *([record] if os.path.lexists(record) else [])]
        if existing and not force:
            raise OutputExists(existing[0], "choose another name, or give --resume or --force")
        for number, shard in numbered.items():
            if number * shards.SHARD_ROWS >= n:
                raise OutputExists(
                    shard, "more shards than would be replaced; remove them or choose another name"
                )
        return
    if not force and record.exists():
        raise OutputExists(path, "--resume continues it, --force starts anew")
    check_target(path, force)
    if path.is_dir():
        replaced = {RECORD}
        for other in path.glob("*.png"):
            stem = other.stem
            is_row = stem.isascii() and stem.isdecimal() and stem == name_row(int(stem))
            if is_row and int(stem) < n:
                replaced.add(other.name)
        check_foreign_files(path, replaced)
