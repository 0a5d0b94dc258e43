"""Files of a data set in a folder or an archive. Nothing is unpacked to disk."""

from __future__ import annotations

import copy
import gzip
import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO

from ganzoo.errors import DataError

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff")
CAPTIONS = "captions.jsonl"
CAPTION_LISTS = (CAPTIONS, "metadata.jsonl", "metadata.csv")
EMBEDDINGS = "embeddings.safetensors"
CUB_TABLES = ("images.txt", "bounding_boxes.txt", "train_test_split.txt")
CAPTION_FOLDERS = ("text", "text_c10")
"""Folders that hold CLASS/NAME.txt, the captions of image NAME."""
MEMBER_LIMIT, TOTAL_LIMIT, RATIO_LIMIT = 512 << 20, 64 << 30, 200
"""Largest member and largest archive, unpacked, in bytes; highest compression ratio."""
SLACK = 32 << 20
"""Bytes below which any ratio is accepted."""
PEEK_LIMIT = 2 << 20
"""Bytes of the largest file that `DataFile.peek` keeps."""
GZIP = b"\x1f\x8b"


class DataFile:
    """One file of a data set.

    `name` is its posix path inside the set, `shown` its name in error messages. Of an image with
    a `box`, only that part is used. The sha256 is taken from the first read, so that a file whose
    content is used and hashed is read once.
    """

    __slots__ = ("_kept", "_load", "_sha256", "box", "name", "path", "shown", "size")

    def __init__(self, name: str, size: int, load: Callable[[], bytes], shown: str) -> None:
        self.name, self.size, self.shown = name, size, shown
        self.path = PurePosixPath(name)
        self.box: Box | None = None
        self._load = load
        self._kept: bytes | None = None
        self._sha256: bytes | None = None

    def read(self) -> bytes:
        """The content. DataError for an archive member that is damaged."""
        content = self._load() if self._kept is None else self._kept
        self._kept = None
        if self._sha256 is None:
            self._sha256 = hashlib.sha256(content).digest()
        return content

    def peek(self) -> bytes:
        """The content, kept for the next `read` unless it is large."""
        content = self.read()
        if len(content) <= PEEK_LIMIT:
            self._kept = content
        return content

    def sha256(self) -> bytes:
        """Digest of the content; reads the file unless it was read before."""
        if self._sha256 is None:
            self.read()
        return self._sha256 or b""

    def crop(self, box: Box) -> DataFile:
        """The same image, of which only `box` is used."""
        cropped = copy.copy(self)
        cropped.box = box
        return cropped


def is_archive(path: Path) -> bool:
    return path.name.lower().endswith(ARCHIVES)


def is_image(path: PurePosixPath) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES


def is_caption_file(path: PurePosixPath) -> bool:
    return path.suffix == ".txt" and len(path.parts) > 2 and path.parts[-3] in CAPTION_FOLDERS


def is_used(path: PurePosixPath) -> bool:
    if any(part.startswith((".", "__MACOSX")) for part in path.parts):
        return False
    by_name = path.name in (*CAPTION_LISTS, *CUB_TABLES, EMBEDDINGS)
    return by_name or is_image(path) or is_caption_file(path)


def list_data_files(path: Path) -> list[DataFile]:
    """Files of a folder or an archive that a data set uses, sorted by name.

    Raises DataError if the archive cannot be read or would unpack to too much.
    """
    if path.is_dir():
        found = [
            DataFile(
                member.relative_to(path).as_posix(),
                member.stat().st_size,
                member.read_bytes,
                str(member),
            )
            for member in path.rglob("*")
            if member.is_file()
        ]
    elif not path.exists():
        raise DataError(f"no folder or archive {path}")
    elif path.is_file() and zipfile.is_zipfile(path):
        found = list(_list_zip(path))
    elif path.is_file() and is_archive(path) and path.suffix.lower() != ".zip":
        found = list(_list_tar(path))
    else:
        raise DataError(
            f"{path} is no folder and no archive that can be read ({', '.join(ARCHIVES)})"
        )
    return sorted((file for file in found if is_used(file.path)), key=lambda file: file.name)


def list_captions_beside(archive: Path) -> list[DataFile]:
    """Caption lists in the folder of an archive."""
    paths = [archive.parent / name for name in CAPTION_LISTS]
    return [
        DataFile(path.name, path.stat().st_size, path.read_bytes, str(path))
        for path in paths
        if path.is_file()
    ]


def digest_files(files: Sequence[DataFile]) -> str:
    """sha256 over names and contents, sorted by name; independent of where the set lies."""
    total = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.name):
        total.update(f"{file.name}\0".encode(errors="surrogateescape") + file.sha256())
    return total.hexdigest()


def _list_zip(path: Path) -> Iterator[DataFile]:
    def load(info: zipfile.ZipInfo) -> bytes:
        try:
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise NotImplementedError("only stored and deflated members are supported")
            with archive.open(info) as file:
                # bounded: a member whose header understates its size would be unpacked in full
                return file.read(info.file_size + 1)
        except (zipfile.BadZipFile, OSError, RuntimeError, EOFError, zlib.error) as error:
            raise DataError(f"{path.name}:{info.filename} cannot be read ({error})") from None

    try:
        archive = zipfile.ZipFile(path)
        members = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path} cannot be read ({error})") from None
    for info in members:
        _check_size(path, info.filename, info.file_size, info.compress_size)
    if sum(info.file_size for info in members) > TOTAL_LIMIT:
        raise DataError(f"{path} would unpack to more than {TOTAL_LIMIT >> 30} GiB; refused")
    for info in members:
        name, shown = _inside(path, info.filename), f"{path.name}:{info.filename}"
        yield DataFile(name, info.file_size, partial(load, info), shown)


def _list_tar(path: Path) -> Iterator[DataFile]:
    """Members are read into memory: a tar has no index, a compressed one no random access."""
    packed, total = path.stat().st_size, 0
    limit = packed + SLACK
    try:
        with ExitStack() as stack:
            file: Any = stack.enter_context(path.open("rb"))
            if file.peek(2)[:2] == GZIP:
                file = stack.enter_context(gzip.GzipFile(fileobj=file))
                limit = min(TOTAL_LIMIT, RATIO_LIMIT * packed + SLACK)
            bounded: Any = BoundedFile(file, path, limit)
            archive = stack.enter_context(tarfile.TarFile(fileobj=bounded))
            for member in archive:
                name = _inside(path, member.name)
                if not member.isfile():
                    continue
                total += member.size
                _check_size(path, member.name, member.size, member.size)
                _check_size(path, "", total, packed)
                if is_used(PurePosixPath(name)) and (stream := archive.extractfile(member)):
                    load = partial(bytes, stream.read())
                    yield DataFile(name, member.size, load, f"{path.name}:{member.name}")
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error})") from None


class BoundedFile:
    """A file that refuses reads beyond `limit`: a tar header may claim any size."""

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


def _inside(archive: Path, name: str) -> str:
    """A member's name as a relative posix path. DataError if it leads out of the archive."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive:
        raise DataError(f"{archive} holds {name!r}, which points outside of it; refused")
    return path.as_posix()


def _check_size(archive: Path, member: str, size: int, packed: int) -> None:
    """DataError for a member, or a whole archive if `member` is empty, that unpacks to too much."""
    limit = MEMBER_LIMIT if member else TOTAL_LIMIT
    if size > limit or (size > SLACK and size > RATIO_LIMIT * max(1, packed)):
        where = f" in {member!r}" if member else ""
        raise DataError(f"{archive} would unpack to {size:,} bytes{where}: too much; refused")
