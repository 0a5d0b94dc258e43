"""A Hub on loopback, for the unmodified huggingface_hub client: in this process, or as one of its own.

    python -m tests.hub.server --root DIR [--port N] [--log FILE] [--repo NAME=DIR]... [--fault JSON]...

prints its endpoint and serves until it is killed. What it holds is in DIR; another server may go on from there.
The log holds one JSON line a request."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import socket
import tempfile
import threading
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.hub import transfers  # noqa: F401  registers its answers
from tests.hub.api import Api
from tests.hub.calls import Call, Reply, as_json, refusal
from tests.hub.faults import Fault, Faults, Kind
from tests.hub.listener import HOST, OTHER, Listener, Request
from tests.hub.store import Commit, Refused, Store


class HubServer(Api):
    """The server. `requests`: what was served, in its order; `errors`: tracebacks of the server's own mistakes."""

    def __init__(self, root: Path | None = None, port: int = 0, log: Path | None = None) -> None:
        self.temporary = (
            None if root else tempfile.TemporaryDirectory(prefix="hub-", ignore_cleanup_errors=True)
        )
        super().__init__(Store(Path(self.temporary.name) if self.temporary else Path(root or "")))
        self.requests: list[Request] = []
        self.errors: list[str] = []
        self.faults, self.log, self.over = Faults(), log, threading.Event()
        self.listeners = [Listener(self, HOST, port), Listener(self, OTHER, 0)]
        self.endpoint, self.storage = (listener.origin for listener in self.listeners)
        self.closed = socket.socket()  # bound and never listening, so that its port stays dead
        self.closed.bind((HOST, 0))
        self.nowhere = f"http://{OTHER}:{self.closed.getsockname()[1]}"

    def __enter__(self) -> HubServer:
        for listener in self.listeners:
            listener.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """From now on connections are refused. What is in the folder stays, unless it is a temporary one."""
        self.over.set()
        for listener in self.listeners:
            listener.stop()
        self.closed.close()
        if self.temporary:
            self.temporary.cleanup()

    def reply(self, call: Call) -> Reply:
        try:
            return self.answer(call)
        except Refused as error:
            return refusal(error)
        except (KeyError, TypeError, ValueError):
            self.errors.append(traceback.format_exc())
            return as_json({"error": "Internal Error"}, 500)

    def record(self, request: Request) -> None:
        self.requests.append(request)
        if self.log:
            with self.log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(request._asdict()) + "\n")

    def served(self, match: str) -> list[Request]:
        """The requests whose `METHOD path` holds the pattern."""
        return [
            request
            for request in list(self.requests)
            if re.search(match, f"{request.method} {request.path}")
        ]

    def environment(self, home: Path, token: str | None = None) -> dict[str, str]:
        """The environment of a client process that knows this server only, with a cache of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        ours = {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        return kept | ours | ({"HF_TOKEN": token} if token else {})

    def fault(self, match: str, kind: Kind, **options: Any) -> Fault:
        """One more rule; `match` is searched in `METHOD path`, as in `GET /storage/.*filename=model.safetensors`."""
        self.faults.append(Fault(match, kind, **options))
        return self.faults[-1]

    def add_repo(
        self,
        name: str,
        files: Mapping[str, bytes] | None = None,
        private: bool = False,
        gated: bool = False,
    ) -> str:
        """A repository with one commit, which is given. One made by the client also holds `.gitattributes`, as on the Hub."""
        kept = {path: self.store.file(path, content) for path, content in (files or {}).items()}
        self.store.create(name, kept, private, gated)
        return self.commits(name)[-1].oid

    def commit(
        self,
        name: str,
        files: Mapping[str, bytes],
        delete: Iterable[str] = (),
        title: str = "Update",
    ) -> str:
        """One more commit on main, made behind the client's back."""
        kept = {path: self.store.file(path, content) for path, content in files.items()}
        return self.store.commit(name, kept, delete, title=title).oid

    def files(self, name: str, revision: str = "main") -> dict[str, bytes]:
        found = self.store.get(name).at(revision).files
        return {
            path: self.store.path(file.sha256).read_bytes() for path, file in sorted(found.items())
        }

    def commits(self, name: str, revision: str = "main") -> list[Commit]:
        """From the oldest to the revision."""
        return self.store.get(name).history(revision)[::-1]


def folder(path: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--repo", action="append", default=[], metavar="NAME=DIR")
    parser.add_argument("--fault", action="append", default=[], metavar="JSON")
    asked = parser.parse_args()
    with HubServer(asked.root, asked.port, asked.log) as hub:
        for name, _, source in (repo.partition("=") for repo in asked.repo):
            if name not in hub.store.repositories:  # else it is there from the last time
                hub.add_repo(name, folder(Path(source)))
        for rule in asked.fault:
            hub.fault(**json.loads(rule))
        print(hub.endpoint, flush=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
