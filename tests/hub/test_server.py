"""The test Hub as the real client sees it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hub.server import HubServer

Client = Callable[..., Any]
WEIGHTS = random.Random(0).randbytes(50_000)
FILES = {"model.safetensors": WEIGHTS, "config.json": b'{"format": 1}', "deep/er/notes.txt": b"n"}
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()

UPLOAD = """
import json, pathlib
api = HfApi()
weights = pathlib.Path("WEIGHTS").read_bytes()
def upload(text):
    return api.create_commit("me/gan", [
        CommitOperationAdd("model.safetensors", weights), CommitOperationAdd("README.md", text),
    ], commit_message="Upload").oid
url = str(api.create_repo("me/gan", private=True))
api.create_repo("me/gan", exist_ok=True)
first = upload(b"---\\nlicense: mit\\n---\\n")
again = upload(b"---\\nlicense: mit\\n---\\n")
api.create_tag("me/gan", tag="v1", revision=first)
api.create_tag("me/gan", tag="v1", exist_ok=True)
api.create_branch("me/gan", branch="old/one", revision="v1")
second = upload(b"changed")
api.delete_file("README.md", "me/gan")
refs = api.list_repo_refs("me/gan")
info = api.model_info("me/gan", files_metadata=True)
paths = api.get_paths_info("me/gan", ["model.safetensors", "none"], revision="v1")
fetched = hf_hub_download("me/gan", "README.md", revision="old/one")
out = {
    "url": url, "first": first, "again": again, "second": second, "who": api.whoami()["name"],
    "tags": {ref.name: ref.target_commit for ref in refs.tags}, "branches": [ref.name for ref in refs.branches],
    "siblings": {s.rfilename: [s.size, s.lfs and s.lfs.sha256] for s in info.siblings}, "private": info.private,
    "paths": [[p.path, p.lfs.sha256] for p in paths], "commits": [c.commit_id for c in api.list_repo_commits("me/gan")],
    "old": pathlib.Path(fetched).read_text(),
}
api.delete_tag("me/gan", tag="v1")
api.delete_branch("me/gan", branch="old/one")
"""


def test_upload(hub: HubServer, client: Client, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(WEIGHTS)
    out = client(UPLOAD.replace("WEIGHTS", str(tmp_path / "weights")), "hf_good")
    assert out["url"] == f"{hub.endpoint}/me/gan"
    assert out["who"] == "me"
    assert out["again"] == out["first"]
    assert out["tags"] == {"v1": out["first"]}
    assert out["branches"] == ["main", "old/one"]
    assert out["private"] is True
    assert out["siblings"]["model.safetensors"] == [len(WEIGHTS), SHA256]
    assert sorted(out["siblings"]) == [".gitattributes", "model.safetensors"]
    assert out["paths"] == [["model.safetensors", SHA256]]
    assert out["old"] == "---\nlicense: mit\n---\n"
    commits = hub.commits("me/gan")
    assert [commit.title for commit in commits][:3] == ["initial commit", "Upload", "Upload"]
    assert [commit.oid for commit in commits] == out["commits"][::-1]
    assert out["second"] == commits[2].oid
    assert hub.files("me/gan")["model.safetensors"] == WEIGHTS
    assert not hub.store.get("me/gan").tags
    assert ["authorization" in request.headers for request in hub.served("PUT /storage/")] == [
        False
    ]
    assert all(
        "authorization" in request.headers
        for request in hub.served(" /api/(models|repos|who)| /me/")
    )


def test_download(hub: HubServer, client: Client) -> None:
    commit = hub.add_repo("me/gan", FILES, private=True)
    code = """
    folder = snapshot_download("me/gan")
    file = hf_hub_download("me/gan", "model.safetensors", revision=os.path.basename(folder))
    out = [folder, os.path.realpath(file), sorted(HfApi().list_repo_files("me/gan"))]
    """
    folder, blob, names = client("if True:" + code, "hf_good")
    assert {name: (Path(folder) / name).read_bytes() for name in FILES} == FILES
    assert Path(folder).name == commit
    assert Path(blob).name == SHA256
    assert names == sorted(FILES)
    stored = hub.served(" /storage/")
    assert [
        (request.method, request.status, "authorization" in request.headers) for request in stored
    ] == [("GET", 200, False)]
    assert (
        hub.served(f"GET /me/gan/resolve/{commit}/config.json")[0].headers["authorization"]
        == "Bearer hf_good"
    )


def test_resumed(hub: HubServer, client: Client) -> None:
    content = WEIGHTS * 230  # more than the 10 MiB that the client keeps at a time
    hub.add_repo("me/gan", {"model.safetensors": content})
    hub.fault("GET /storage/", "cut", at=11_000_000)
    path = client("out = hf_hub_download('me/gan', 'model.safetensors')")
    assert Path(path).read_bytes() == content
    ranges = [request.headers.get("range") for request in hub.served("GET /storage/")]
    assert ranges == [None, "bytes=10485760-"]


def test_refusals(hub: HubServer, client: Client) -> None:
    hub.add_repo("me/private", FILES, private=True)
    hub.add_repo("me/gated", FILES, gated=True)
    code = """
    def of(act, *words, **named):
        try:
            return act(*words, **named) and "done"
        except Exception as error:
            return [type(error).__name__, error.response.status_code]
    def get(name, file="config.json", revision=None, token=None):
        return get_hf_file_metadata(hf_hub_url(name, file, revision=revision), token=token)
    api = HfApi()
    out = {
        "private, nobody": of(get, "me/private", token=False), "private, other": of(get, "me/private", token="hf_other"),
        "private, owner": of(get, "me/private", token="hf_good"), "private, wrong": of(get, "me/private", token="hf_bad"),
        "gated, nobody": of(get, "me/gated", token=False), "gated, other": of(get, "me/gated", token="hf_other"),
        "missing": of(get, "me/none", token="hf_good"), "file": of(get, "me/gated", "none", token="hf_good"),
        "revision": of(get, "me/gated", revision="v9", token="hf_good"), "whoami": of(api.whoami, token="hf_bad"),
        "create, other": of(api.create_repo, "me/new", token="hf_other"),
        "create, read": of(api.create_repo, "me/new", token="hf_read"),
        "exists": of(api.create_repo, "me/gated", token="hf_good"), "info": of(api.model_info, "me/gated", token=False),
        "delete": of(api.delete_repo, "me/gated", token="hf_other"), "reader": of(api.model_info, "me/private", token="hf_read"),
    }
    """
    assert client("if True:" + code) == {
        "private, nobody": ["RepositoryNotFoundError", 401],
        "private, other": ["RepositoryNotFoundError", 404],
        "private, owner": "done",
        "private, wrong": ["HfHubHTTPError", 401],
        "gated, nobody": ["GatedRepoError", 401],
        "gated, other": ["GatedRepoError", 403],
        "missing": ["RepositoryNotFoundError", 404],
        "file": ["RemoteEntryNotFoundError", 404],
        "revision": ["RevisionNotFoundError", 404],
        "whoami": ["HfHubHTTPError", 401],
        "create, other": ["HfHubHTTPError", 403],
        "create, read": ["HfHubHTTPError", 403],
        "exists": ["HfHubHTTPError", 409],
        "info": "done",
        "delete": ["HfHubHTTPError", 403],
        "reader": "done",
    }
