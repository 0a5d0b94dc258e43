"""What the test Hub keeps in its folder: objects by sha256, and repositories as commits over them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from io import BufferedIOBase
from pathlib import Path

LARGE = 10 * 2**20
BINARY = (".safetensors", ".png", ".npz")
ATTRIBUTES = "".join(
    f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in BINARY
).encode()
CHUNK = 2**20


class Refused(Exception):
    """An answer that is an error: its status, and what X-Error-Message, X-Error-Code and X-Repo-Commit say."""

    def __init__(self, status: int, message: str, code: str = "", commit: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.commit = status, message, code, commit


def git_oid(content: bytes, kind: str = "blob") -> str:
    return hashlib.sha1(
        f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False
    ).hexdigest()


@dataclass(frozen=True)
class File:
    """A file of a commit. `oid`: what git holds, so of a large file its pointer."""

    size: int
    sha256: str
    oid: str
    lfs: bool

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.oid

    @property
    def pointer(self) -> bytes:
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()


def large(sha256: str, size: int) -> File:
    unnamed = File(size, sha256, "", True)
    return File(size, sha256, git_oid(unnamed.pointer), True)


def is_large(path: str, size: int) -> bool:
    return size > 0 and (size > LARGE or path.endswith(BINARY))


@dataclass(frozen=True)
class Commit:
    oid: str
    parent: str | None
    title: str
    message: str
    files: Mapping[str, File]


@dataclass
class Repository:
    """A model repository. `granted`: who else may read it when it is gated. `commits`: from the oldest on."""

    name: str
    private: bool = False
    gated: bool = False
    granted: list[str] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        return self.name.split("/")[0]

    def at(self, revision: str) -> Commit:
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        if oid not in self.commits:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[oid]

    def history(self, revision: str) -> list[Commit]:
        """A revision and what came before it, from the newest on."""
        found = [self.at(revision)]
        while found[-1].parent:
            found.append(self.commits[found[-1].parent])
        return found


def checked(path: str) -> str:
    if not path or any(part in ("", ".", "..", ".git") for part in path.split("/")):
        raise Refused(400, f"Invalid path: {path!r}")
    return path


class Store:
    """Everything in one folder. A change is made whole, in memory and then in the file, or not at all."""

    def __init__(self, root: Path) -> None:
        self.objects, self.state = root / "objects", root / "state.json"
        self.objects.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self.repositories: dict[str, Repository] = {}
        if self.state.exists():
            self.load()

    def load(self) -> None:
        for row in json.loads(self.state.read_text("utf-8")):
            for oid, commit in row["commits"].items():
                files = {path: File(**file) for path, file in commit.pop("files").items()}
                row["commits"][oid] = Commit(**commit, files=files)
            self.repositories[row["name"]] = Repository(**row)

    def save(self) -> None:
        new = self.state.with_suffix(".new")
        new.write_text(
            json.dumps([asdict(repository) for repository in self.repositories.values()]), "utf-8"
        )
        os.replace(new, self.state)

    def change(self, act: Callable[[], object]) -> None:
        """One change at a time, kept."""
        with self.lock:
            act()
            self.save()

    def path(self, sha256: str) -> Path:
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            raise Refused(400, f"Invalid sha256: {sha256!r}")
        return self.objects / sha256

    def receive(self, source: BufferedIOBase, size: int, sha256: str) -> None:
        """Keeps `size` bytes of a stream if their sha256 is the one that was promised."""
        home, digest, left = self.path(sha256), hashlib.sha256(), size
        with tempfile.NamedTemporaryFile(dir=self.objects, delete=False) as new:
            while left and (part := source.read(min(left, CHUNK))):
                digest.update(part)
                new.write(part)
                left -= len(part)
        if left or digest.hexdigest() != sha256:
            os.unlink(new.name)
            raise Refused(400, "BadDigest: the content is not what the address was signed for")
        os.replace(new.name, home)

    def keep(self, content: bytes) -> str:
        """Keeps a content and gives its sha256."""
        sha256 = hashlib.sha256(content).hexdigest()
        home = self.path(sha256)
        if not home.exists():
            with tempfile.NamedTemporaryFile(dir=self.objects, delete=False) as new:
                new.write(content)
            os.replace(new.name, home)
        return sha256

    def small(self, content: bytes) -> File:
        return File(len(content), self.keep(content), git_oid(content), False)

    def file(self, path: str, content: bytes) -> File:
        """Keeps a file; whether it is large is told from its name and size."""
        return (
            large(self.keep(content), len(content))
            if is_large(path, len(content))
            else self.small(content)
        )

    def get(self, name: str) -> Repository:
        if name not in self.repositories:
            raise Refused(404, "Repository not found", "RepoNotFound")
        return self.repositories[name]

    def create(
        self, name: str, files: Mapping[str, File], private: bool = False, gated: bool = False
    ) -> Repository:
        """A new repository with its first commit."""
        with self.lock:
            if name in self.repositories:
                raise Refused(409, "You already created this model repo")
            for path in files:
                checked(path)
            self.repositories[name] = Repository(name, private, gated)
            self.commit(name, files, title="initial commit")
            return self.repositories[name]

    def delete(self, name: str) -> None:
        self.get(name)
        self.change(lambda: self.repositories.pop(name))

    def commit(
        self,
        name: str,
        add: Mapping[str, File],
        delete: Iterable[str] = (),
        *,
        title: str,
        message: str = "",
        branch: str = "main",
        parent: str | None = None,
    ) -> Commit:
        """A new commit at the end of a branch. `delete`: paths of files, or of folders with a slash at the end."""
        with self.lock:
            repository = self.get(name)
            before = repository.at(branch) if repository.branches else None
            if before and branch not in repository.branches:
                raise Refused(400, f"{branch!r} is not a branch", "RevisionNotFound")
            if parent and before and parent != before.oid:
                raise Refused(412, "A commit has happened since. Please refresh and try again.")
            files = {
                **without(before.files if before else {}, delete),
                **{checked(path): file for path, file in add.items()},
            }
            new = self.numbered(repository, before, title, message, files)
            repository.commits[new.oid] = new
            repository.branches[branch] = new.oid
            self.save()
            return new

    @staticmethod
    def numbered(
        repository: Repository,
        before: Commit | None,
        title: str,
        message: str,
        files: dict[str, File],
    ) -> Commit:
        """The commit with its number, which depends on nothing but what was done to the repository until now."""
        parent = before.oid if before else None
        named = sorted((path, file.oid) for path, file in files.items())
        content = json.dumps(
            [repository.name, len(repository.commits), parent, title, message, named]
        )
        return Commit(git_oid(content.encode(), "commit"), parent, title, message, files)


def without(files: Mapping[str, File], delete: Iterable[str]) -> dict[str, File]:
    left = dict(files)
    for path in delete:
        gone = [
            name for name in left if name == path or (path.endswith("/") and name.startswith(path))
        ]
        if not gone:
            raise Refused(404, f"{path} does not exist", "EntryNotFound")
        for name in gone:
            del left[name]
    return left
