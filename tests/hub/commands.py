"""Commands of ganzoo as processes with an environment of their own, and models for them to fetch."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.hub.server import HubServer

ROOT = Path(__file__).parents[2]
TOKENS = ("hf_good", "hf_read", "hf_other", "hf_wrongwrongwrong")


class Done(NamedTuple):
    """How a process ended. `slept`: the pauses it made, as long as they would have been."""

    code: int
    out: str
    err: str
    slept: list[float]

    @property
    def folder(self) -> Path:
        """What `ganzoo pull` printed."""
        return Path(self.out.strip())


class Starter:
    """The process that the others are forked from."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.hub.starter"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.numbers = 0
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def start(
        self, *words: str, folder: Path, environment: Mapping[str, str], file: Path | None = None
    ) -> Job:
        """Begin a job; the next one may begin when this has ended."""
        self.numbers += 1
        place = Path(tempfile.mkdtemp(prefix="job-", dir=folder))
        job: dict[str, object] = {name: str(place / name) for name in ("out", "err", "slept")}
        job |= {
            "folder": str(folder),
            "environment": dict(environment),
            "words": words,
            "file": str(file or ""),
        }
        assert self.process.stdin
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return Job(int(self._line()), place, self)

    def stop(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(10)


class Job:
    """A process that runs."""

    def __init__(self, number: int, place: Path, starter: Starter) -> None:
        self.handle = os.pidfd_open(
            number
        )  # a number may be another process's by the time it is used
        self.place, self.starter = place, starter

    def kill(self) -> None:
        """End it, if it has not ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def wait(self) -> Done:
        code = int(self.starter._line())
        os.close(self.handle)
        slept = self.place / "slept"
        pauses = [float(line) for line in slept.read_text().splitlines()] if slept.exists() else []
        return Done(code, self._text("out"), self._text("err"), pauses)

    def _text(self, name: str) -> str:
        path = self.place / name
        return path.read_text("utf-8") if path.exists() else ""


class Ganzoo:
    """Runs commands against a Hub, in a folder of its own, where `home` is the client's folder."""

    def __init__(self, starter: Starter, hub: HubServer, folder: Path) -> None:
        self.starter, self.hub, self.folder = starter, hub, folder

    def environment(
        self, home: str = "home", token: str | None = None, **more: str
    ) -> dict[str, str]:
        return {**self.hub.environment(self.folder / home, token), **more}

    def start(
        self, *words: object, home: str = "home", token: str | None = None, **environment: str
    ) -> Job:
        given = self.environment(home, token, **environment)
        return self.starter.start(*map(str, words), folder=self.folder, environment=given)

    def __call__(
        self,
        *words: object,
        code: int = 0,
        home: str = "home",
        token: str | None = None,
        **environment: str,
    ) -> Done:
        """A command that must end with `code`; if that is no success, with one line on stderr. No token is ever shown."""
        done = self.start(*words, home=home, token=token, **environment).wait()
        self.check(done, code, **environment)
        return done

    def python(
        self, code: str, *, home: str = "home", token: str | None = None, **environment: str
    ) -> Any:
        """What a piece of Python leaves in `out`."""
        file = self.folder / "piece.py"
        file.write_text(f"{code}\nimport json\nprint('OUT', json.dumps(out))\n")
        given = self.environment(home, token, **environment)
        done = self.starter.start(folder=self.folder, environment=given, file=file).wait()
        self.check(done, 0)
        return json.loads(done.out.rpartition("OUT ")[2])

    def check(self, done: Done, code: int, **environment: str) -> None:
        assert done.code == code, done
        assert not any(token in done.out + done.err for token in TOKENS), done
        if "GANZOO_DEBUG" not in environment:
            assert "Traceback" not in done.err
            if code:
                assert done.out == ""
                assert done.err.startswith("ganzoo: ")
                assert done.err.count("\n") == 1, done.err

    def cache(self, repository: str, home: str = "home") -> Path:
        return self.folder / home / "hub" / f"models--{repository.replace('/', '--')}"

    def cached(self, repository: str, home: str = "home") -> list[bytes]:
        """The content of every blob, whole or not, and of every file that is none."""
        return [
            path.read_bytes()
            for path in sorted(self.cache(repository, home).rglob("*"))
            if path.is_file()
        ]


def weights(size: int = 50_000, seed: int = 0) -> bytes:
    """A safetensors file of one tensor."""
    header = json.dumps(
        {"generator.weight": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    ).encode()
    return len(header).to_bytes(8, "little") + header + random.Random(seed).randbytes(size)


def config(files: Mapping[str, bytes], **changes: Any) -> bytes:
    """config.json of a model; it tells size and sha256 of `files`."""
    told = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in files.items()
    }
    known = {
        "format": 1, "library_name": "ganzoo", "plugin": "tiny_class", "distribution": "ganzoo-tiny", "version": "0.1",
        "networks": ["generator"], "config": {}, "files": told,
    }  # fmt: skip
    return json.dumps({**known, **changes}).encode()


def files(size: int = 50_000, seed: int = 0, **changes: Any) -> dict[str, bytes]:
    """A model that can be pulled, and not loaded."""
    model = {"model.safetensors": weights(size, seed)}
    return {
        **model,
        "config.json": config(model, **changes),
        "README.md": b"---\nlicense: mit\n---\n",
    }
