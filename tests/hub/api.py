"""Who may do what on the test Hub, and its answers about users, repositories, revisions and references."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.hub.calls import MODEL, ROUTES, Call, Reply, as_json, route, text
from tests.hub.store import ATTRIBUTES, Commit, File, Refused, Repository, Store, git_oid

DATE = "2026-01-01T00:00:00.000Z"


class Api:
    """`tokens`: token to user; `read_only`: tokens that may not write; `members`: user to organizations."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.tokens = {"hf_good": "me", "hf_read": "me", "hf_other": "other"}
        self.read_only = {"hf_read"}
        self.members: dict[str, list[str]] = {}
        self.endpoint = self.storage = self.nowhere = ""

    def answer(self, call: Call) -> Reply:
        """The reply to a call; raises Refused."""
        self.authenticate(call)
        for method, pattern, answer in ROUTES:
            found = re.fullmatch(pattern, call.path)
            if found and (call.method == method or (call.method == "HEAD" and method == "GET")):
                return answer(
                    self,
                    call,
                    **{key: unquote(value or "") for key, value in found.groupdict().items()},
                )
        raise Refused(404, f"Sorry, we can't find {call.method} {call.path}")

    def authenticate(self, call: Call) -> None:
        given = call.headers.get("authorization")
        if given is None or call.path.startswith("/storage/"):
            return
        call.token = given.removeprefix("Bearer ")
        if call.token not in self.tokens:
            raise Refused(401, "Invalid credentials in Authorization header")
        call.user = self.tokens[call.token]

    def belongs(self, user: str | None, namespace: str) -> bool:
        return user is not None and (user == namespace or namespace in self.members.get(user, []))

    def check_writer(self, call: Call, namespace: str) -> None:
        if call.user is None:
            raise Refused(401, "Invalid username or password.")
        if call.token in self.read_only or not self.belongs(call.user, namespace):
            raise Refused(
                403, f"You don't have the rights to write under the namespace {namespace}"
            )

    def seen(self, call: Call, name: str) -> Repository:
        """A repository the caller may know of. As on the Hub, who sends no token is told 401, whether it exists or not."""
        found = self.store.repositories.get(name)
        if found is None or (found.private and not self.belongs(call.user, found.owner)):
            raise Refused(404 if call.user else 401, "Repository not found", "RepoNotFound")
        return found

    def readable(self, call: Call, name: str) -> Repository:
        """A repository whose files the caller may read."""
        found = self.seen(call, name)
        if (
            found.gated
            and not self.belongs(call.user, found.owner)
            and call.user not in found.granted
        ):
            reason = (
                "you are not in the authorized list"
                if call.user
                else "you must be authenticated to access it"
            )
            raise Refused(
                403 if call.user else 401,
                f"Access to model {name} is restricted and {reason}.",
                "GatedRepo",
            )
        return found

    def writable(self, call: Call, name: str) -> Repository:
        found = self.seen(call, name)
        self.check_writer(call, found.owner)
        return found


@route("GET", "/api/whoami-v2")
def whoami(hub: Api, call: Call) -> Reply:
    if call.user is None:
        raise Refused(401, "Invalid username or password.")
    role = "read" if call.token in hub.read_only else "write"
    orgs = [
        {"type": "org", "name": name, "fullname": name} for name in hub.members.get(call.user, [])
    ]
    access = {"type": "access_token", "accessToken": {"displayName": "test", "role": role}}
    return as_json(
        {
            "type": "user",
            "id": "1",
            "name": call.user,
            "fullname": call.user,
            "orgs": orgs,
            "auth": access,
        }
    )


@route("GET", "/api/agent-harnesses")
def harnesses(hub: Api, call: Call) -> Reply:
    """A list that the client fetches when its cache has none of today, whatever it is used for."""
    return as_json({"standardEnvVars": [], "harnesses": {}})


@route("POST", "/api/validate-yaml")
def validate_yaml(hub: Api, call: Call) -> Reply:
    """Only the frame of the front matter is looked at."""
    lines = call.json()["content"].splitlines()
    if lines[:1] != ["---"]:
        return as_json(
            {"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]}
        )
    broken = "---" not in lines[1:] or any(
        line.startswith("\t") for line in lines[1 : lines.index("---", 1)]
    )
    errors = [{"message": "invalid yaml metadata in repo card"}] if broken else []
    return as_json({"errors": errors, "warnings": []}, 400 if broken else 200)


def asked_name(call: Call, asked: Mapping[str, Any]) -> str:
    if asked.get("type") not in (None, "model"):
        raise Refused(400, "only models are part of this server")
    return f"{asked.get('organization') or call.user}/{asked['name']}"


@route("POST", "/api/repos/create")
def create(hub: Api, call: Call) -> Reply:
    asked = call.json()
    name = asked_name(call, asked)
    hub.check_writer(call, name.split("/")[0])
    known = {"url": f"{hub.endpoint}/{name}", "name": name}
    if name in hub.store.repositories:
        return as_json({"error": "You already created this model repo", **known}, 409)
    private = bool(asked.get("private")) or asked.get("visibility") == "private"
    hub.store.create(name, {".gitattributes": hub.store.small(ATTRIBUTES)}, private)
    return as_json(known)


@route("DELETE", "/api/repos/delete")
def delete(hub: Api, call: Call) -> Reply:
    name = asked_name(call, call.json())
    hub.writable(call, name)
    hub.store.delete(name)
    return text(b"OK")


@route("PUT", MODEL + "/settings")
def settings(hub: Api, call: Call, name: str) -> Reply:
    repository, asked = hub.writable(call, name), call.json()

    def act() -> None:
        if "gated" in asked:
            repository.gated = bool(asked["gated"])
        if "private" in asked or "visibility" in asked:
            repository.private = bool(asked.get("private")) or asked.get("visibility") == "private"

    hub.store.change(act)
    return as_json({"private": repository.private, "gated": repository.gated})


def sibling(path: str, file: File, blobs: bool) -> dict[str, Any]:
    if not blobs:
        return {"rfilename": path}
    known: dict[str, Any] = {"rfilename": path, "size": file.size, "blobId": file.oid}
    if file.lfs:
        known["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": len(file.pointer)}
    return known


@route("GET", MODEL + "(/revision/(?P<revision>[^/]+))?")
def info(hub: Api, call: Call, name: str, revision: str) -> Reply:
    repository = hub.seen(call, name)
    commit = repository.at(revision or "main")
    known = {
        "id": name, "modelId": name, "author": repository.owner, "sha": commit.oid, "private": repository.private,
        "gated": "manual" if repository.gated else False, "disabled": False, "downloads": 0, "likes": 0, "tags": [],
        "createdAt": DATE, "lastModified": DATE, "usedStorage": sum(file.size for file in commit.files.values()),
        "siblings": [sibling(path, file, call.flag("blobs")) for path, file in sorted(commit.files.items())],
    }  # fmt: skip
    wanted = call.query.get("expand")
    return as_json(
        {
            "_id": git_oid(name.encode())[:24],
            **{key: known[key] for key in known if not wanted or key in (*wanted, "id")},
        }
    )


def entry(path: str, file: File) -> dict[str, Any]:
    known: dict[str, Any] = {"type": "file", "path": path, "size": file.size, "oid": file.oid}
    if file.lfs:
        known["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": len(file.pointer)}
    return known


def entries(commit: Commit) -> dict[str, dict[str, Any]]:
    """Every file and folder of a commit by its path."""
    found = {}
    for path, file in sorted(commit.files.items()):
        parts = path.split("/")[:-1]
        for folder in ("/".join(parts[: n + 1]) for n in range(len(parts))):
            found[folder] = {
                "type": "directory",
                "path": folder,
                "size": 0,
                "oid": git_oid(f"{commit.oid}/{folder}".encode(), "tree"),
            }
        found[path] = entry(path, file)
    return found


@route("GET", MODEL + "/tree/(?P<revision>[^/]+)(/(?P<path>.+))?")
def tree(hub: Api, call: Call, name: str, revision: str, path: str) -> Reply:
    commit = hub.seen(call, name).at(revision)
    below = f"{path}/" if path else ""
    found = {
        where[len(below) :]: row
        for where, row in entries(commit).items()
        if where.startswith(below)
    }
    if path and not found:
        raise Refused(404, f"{path} does not exist on {revision}", "EntryNotFound", commit.oid)
    return as_json(
        [row for where, row in found.items() if call.flag("recursive") or "/" not in where]
    )


@route("POST", MODEL + "/paths-info/(?P<revision>[^/]+)")
def paths_info(hub: Api, call: Call, name: str, revision: str) -> Reply:
    found = entries(hub.seen(call, name).at(revision))
    form = call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    paths = parse_qs(call.body().decode()).get("paths", []) if form else call.json()["paths"]
    return as_json([found[path] for path in paths if path in found])


@route("GET", MODEL + "/commits/(?P<revision>[^/]+)")
def commits(hub: Api, call: Call, name: str, revision: str) -> Reply:
    history = hub.seen(call, name).history(revision)
    authors = [{"user": name.split("/")[0]}]
    return as_json(
        [
            {"id": c.oid, "title": c.title, "message": c.message, "authors": authors, "date": DATE}
            for c in history
        ]
    )


@route("GET", MODEL + "/refs")
def refs(hub: Api, call: Call, name: str) -> Reply:
    repository = hub.seen(call, name)

    def listed(kind: str, named: Mapping[str, str]) -> list[dict[str, str]]:
        return [
            {"name": key, "ref": f"refs/{kind}/{key}", "targetCommit": oid}
            for key, oid in named.items()
        ]

    return as_json(
        {
            "branches": listed("heads", repository.branches),
            "converts": [],
            "tags": listed("tags", repository.tags),
        }
    )


@route("POST", MODEL + "/(?P<kind>tag|branch)/(?P<ref>[^/]+)")
def point(hub: Api, call: Call, name: str, kind: str, ref: str) -> Reply:
    """A new tag, at the revision of the address, or a new branch, which the address names."""
    repository, asked = hub.writable(call, name), call.json()
    new, revision = (
        (asked["tag"], ref) if kind == "tag" else (ref, asked.get("startingPoint") or "main")
    )
    named = repository.tags if kind == "tag" else repository.branches
    if new in named:
        raise Refused(409, f"Reference already exists: {new}")
    hub.store.change(lambda: named.update({new: repository.at(revision).oid}))
    return text(b"OK")


@route("DELETE", MODEL + "/(?P<kind>tag|branch)/(?P<ref>[^/]+)")
def unpoint(hub: Api, call: Call, name: str, kind: str, ref: str) -> Reply:
    repository = hub.writable(call, name)
    named = repository.tags if kind == "tag" else repository.branches
    if ref not in named or (kind, ref) == ("branch", "main"):
        raise Refused(404, f"{kind} {ref} does not exist or cannot be deleted", "RevisionNotFound")
    hub.store.change(lambda: named.pop(ref))
    return text(b"OK")
