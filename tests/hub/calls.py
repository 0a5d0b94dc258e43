"""What the test Hub is asked, and the forms its answers take."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BufferedIOBase
from typing import Any

from tests.hub.faults import Part
from tests.hub.store import Refused

REPOSITORY = r"(?P<name>[^/]+/[^/]+)"
MODEL = "/api/models/" + REPOSITORY


@dataclass
class Reply:
    body: Part
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """A request. `headers`: in lower case. `dead`: storage addresses in its answer shall lead nowhere."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    stream: BufferedIOBase
    left: int
    dead: bool = False
    user: str | None = None
    token: str = ""

    def body(self) -> bytes:
        content = self.stream.read(self.left)
        self.left = 0
        return content

    def json(self) -> Any:
        try:
            return json.loads(self.body() or b"{}")
        except ValueError:
            raise Refused(400, "Invalid JSON") from None

    def flag(self, name: str) -> bool:
        return self.query.get(name, ["false"])[-1].lower() in ("true", "1")


ROUTES: list[tuple[str, str, Callable[..., Reply]]] = []


def route(method: str, pattern: str) -> Callable[[Callable[..., Reply]], Callable[..., Reply]]:
    """Registers an answer; it gets the Hub, the call, and the pattern's groups by name, unquoted."""

    def add(answer: Callable[..., Reply]) -> Callable[..., Reply]:
        ROUTES.append((method, pattern, answer))
        return answer

    return add


def text(
    content: bytes, kind: str = "text/plain; charset=utf-8", status: int = 200, **headers: str
) -> Reply:
    return Reply(Part(content, 0, len(content)), status, {"Content-Type": kind, **headers})


def as_json(value: Any, status: int = 200) -> Reply:
    return text(json.dumps(value).encode(), "application/json; charset=utf-8", status)


def refusal(error: Refused) -> Reply:
    reply = as_json({"error": error.message}, error.status)
    named = {
        "X-Error-Message": error.message,
        "X-Error-Code": error.code,
        "X-Repo-Commit": error.commit,
    }
    reply.headers |= {name: value for name, value in named.items() if value}
    return reply


def part_of(call: Call, whole: Part, headers: dict[str, str]) -> Reply:
    """A file, or the range of it that was asked for."""
    headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", **headers}
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", call.headers.get("range", ""))
    if not wanted or call.method == "HEAD" or wanted[0] == "bytes=-":
        return Reply(whole, 200, headers)
    first, last = wanted.groups()
    start = int(first) if first else max(0, whole.length - int(last))
    end = min(whole.length, int(last) + 1) if first and last else whole.length
    if start >= end:
        return Reply(Part(b"", 0, 0), 416, {"Content-Range": f"bytes */{whole.length}"})
    return Reply(
        whole.cut(start, end),
        206,
        {**headers, "Content-Range": f"bytes {start}-{end - 1}/{whole.length}"},
    )
