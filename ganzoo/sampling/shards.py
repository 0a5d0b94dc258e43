"""Destinations of bulk samples: a folder of PNGs, or .tar shards in the layout of WebDataset."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from ganzoo.sampling.origin import Origin

RECORD = "samples.json"
SHARD_ROWS = 10_000
"""Rows of one .tar."""

Packed = tuple[str, bytes]
"""The name of a row and its PNG."""


class Destination(Protocol):
    """Where rows are written. `put` may repeat rows that were not yet recorded as done."""

    record: Path

    def safe(self, done: int) -> int:
        """How many of `done` rows need not be generated again."""

    def put(self, first: int, packed: Sequence[Packed]) -> int:
        """Write rows from `first` on; return how many rows are safely on disk."""

    def close(self, n: int) -> None:
        """Finish after the last of `n` rows."""

    def drop(self) -> None:
        """Remove what is half written."""


class Folder:
    """`000000.png`, `000001.png`, ..."""

    def __init__(self, path: Path) -> None:
        self.path, self.record = path, path / RECORD
        path.mkdir(parents=True, exist_ok=True)

    def safe(self, done: int) -> int:
        return done

    def put(self, first: int, packed: Sequence[Packed]) -> int:
        for name, data in packed:
            hidden = self.path / f".{name}.tmp"
            try:
                hidden.write_bytes(data)
                hidden.replace(self.path / f"{name}.png")
            except BaseException:  # an interruption too
                hidden.unlink(missing_ok=True)
                raise
        return first + len(packed)

    def close(self, n: int) -> None:
        pass

    def drop(self) -> None:
        pass


class Shards:
    """`x-000000.tar`, ... of 10,000 rows each: `000000.png` and its origin `000000.json`.

    A shard gets its name when it is complete.
    """

    def __init__(self, path: Path, origin: Origin) -> None:
        self.path, self.origin = path, origin
        self.record = path.with_name(f"{path.stem}.{RECORD}")
        self.open: tarfile.TarFile | None = None
        self.file: BinaryIO
        path.parent.mkdir(parents=True, exist_ok=True)

    def safe(self, done: int) -> int:
        return done - done % SHARD_ROWS if done < self.origin.n else done

    def put(self, first: int, packed: Sequence[Packed]) -> int:
        for row, (name, data) in enumerate(packed, start=first):
            if self.open is None:
                self.file = self._hide(row // SHARD_ROWS).open("wb")
                self.open = tarfile.TarFile(
                    fileobj=self.file, mode="w", format=tarfile.USTAR_FORMAT
                )
            origin = msgspec.structs.replace(self.origin, row=row).text().encode()
            for suffix, content in (("png", data), ("json", origin)):
                member = tarfile.TarInfo(f"{name}.{suffix}")
                member.size = len(content)
                self.open.addfile(member, io.BytesIO(content))
            if (row + 1) % SHARD_ROWS == 0:
                self.close(row + 1)
        last = first + len(packed)
        return last - last % SHARD_ROWS

    def close(self, n: int) -> None:
        """Complete the shard that ends with row n - 1, and give it its name."""
        if self.open is None:
            return
        number = (n - 1) // SHARD_ROWS
        self.open.close()
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self.open = None
        self._hide(number).replace(self.path.with_name(f"{self.path.stem}-{number:06d}.tar"))

    def drop(self) -> None:
        if self.open is not None:
            with contextlib.suppress(OSError):  # what is still buffered may not fit either
                self.file.close()
            Path(self.file.name).unlink(missing_ok=True)

    def _hide(self, number: int) -> Path:
        """The name of a shard until it is complete."""
        return self.path.with_name(f".{self.path.stem}-{number:06d}.tar.tmp")


def list_shards(path: Path) -> dict[int, Path]:
    """The existing shards of a target by number."""
    if not path.parent.is_dir():
        return {}
    pattern = re.compile(re.escape(path.stem) + r"-(\d{6,})\.tar", re.ASCII)
    shards = {}
    for place in sorted(path.parent.iterdir()):
        if found := pattern.fullmatch(place.name):
            shards[int(found[1])] = place
    return shards


def place_record(path: Path) -> Path:
    """Where the record of a target is."""
    return path.with_name(f"{path.stem}.{RECORD}") if path.suffix == ".tar" else path / RECORD


def name_shards(path: Path, n: int) -> str:
    """The names of all shards as a shell pattern."""
    last = (n - 1) // SHARD_ROWS
    numbers = f"{{000000..{last:06d}}}" if last else "000000"
    return str(path.with_name(f"{path.stem}-{numbers}.tar"))
