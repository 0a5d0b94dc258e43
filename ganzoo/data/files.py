"""Files of a data set, in folders or archives, without unpacking anything to disk."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ganzoo.errors import DataError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff")
LISTS = ("captions.jsonl", "metadata.jsonl")
MEMBER_LIMIT, TOTAL_LIMIT, RATIO_LIMIT = 512 << 20, 64 << 30, 200


@dataclass(frozen=True)
class Entry:
    """One file: its place inside the set (posix, relative), its size, how to read it, what to call it in an error."""

    name: str
    size: int
    read: Callable[[], bytes]
    shown: str

    @property
    def path(self) -> PurePosixPath:
        return PurePosixPath(self.name)


def is_archive(path: Path) -> bool:
    """By its name."""
    return path.name.lower().endswith(ARCHIVES)


def entries(path: Path) -> list[Entry]:
    """Pictures and caption lists of a folder or an archive, sorted by name. DataError when it cannot be read."""
    if path.is_dir():
        found = list(_folder(path))
    elif not path.exists():
        raise DataError(f"no folder or archive {path}")
    elif zipfile.is_zipfile(path):
        found = list(_zip(path))
    elif is_archive(path) and tarfile.is_tarfile(path):
        found = list(_tar(path))
    else:
        raise DataError(f"{path} is no folder and no archive that can be read ({', '.join(ARCHIVES)})")
    return sorted((entry for entry in found if _wanted(entry.path)), key=lambda entry: entry.name)


def digest(found: list[Entry]) -> str:
    """sha256 over names and bytes, in order of the names; where the set lies does not enter."""
    total = hashlib.sha256()
    for entry in sorted(found, key=lambda entry: entry.name):
        total.update(f"{entry.name}\0".encode() + hashlib.sha256(entry.read()).digest())
    return total.hexdigest()


def _wanted(path: PurePosixPath) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not hidden and (path.suffix.lower() in PICTURES or path.name in LISTS)


def _folder(root: Path) -> Iterator[Entry]:
    for path in root.rglob("*"):
        if path.is_file():
            yield Entry(path.relative_to(root).as_posix(), path.stat().st_size, path.read_bytes, str(path))


def _zip(path: Path) -> Iterator[Entry]:
    try:
        archive = zipfile.ZipFile(path)
        members = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path} cannot be read ({error})") from None
    _bounded(path, [(info.filename, info.file_size, info.compress_size) for info in members])
    for info in members:
        yield Entry(
            _inside(path, info.filename), info.file_size, _zip_reader(archive, info, path), f"{path.name}:{info.filename}"
        )


def _zip_reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            return archive.read(info)
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
            raise DataError(f"{path.name}:{info.filename} cannot be read ({error})") from None

    return read


def _tar(path: Path) -> Iterator[Entry]:
    """A tar has no index, and a compressed one no random access: its wanted members are read into memory once."""
    packed, total = path.stat().st_size, 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = _inside(path, member.name)
                if not member.isfile():
                    continue
                total += member.size
                _bounded(path, [(member.name, member.size, member.size), ("", total, packed)])
                if _wanted(PurePosixPath(name)) and (file := archive.extractfile(member)):
                    yield Entry(name, member.size, _kept(file.read()), f"{path.name}:{member.name}")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read ({error})") from None


def _kept(content: bytes) -> Callable[[], bytes]:
    return lambda: content


def _inside(archive: Path, name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        raise DataError(f"{archive} holds {name!r}, which points outside of it; refused")
    return path.as_posix()


def _bounded(archive: Path, sizes: list[tuple[str, int, int]]) -> None:
    for name, size, packed in sizes:
        limit = MEMBER_LIMIT if name else TOTAL_LIMIT
        if size > limit or (size > 32 << 20 and size > RATIO_LIMIT * max(1, packed)):
            raise DataError(f"{archive} would unpack to {size:,} bytes{f' in {name!r}' if name else ''}: too much; refused")
    if sum(size for _, size, _ in sizes) > TOTAL_LIMIT:
        raise DataError(f"{archive} would unpack to more than {TOTAL_LIMIT >> 30} GiB; refused")
