"""The wire between the test Hub and a client: ranges, addresses of the storage, commits, and each fault."""

from __future__ import annotations

import http.client
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.hub.server import HubServer

FILE = "/me/gan/resolve/main/config.json"
BIG = b"0123456789" * 100
WEIGHTS = random.Random(0).randbytes(5000)


def ask(
    origin: str,
    method: str,
    path: str,
    body: Any = None,
    token: str | None = "hf_good",
    **headers: str,
) -> Any:
    """One request on a connection of its own: the answer, with its body in `content`."""
    connection = http.client.HTTPConnection(origin.removeprefix("http://"), timeout=10)
    given = {"Authorization": f"Bearer {token}", **headers} if token else headers
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method, path, content, given)
    answer = connection.getresponse()
    answer.content = answer.read()  # type: ignore[attr-defined]
    connection.close()
    return answer


@pytest.fixture
def commit(hub: HubServer) -> str:
    return hub.add_repo("me/gan", {"config.json": BIG, "model.safetensors": WEIGHTS})


@pytest.mark.usefixtures("commit")
@pytest.mark.parametrize(
    ("wanted", "status", "found"),
    [
        ("0-9", 206, BIG[:10]),
        ("990-", 206, BIG[990:]),
        ("-7", 206, BIG[-7:]),
        ("5-5000", 206, BIG[5:]),
        ("1000-", 416, b""),
    ],
)
def test_range(hub: HubServer, wanted: str, status: int, found: bytes) -> None:
    answer = ask(hub.endpoint, "GET", FILE, Range=f"bytes={wanted}")
    assert (answer.status, answer.content) == (status, found)
    assert answer.headers["Content-Range"].endswith("/1000")


@pytest.mark.usefixtures("commit")
def test_storage_takes_no_token_and_no_stranger(hub: HubServer) -> None:
    where = ask(hub.endpoint, "HEAD", "/me/gan/resolve/main/model.safetensors").headers["Location"]
    path = where.removeprefix(hub.storage)
    assert path != where
    assert ask(hub.storage, "GET", path).status == 400
    assert ask(hub.storage, "GET", path[:-1] + "x", token=None).status == 403
    assert ask(hub.storage, "PUT", path, b"other", token=None).status == 403
    assert ask(hub.storage, "GET", path, token=None).content == WEIGHTS


def test_commit_is_whole_or_nothing(hub: HubServer, commit: str) -> None:
    def send(*lines: tuple[str, Any]) -> int:
        body = b"\n".join(json.dumps({"key": key, "value": value}).encode() for key, value in lines)
        return int(ask(hub.endpoint, "POST", "/api/models/me/gan/commit/main", body).status)

    small = ("file", {"path": "a.txt", "content": "YQ==", "encoding": "base64"})
    assert (
        send(small, ("lfsFile", {"path": "b.npz", "algo": "sha256", "oid": "0" * 64, "size": 3}))
        == 404
    )
    assert send(small, ("deletedFile", {"path": "none"})) == 404
    assert send(small, ("file", {"path": "../a", "content": ""})) == 400
    assert send(("header", {"summary": "s", "parentCommit": "0" * 40}), small) == 412
    assert [one.oid for one in hub.commits("me/gan")] == [commit]
    assert (
        send(
            ("header", {"summary": "s", "parentCommit": commit}),
            small,
            ("deletedFile", {"path": "config.json"}),
        )
        == 200
    )
    assert sorted(hub.files("me/gan")) == ["a.txt", "model.safetensors"]
    assert sorted(hub.files("me/gan", commit)) == ["config.json", "model.safetensors"]


def test_the_same_deeds_give_the_same_commits() -> None:
    def deeds() -> list[str]:
        with HubServer() as hub:
            return [
                hub.add_repo("me/gan", {"config.json": BIG}),
                hub.commit("me/gan", {"a": b"a"}),
                hub.commit("me/gan", {}, delete=["a"]),
            ]

    first = deeds()
    assert len(set(first)) == 3
    assert deeds() == first


@pytest.mark.usefixtures("commit")
@pytest.mark.parametrize(
    ("kind", "error"), [("cut", http.client.IncompleteRead), ("reset", ConnectionResetError)]
)
def test_ends_early(hub: HubServer, kind: Any, error: type[Exception]) -> None:
    hub.fault(f"GET {FILE}", kind, at=300, skip=1)
    hub.fault("HEAD", kind, at=None)
    assert ask(hub.endpoint, "GET", FILE).content == BIG
    with pytest.raises(error) as caught:
        ask(hub.endpoint, "GET", FILE)
    if isinstance(caught.value, http.client.IncompleteRead):
        assert caught.value.partial == BIG[:300]
    with pytest.raises(ConnectionError):
        ask(hub.endpoint, "HEAD", FILE)
    assert [request.status for request in hub.requests] == [200, 200, 0]
    assert ask(hub.endpoint, "GET", FILE).content == BIG


@pytest.mark.usefixtures("commit")
def test_reset_gives_what_was_sent_before(hub: HubServer) -> None:
    hub.fault("GET", "reset", at=700)
    connection = http.client.HTTPConnection(hub.endpoint.removeprefix("http://"), timeout=10)
    connection.request("GET", FILE)
    answer = connection.getresponse()
    assert answer.read(700) == BIG[:700]
    with pytest.raises(ConnectionResetError):
        answer.read(1)
    connection.close()


@pytest.mark.usefixtures("commit")
def test_answers_changed(hub: HubServer) -> None:
    flipped = BIG[:500] + bytes([BIG[500] ^ 0xFF]) + BIG[501:]
    hub.fault("GET", "flip", at=500, times=2)
    assert ask(hub.endpoint, "GET", FILE).content == flipped
    assert ask(hub.endpoint, "GET", FILE, Range="bytes=490-").content == flipped[490:]
    hub.fault("GET", "truncate", at=10)
    short = ask(hub.endpoint, "GET", FILE)
    assert (short.status, short.content, short.headers["Content-Length"]) == (200, BIG[:10], "10")
    hub.fault("GET", "status", status=429, retry_after=7)
    late = ask(hub.endpoint, "GET", FILE)
    assert (late.status, late.headers["Retry-After"]) == (429, "7")
    hub.fault("HEAD", "stale", etag="f" * 40)
    assert ask(hub.endpoint, "HEAD", FILE).headers["ETag"] == f'"{"f" * 40}"'
    hub.fault("HEAD", "headers", headers={"X-Repo-Commit": None, "ETag": "x"})
    odd = ask(hub.endpoint, "HEAD", FILE).headers
    assert (odd["X-Repo-Commit"], odd["ETag"], odd["Content-Length"]) == (None, "x", "1000")
    assert all(rule.times == 0 for rule in hub.faults)


@pytest.mark.usefixtures("commit")
def test_other_places(hub: HubServer) -> None:
    hub.fault("GET", "redirect")
    moved = ask(hub.endpoint, "GET", FILE)
    assert (moved.status, moved.headers["Location"]) == (
        302,
        hub.endpoint.replace("127.0.0.1", "localhost") + FILE,
    )
    with urlopen(moved.headers["Location"]) as answer:
        assert answer.read() == BIG
    hub.fault("HEAD", "dead")
    where = ask(hub.endpoint, "HEAD", "/me/gan/resolve/main/model.safetensors").headers["Location"]
    with pytest.raises(ConnectionRefusedError):
        ask(where[: where.index("/storage")], "GET", where[where.index("/storage") :], token=None)


@pytest.mark.usefixtures("commit")
def test_slow(hub: HubServer) -> None:
    for match, kind, options in (
        ("GET", "stall", {"at": 9, "seconds": 0.3}),
        ("GET", "slow", {"rate": 3000}),
    ):
        hub.fault(match, kind, **options)  # type: ignore[arg-type]
        began = time.monotonic()
        assert ask(hub.endpoint, "GET", FILE).content == BIG
        assert 0.28 < time.monotonic() - began < 3


def test_requests_that_do_nothing_or_are_not_answered(hub: HubServer, commit: str) -> None:
    def tag(name: str) -> None:
        ask(hub.endpoint, "POST", "/api/models/me/gan/tag/main", {"tag": name})

    hub.fault("POST", "drop")
    with pytest.raises(ConnectionError):
        tag("dropped")
    hub.fault("POST", "status", status=500)
    tag("failed")
    hub.fault("POST", "cut", at=None)
    with pytest.raises(ConnectionError):
        tag("lost")
    assert hub.store.get("me/gan").tags == {"lost": commit}


def test_stopped_with_a_connection_open() -> None:
    with HubServer() as hub:
        hub.add_repo("me/gan", {"config.json": BIG})
        hub.fault("GET", "stall", seconds=60)
        connection = http.client.HTTPConnection(hub.endpoint.removeprefix("http://"), timeout=10)
        connection.request("GET", FILE)
        answer = connection.getresponse()
        began = time.monotonic()
    assert time.monotonic() - began < 2
    with pytest.raises(ConnectionRefusedError):
        ask(hub.endpoint, "GET", FILE)
    answer.close()
    connection.close()


def test_own_process_and_what_it_left(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "config.json").write_bytes(BIG)

    def start(*words: str) -> tuple[subprocess.Popen[str], str]:
        command = [
            sys.executable,
            "-m",
            "tests.hub.server",
            "--root",
            str(tmp_path / "root"),
            *words,
        ]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        return process, process.stdout.readline().strip() if process.stdout else ""

    rule = json.dumps({"match": "HEAD", "kind": "status", "status": 418})
    first, endpoint = start(
        "--repo", f"me/gan={source}", "--fault", rule, "--log", str(tmp_path / "log")
    )
    assert ask(endpoint, "HEAD", FILE).status == 418
    assert ask(endpoint, "POST", "/api/models/me/gan/tag/main", {"tag": "v1"}).status == 200
    assert [json.loads(line)["status"] for line in (tmp_path / "log").read_text().splitlines()] == [
        418,
        200,
    ]
    first.kill()
    first.wait()
    second, endpoint = start()
    assert ask(endpoint, "GET", "/me/gan/resolve/v1/config.json").content == BIG
    second.send_signal(signal.SIGTERM)
    assert second.wait(10) == 0
