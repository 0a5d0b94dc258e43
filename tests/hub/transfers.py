"""The answers of the test Hub that carry files: resolve, the storage, uploads and commits."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any
from urllib.parse import quote

from tests.hub.api import Api
from tests.hub.calls import MODEL, REPOSITORY, Call, Reply, as_json, part_of, route, text
from tests.hub.faults import Part
from tests.hub.store import Commit, File, Refused, is_large, large

OBJECT = "/storage/(?P<sha256>[^/]+)"
LFS = f"/{REPOSITORY}\\.git/info/lfs/objects"


def signature(method: str, sha256: str) -> str:
    return hmac.new(b"storage", f"{method} {sha256}".encode(), "sha256").hexdigest()


def address(hub: Api, call: Call, method: str, sha256: str, name: str = "") -> str:
    """Where the storage takes or gives an object: whoever holds this address may, without a token."""
    origin = hub.nowhere if call.dead else hub.storage
    shown = f"filename={quote(name)}&" if name else ""
    return f"{origin}/storage/{sha256}?{shown}X-Amz-Signature={signature(method, sha256)}"


def check_signature(call: Call, method: str, sha256: str) -> None:
    if "authorization" in call.headers:
        raise Refused(400, "Only one auth mechanism allowed: a token was sent to the storage")
    if call.query.get("X-Amz-Signature") != [signature(method, sha256)]:
        raise Refused(403, "SignatureDoesNotMatch")


@route("GET", f"/{REPOSITORY}/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
def resolve(hub: Api, call: Call, name: str, revision: str, path: str) -> Reply:
    commit = hub.readable(call, name).at(revision)
    if path not in commit.files:
        raise Refused(404, "Entry not found", "EntryNotFound", commit.oid)
    file = commit.files[path]
    headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{file.etag}"'}
    if not file.lfs:
        return part_of(call, Part(hub.store.path(file.sha256), 0, file.size), headers)
    headers |= {"X-Linked-ETag": f'"{file.etag}"', "X-Linked-Size": str(file.size)}
    where = address(hub, call, "GET", file.sha256, path)
    return text(f"Found. Redirecting to {where}".encode(), status=302, **headers, Location=where)


@route("GET", OBJECT)
def fetch(hub: Api, call: Call, sha256: str) -> Reply:
    check_signature(call, "GET", sha256)
    source = hub.store.path(sha256)
    if not source.exists():
        raise Refused(404, "NoSuchKey")
    return part_of(call, Part(source, 0, source.stat().st_size), {"ETag": f'"{sha256[:32]}"'})


@route("PUT", OBJECT)
def receive(hub: Api, call: Call, sha256: str) -> Reply:
    check_signature(call, "PUT", sha256)
    if "content-length" not in call.headers:
        raise Refused(411, "MissingContentLength")
    size, call.left = call.left, 0
    hub.store.receive(call.stream, size, sha256)
    return text(b"", ETag=f'"{sha256[:32]}"')


@route("POST", LFS + "/batch")
def batch(hub: Api, call: Call, name: str) -> Reply:
    """Addresses for the objects that the storage lacks."""
    hub.writable(call, name)
    objects = []
    for row in call.json()["objects"]:
        known: dict[str, Any] = {"oid": row["oid"], "size": row["size"]}
        if not hub.store.path(row["oid"]).exists():
            verify = {"href": f"{hub.endpoint}/{name}.git/info/lfs/objects/verify"}
            known["actions"] = {
                "upload": {"href": address(hub, call, "PUT", row["oid"])},
                "verify": verify,
            }
        objects.append(known)
    return as_json({"transfer": "basic", "objects": objects})


def stored(hub: Api, oid: str, size: int | None = None) -> File:
    """A large file whose content the storage has. `size`: what the client says it is."""
    source = hub.store.path(oid)
    if not source.exists() or size not in (None, source.stat().st_size):
        raise Refused(404, f"LFS object {oid} is not in the storage or has another size")
    return large(oid, source.stat().st_size)


@route("POST", LFS + "/verify")
def verify(hub: Api, call: Call, name: str) -> Reply:
    hub.writable(call, name)
    asked = call.json()
    stored(hub, asked["oid"], asked["size"])
    return as_json({})


@route("POST", MODEL + "/preupload/(?P<revision>[^/]+)")
def preupload(hub: Api, call: Call, name: str, revision: str) -> Reply:
    """How each file shall travel, and what the repository now holds at its path, so that the same is not sent again."""
    files = hub.writable(call, name).at(revision).files
    rows = []
    for row in call.json()["files"]:
        path, mode = row["path"], "lfs" if is_large(row["path"], row["size"]) else "regular"
        known = {"oid": files[path].etag} if path in files else {}
        rows.append({"path": path, "uploadMode": mode, "shouldIgnore": False, **known})
    return as_json({"files": rows})


@route("POST", MODEL + "/commit/(?P<revision>[^/]+)")
def commit(hub: Api, call: Call, name: str, revision: str) -> Reply:
    hub.writable(call, name)
    if "create_pr" in call.query:
        raise Refused(501, "pull requests are not part of this server")
    new = committed(hub, name, revision, call.body().splitlines())
    where = f"{hub.endpoint}/{name}/commit/{new.oid}"
    return as_json({"success": True, "commitOid": new.oid, "commitUrl": where, "hookOutput": ""})


def committed(hub: Api, name: str, branch: str, lines: list[bytes]) -> Commit:
    """All of the lines, or none: whatever is wrong is found before the repository changes."""
    head: dict[str, Any] = {}
    add: dict[str, File] = {}
    delete: list[str] = []
    for line in map(json.loads, lines):
        key, value = line["key"], line["value"]
        if key == "header":
            head = value
        elif key == "file":
            add[value["path"]] = hub.store.small(base64.b64decode(value["content"], validate=True))
        elif key == "lfsFile":
            add[value["path"]] = stored(hub, value["oid"], value.get("size"))
        elif key in ("deletedFile", "deletedFolder"):
            delete.append(value["path"].rstrip("/") + "/" * (key == "deletedFolder"))
        else:
            raise Refused(400, f"Unknown key {key!r}")
    named = {
        "title": head.get("summary", ""),
        "message": head.get("description", ""),
        "parent": head.get("parentCommit"),
    }
    return hub.store.commit(name, add, delete, branch=branch, **named)
