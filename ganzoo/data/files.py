"""Files of a data set, in folders or archives, without unpacking anything to disk."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from ganzoo.errors import DataError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff")
CAPTIONS = "captions.jsonl"
LISTS = (CAPTIONS, "metadata.jsonl", "metadata.csv")
VECTORS = "embeddings.safetensors"
TABLES = ("images.txt", "bounding_boxes.txt", "train_test_split.txt")
"""Of CUB-200-2011."""
SENTENCES = ("text", "text_c10")
"""Folders of a folder for each class, with a .txt for each picture."""
MEMBER_LIMIT, TOTAL_LIMIT, RATIO_LIMIT = 512 << 20, 64 << 30, 200
SLACK = 32 << 20
"""Bytes up to which no ratio is suspicious."""
GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Entry:
    """One file: its place inside the set (posix, relative), its size, how to read it, what to call it in an error.

    `box`: of a picture, what part of it counts: left, top, right, bottom in pixels; what lies outside of it is cut off."""

    name: str
    size: int
    read: Callable[[], bytes]
    shown: str
    box: tuple[int, int, int, int] | None = None

    @property
    def path(self) -> PurePosixPath:
        return PurePosixPath(self.name)


def is_archive(path: Path) -> bool:
    """By its name."""
    return path.name.lower().endswith(ARCHIVES)


def is_picture(path: PurePosixPath) -> bool:
    """By its name."""
    return path.suffix.lower() in PICTURES


def is_sentences(path: PurePosixPath) -> bool:
    """By its name and place: text_c10/CLASS/NAME.txt."""
    return path.suffix == ".txt" and len(path.parts) > 2 and path.parts[-3] in SENTENCES


def entries(path: Path) -> list[Entry]:
    """Pictures, and what may be said of them, of a folder or an archive, sorted by name. DataError when it cannot be read."""
    if path.is_dir():
        found = list(_folder(path))
    elif not path.exists():
        raise DataError(f"no folder or archive {path}")
    elif path.is_file() and zipfile.is_zipfile(path):
        found = list(_zip(path))
    elif path.is_file() and is_archive(path) and path.suffix.lower() != ".zip":
        found = list(_tar(path))
    else:
        raise DataError(
            f"{path} is no folder and no archive that can be read ({', '.join(ARCHIVES)})"
        )
    return sorted((entry for entry in found if _wanted(entry.path)), key=lambda entry: entry.name)


def beside(archive: Path) -> list[Entry]:
    """Lists of captions in the archive's folder."""
    places = [archive.parent / name for name in LISTS]
    return [
        Entry(place.name, place.stat().st_size, place.read_bytes, str(place))
        for place in places
        if place.is_file()
    ]


def digest(found: list[Entry]) -> str:
    """sha256 over names and bytes, in order of the names; where the set lies does not enter."""
    total = hashlib.sha256()
    for entry in sorted(found, key=lambda entry: entry.name):
        total.update(
            f"{entry.name}\0".encode(errors="surrogateescape")
            + hashlib.sha256(entry.read()).digest()
        )
    return total.hexdigest()


def _wanted(path: PurePosixPath) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not hidden and (
        is_picture(path) or is_sentences(path) or path.name in (*LISTS, *TABLES, VECTORS)
    )


def _folder(root: Path) -> Iterator[Entry]:
    for path in root.rglob("*"):
        if path.is_file():
            yield Entry(
                path.relative_to(root).as_posix(), path.stat().st_size, path.read_bytes, str(path)
            )


def _zip(path: Path) -> Iterator[Entry]:
    try:
        archive = zipfile.ZipFile(path)
        members = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path} cannot be read ({error})") from None
    _bounded(path, [(info.filename, info.file_size, info.compress_size) for info in members])
    for info in members:
        yield Entry(
            _inside(path, info.filename),
            info.file_size,
            _zip_reader(archive, info, path),
            f"{path.name}:{info.filename}",
        )


def _zip_reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise NotImplementedError(
                    "it is not packed by deflate, which is the only method that is read"
                )
            with archive.open(info) as file:
                return file.read(
                    info.file_size + 1
                )  # without a bound, one that lies about its size is unpacked in full
        except (
            zipfile.BadZipFile,
            OSError,
            RuntimeError,
            NotImplementedError,
            EOFError,
            zlib.error,
        ) as error:
            raise DataError(f"{path.name}:{info.filename} cannot be read ({error})") from None

    return read


def _tar(path: Path) -> Iterator[Entry]:
    """A tar has no index, and a compressed one no random access: its wanted members are read into memory once."""
    packed, total = path.stat().st_size, 0
    try:
        with _unpacked(path) as file, tarfile.TarFile(fileobj=file) as archive:  # type: ignore[arg-type]
            for member in archive:
                name = _inside(path, member.name)
                if not member.isfile():
                    continue
                total += member.size
                _bounded(path, [(member.name, member.size, member.size), ("", total, packed)])
                if _wanted(PurePosixPath(name)) and (content := archive.extractfile(member)):
                    yield Entry(
                        name, member.size, _kept(content.read()), f"{path.name}:{member.name}"
                    )
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error})") from None


@contextmanager
def _unpacked(path: Path) -> Iterator[Bounded]:
    """The bytes of a tar, gzipped or not."""
    size = path.stat().st_size
    with path.open("rb") as raw:
        packed = raw.read(2) == GZIP
        raw.seek(0)
        if packed:
            with gzip.GzipFile(fileobj=raw) as file:
                yield Bounded(file, path, min(TOTAL_LIMIT, RATIO_LIMIT * size + SLACK))  # type: ignore[arg-type]
        else:
            yield Bounded(raw, path, size + SLACK)


class Bounded:
    """A file of which no more than `limit` bytes are read: the size in a tar's header, which may lie, is asked for at once."""

    def __init__(self, file: BinaryIO, path: Path, limit: int) -> None:
        self.file, self.path, self.limit = file, path, limit
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        self._check(self.tell() + size)
        return self.file.read(size)

    def seek(self, position: int) -> int:
        self._check(position)
        return self.file.seek(position)

    def _check(self, end: int) -> None:
        if end > self.limit:
            raise DataError(
                f"{self.path} would unpack to more than {self.limit:,} bytes: too much; refused"
            )


def _kept(content: bytes) -> Callable[[], bytes]:
    return lambda: content


def _inside(archive: Path, name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive:
        raise DataError(f"{archive} holds {name!r}, which points outside of it; refused")
    return path.as_posix()


def _bounded(archive: Path, sizes: list[tuple[str, int, int]]) -> None:
    for name, size, packed in sizes:
        limit = MEMBER_LIMIT if name else TOTAL_LIMIT
        if size > limit or (size > SLACK and size > RATIO_LIMIT * max(1, packed)):
            raise DataError(
                f"{archive} would unpack to {size:,} bytes{f' in {name!r}' if name else ''}: too much; refused"
            )
    if sum(size for _, size, _ in sizes) > TOTAL_LIMIT:
        raise DataError(f"{archive} would unpack to more than {TOTAL_LIMIT >> 30} GiB; refused")
