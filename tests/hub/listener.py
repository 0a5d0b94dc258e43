"""The HTTP of the test Hub: connections that stay open, bodies of any size, and what the rules of `faults` make of them."""

from __future__ import annotations

import socket
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

from tests.hub.calls import Call, Reply, text
from tests.hub.faults import Cut, Fault, reset, write_with
from tests.hub.store import CHUNK

if TYPE_CHECKING:
    from tests.hub.server import HubServer

HOST, OTHER = (
    "127.0.0.1",
    "localhost",
)  # another name, as some versions of the client take each port of a host for one place


class Request(NamedTuple):
    """A request that was served. `headers`: names in lower case. `status` 0: the connection ended without a status line."""

    method: str
    path: str
    headers: dict[str, str]
    status: int


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener

    def serve(self) -> None:
        hub, self.status = self.server.hub, 0
        fault = hub.faults.take(f"{self.command} {self.path}")
        path, _, query = self.path.partition("?")
        self.fields = {name.lower(): value for name, value in self.headers.items()}
        left = int(self.fields.get("content-length", 0))
        call = Call(self.command, path, parse_qs(query), self.fields, self.rfile, left)
        try:
            if fault and fault.kind == "drop":
                self.rfile.read(min(left, fault.at or 0))
                raise Cut(reset=True)
            reply = self.answered(call, fault)
            while call.left and (part := self.rfile.read(min(call.left, CHUNK))):
                call.left -= len(part)
            self.send(reply, fault)
        except Cut as cut:
            self.end(cut)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve

    def answered(self, call: Call, fault: Fault | None) -> Reply:
        """The answer, with what the fault changes of it before it is sent."""
        kind = fault.kind if fault else ""
        elsewhere = {"Location": f"http://{self.server.other}:{self.server.server_port}{self.path}"}
        if fault and kind == "status":
            after = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            return text(f"fault {fault.status}".encode(), status=fault.status, **after)
        if kind == "redirect" and call.method not in ("GET", "HEAD"):
            return text(b"", status=307, **elsewhere)
        call.dead = kind == "dead"
        reply = self.server.hub.reply(call)
        return (
            text(b"", status=302, **{**reply.headers, **elsewhere}) if kind == "redirect" else reply
        )

    def send(self, reply: Reply, fault: Fault | None) -> None:
        hub, body = self.server.hub, reply.body
        if fault and fault.at is None:
            hub.over.wait(fault.seconds)
            if fault.kind in ("cut", "reset"):
                raise Cut(fault.kind == "reset")
        if fault and fault.kind == "truncate":
            body = body.cut(0, fault.at)
        self.send_response(reply.status)
        for name, value in {
            **reply.headers,
            "Content-Length": str(body.length),
            **(fault.changed() if fault else {}),
        }.items():
            if value is not None:
                self.send_header(name, value)
        self.record(reply.status)
        self.end_headers()
        if self.command != "HEAD":
            write_with(self.connection, body, fault, hub.over)

    def end(self, cut: Cut) -> None:
        self.close_connection = True
        if not self.status:
            self.record(0)
        if cut.reset:
            reset(self.connection)

    def record(self, status: int) -> None:
        self.status = status
        self.server.hub.record(Request(self.command, self.path, self.fields, status))

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Listener(ThreadingHTTPServer):
    """One origin of the Hub."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, hub: HubServer, name: str, port: int) -> None:
        self.hub = hub
        self.open: set[socket.socket] = set()
        super().__init__((HOST, port), Handler)
        self.origin = f"http://{name}:{self.server_port}"
        self.other = OTHER if name == HOST else HOST
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # the client left
            self.hub.errors.append(traceback.format_exc())

    def stop(self) -> None:
        if self.thread.is_alive():
            self.shutdown()
        self.server_close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
