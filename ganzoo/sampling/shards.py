"""Where bulk samples go: a folder of PNGs, or .tar shards in the layout of WebDataset."""

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
SHARD = 10_000
"""Rows of one .tar."""

Packed = tuple[str, bytes]
"""Name of a row, and its PNG."""


class Place(Protocol):
    """Where rows go. `put` may come again for rows that were written but not yet noted as done."""

    record: Path

    def safe(self, done: int) -> int:
        """How many of `done` rows need not be made again."""

    def put(self, first: int, packed: Sequence[Packed]) -> int:
        """Write rows from `first` on; how many rows are safe now."""

    def close(self, n: int) -> None:
        """All rows are there."""

    def drop(self) -> None:
        """Take away what is half written."""


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
    """`x-000000.tar`, ... of 10,000 rows: `000000.png` and `000000.json`, its origin. A shard is named when it is whole."""

    def __init__(self, path: Path, origin: Origin) -> None:
        self.path, self.origin = path, origin
        self.record = path.with_name(f"{path.stem}.{RECORD}")
        self.open: tarfile.TarFile | None = None
        self.file: BinaryIO
        path.parent.mkdir(parents=True, exist_ok=True)

    def shard(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.stem}-{number:06d}.tar")

    def safe(self, done: int) -> int:
        return done - done % SHARD if done < self.origin.n else done

    def put(self, first: int, packed: Sequence[Packed]) -> int:
        for row, (name, data) in enumerate(packed, start=first):
            if self.open is None:
                self.file = self._hidden(row // SHARD).open("wb")
                self.open = tarfile.TarFile(
                    fileobj=self.file, mode="w", format=tarfile.USTAR_FORMAT
                )
            origin = msgspec.structs.replace(self.origin, row=row).text().encode()
            for suffix, content in (("png", data), ("json", origin)):
                member = tarfile.TarInfo(f"{name}.{suffix}")
                member.size = len(content)
                self.open.addfile(member, io.BytesIO(content))
            if (row + 1) % SHARD == 0:
                self._seal(row // SHARD)
        last = first + len(packed)
        return last - last % SHARD

    def close(self, n: int) -> None:
        if self.open is not None:
            self._seal((n - 1) // SHARD)

    def drop(self) -> None:
        if self.open is not None:
            with contextlib.suppress(OSError):  # what is still buffered may not fit either
                self.file.close()
            Path(self.file.name).unlink(missing_ok=True)

    def _hidden(self, number: int) -> Path:
        return self.path.with_name(f".{self.shard(number).name}.tmp")

    def _seal(self, number: int) -> None:
        if self.open is not None:
            self.open.close()
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            self.open = None
            self._hidden(number).replace(self.shard(number))


def shards(path: Path) -> dict[int, Path]:
    """The shards of a target that are there, by number."""
    if not path.parent.is_dir():
        return {}
    named = re.compile(re.escape(path.stem) + r"-(\d{6,})\.tar", re.ASCII)
    return {
        int(found[1]): place
        for place in sorted(path.parent.iterdir())
        if (found := named.fullmatch(place.name))
    }


def record_of(path: Path) -> Path:
    """Where the record of a target lies."""
    return path / RECORD if path.suffix != ".tar" else path.with_name(f"{path.stem}.{RECORD}")


def pattern(path: Path, n: int) -> str:
    """The names of all shards, in the shell's braces."""
    last = (n - 1) // SHARD
    numbers = f"{{000000..{last:06d}}}" if last else "000000"
    return str(path.with_name(f"{path.stem}-{numbers}.tar"))
