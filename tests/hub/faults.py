"""What can go wrong between the test Hub and its client, by rule, the same way each time."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import struct
import termios
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

Kind = Literal[
    "cut",
    "reset",
    "stall",
    "slow",
    "flip",
    "truncate",
    "status",
    "headers",
    "stale",
    "redirect",
    "dead",
    "drop",
]
KINDS = get_args(Kind)


@dataclass(frozen=True)
class Part:
    """The body of an answer: `length` bytes of a file or of a string from `start` on."""

    source: Path | bytes
    start: int
    length: int

    def cut(self, begin: int, end: int | None = None) -> Part:
        begin, end = min(begin, self.length), self.length if end is None else min(end, self.length)
        return Part(self.source, self.start + begin, end - begin)

    def read(self) -> bytes:
        if isinstance(self.source, bytes):
            return self.source[self.start : self.start + self.length]
        with self.source.open("rb") as file:
            file.seek(self.start)
            return file.read(self.length)


@dataclass
class Fault:
    """One rule: what happens to the requests that match, after the first `skip` of them and `times` times.

    at       byte of the body where it happens (of the whole file for `flip`); None: before the status line
    cut      `at` bytes are sent, all were promised, the connection is closed (FIN)
    reset    the same, and the connection is reset (RST)
    stall    nothing is sent for `seconds` after `at` bytes; then the rest
    slow     `rate` bytes a second
    flip     the bits of one byte are inverted; the length stays
    truncate the body ends after `at` bytes, and Content-Length says so
    status   `status` instead of an answer, with Retry-After if `retry_after` is given; nothing is done
    headers  headers of the answer are replaced (a value) or left out (None)
    stale    ETag and X-Linked-ETag are `etag`
    redirect the same path under the other name of the server, `localhost` for `127.0.0.1`, which is another origin
    dead     addresses of the storage that the answer gives refuse connections
    drop     the connection is reset after `at` bytes of the request's body; nothing is done
    """

    match: str
    kind: Kind
    times: int = 1
    skip: int = 0
    at: int | None = 0
    seconds: float = 0.0
    rate: int = 2**20
    status: int = 503
    retry_after: int | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    etag: str = "0" * 64

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault {self.kind!r}; there are {', '.join(KINDS)}")

    def changed(self) -> Mapping[str, str | None]:
        """Headers of the answer that this fault replaces."""
        if self.kind == "stale":
            return {"ETag": f'"{self.etag}"', "X-Linked-ETag": f'"{self.etag}"'}
        return self.headers if self.kind == "headers" else {}


class Faults(list[Fault]):
    """The rules in their order; the first that matches a request and is not used up is taken."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def take(self, request: str) -> Fault | None:
        """`request`: method and path, as `GET /me/gan/resolve/main/config.json`."""
        with self.lock:
            for rule in self:
                if rule.times and re.search(rule.match, request):
                    if rule.skip:
                        rule.skip -= 1
                        continue
                    rule.times -= 1
                    return rule
        return None


class Cut(Exception):
    """The connection ends here. `reset`: with RST."""

    def __init__(self, reset: bool) -> None:
        super().__init__()
        self.reset = reset


def write(sock: socket.socket, part: Part) -> None:
    """A body, without a copy where it is a file."""
    if isinstance(part.source, bytes):
        sock.sendall(part.read())
    elif part.length:
        with part.source.open("rb") as file:
            sock.sendfile(file, part.start, part.length)


def write_slowly(sock: socket.socket, part: Part, rate: int, over: threading.Event) -> None:
    began, sent, step = time.monotonic(), 0, max(1, rate // 50)
    while sent < part.length:
        over.wait(max(0.0, began + sent / rate - time.monotonic()))
        write(sock, part.cut(sent, sent + step))
        sent += step


def write_flipped(sock: socket.socket, part: Part, at: int) -> None:
    here = at - part.start
    if not 0 <= here < part.length:
        return write(sock, part)
    write(sock, part.cut(0, here))
    sock.sendall(bytes([part.cut(here, here + 1).read()[0] ^ 0xFF]))
    return write(sock, part.cut(here + 1))


def write_with(sock: socket.socket, part: Part, fault: Fault | None, over: threading.Event) -> None:
    """The body as the fault would have it. `over`: the server stops, so that nobody need wait. Raises Cut."""
    kind, at = (fault.kind, fault.at or 0) if fault else ("", 0)
    if fault and kind == "slow":
        write_slowly(sock, part, fault.rate, over)
    elif kind == "flip":
        write_flipped(sock, part, at)
    elif fault and kind == "stall":
        write(sock, part.cut(0, at))
        over.wait(fault.seconds)
        write(sock, part.cut(at))
    elif kind in ("cut", "reset"):
        write(sock, part.cut(0, at))
        raise Cut(kind == "reset")
    else:
        write(sock, part)


def reset(sock: socket.socket) -> None:
    """Ends a connection with RST, once what was sent has reached the other side."""
    until = time.monotonic() + 5
    while (
        time.monotonic() < until
        and struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0]
    ):
        time.sleep(0.001)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(sock.detach())  # close() alone would wait for the handler's files
