"""`ganzoo pull` against a Hub: what comes from where, and that a model is right or refused."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hub.commands import Ganzoo, config, files, weights
from tests.hub.server import HubServer

MODEL = files()
WEIGHTS = MODEL["model.safetensors"]
STORED = "GET /storage/.*filename=model.safetensors"
ALWAYS = 1000


def right(folder: Path, wanted: dict[str, bytes] = MODEL) -> bool:
    """Whether a pulled folder holds the two files that a model needs, as the Hub has them, and none beside them."""
    needed = {name: wanted[name] for name in ("config.json", "model.safetensors")}
    return {path.name: path.read_bytes() for path in folder.iterdir()} == needed


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def test_branch_tag_and_commit(hub: HubServer, ganzoo: Ganzoo) -> None:
    newer = files(seed=1)
    first = hub.add_repo("me/gan", MODEL)
    repository = hub.store.get("me/gan")
    hub.store.change(lambda: repository.tags.update({"v1": first}))
    hub.store.change(lambda: repository.branches.update({"work/a": first}))
    second = hub.commit("me/gan", newer)
    for name, wanted, commit in (
        ("me/gan", newer, second), ("me/gan@main", newer, second), ("me/gan@v1", MODEL, first), ("me/gan@work/a", MODEL, first),
        (f"me/gan@{first}", MODEL, first), (f"me/gan@{second}", newer, second),
    ):  # fmt: skip
        done = ganzoo("pull", name)
        assert right(done.folder, wanted), name
        assert done.folder.name == commit
        assert f", commit {commit[:12]}, 2 files checked" in done.err


def test_only_what_is_needed_is_fetched(hub: HubServer, ganzoo: Ganzoo) -> None:
    training = weights(seed=5)
    hub.add_repo(
        "me/gan",
        {**MODEL, "samples.png": b"p", "training.safetensors": training, "x/run.bin": b"x"},
    )
    assert right(ganzoo("pull", "me/gan").folder)
    assert len(hub.served("GET /me/gan/resolve|GET /storage")) == 2
    done = ganzoo("pull", "me/gan", "--training")
    assert (done.folder / "training.safetensors").read_bytes() == training
    assert len(hub.served("GET /me/gan/resolve|GET /storage")) == 3
    assert hub.served("training")[0].headers["user-agent"].startswith("ganzoo/")


def test_where_it_came_from(hub: HubServer, ganzoo: Ganzoo) -> None:
    commit = hub.add_repo("me/gan", MODEL)
    assert ganzoo("pull", "me/gan").err.startswith("me/gan: fetched from the Hub, commit ")
    assert ganzoo("pull", "me/gan").err.startswith("me/gan: from the cache, commit ")
    hub.requests.clear()
    assert ganzoo("pull", f"me/gan@{commit}").err.startswith(f"me/gan@{commit}: from the cache, ")
    assert (
        ganzoo("pull", "dcgan-mnist").err == "dcgan-mnist: came with the package, 5 files checked\n"
    )
    assert hub.requests == []


LOADED = """
import sys
from ganzoo.cli.app import main
try:
    main()
finally:
    print(*(name for name in ("huggingface_hub", "httpx", "torch", "numpy", "safetensors", "rich") if name in sys.modules))
"""


def test_a_pinned_model_in_the_cache_costs_nothing(hub: HubServer, ganzoo: Ganzoo) -> None:
    name = f"me/gan@{hub.add_repo('me/gan', MODEL)}"
    ganzoo("pull", name)
    hub.requests.clear()
    command = [sys.executable, "-c", LOADED, "pull", name]
    done = subprocess.run(
        command, env=ganzoo.environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[1:] == [""]
    assert hub.requests == []


def test_news_are_fetched_by_pull_alone(hub: HubServer, ganzoo: Ganzoo) -> None:
    first = hub.add_repo("me/gan", MODEL)
    where = "from ganzoo.zoo.pull import pull\nout = [pull('me/gan').commit, pull('me/gan').origin]"
    assert ganzoo.python(where) == [first, "cache"]
    second = hub.commit("me/gan", files(seed=1))
    hub.requests.clear()
    assert ganzoo.python(where) == [first, "cache"]
    assert hub.requests == []
    assert ganzoo("pull", "me/gan").folder.name == second
    assert ganzoo.python(where) == [second, "cache"]


THIRD = """
from dataclasses import replace
from pathlib import Path
import tiny_class
plugin = replace(tiny_class.plugin, name="shapes", manifest=Path(__file__).parent / "shapes.json")
"""


def third_party(folder: Path, revision: str | None, content: dict[str, bytes]) -> str:
    """A distribution whose manifest names shapes-x, without its files; gives the folder to put on the search path."""
    from ganzoo.zoo import manifest, registry

    some = json.loads((manifest.home_folder() / "weights_manifest.json").read_text())["models"][
        "vanilla-sine"
    ]
    known = {
        n: {"sha256": hashlib.sha256(c).hexdigest(), "bytes": len(c)}
        for n, c in content.items()
        if n != "README.md"
    }
    tiny = json.loads(json.dumps({"size": 8, "classes": ["a", "b"], "width": 8, "latent": 4}))
    entry = {
        **some,
        "plugin": "shapes",
        "repository": "me/gan",
        "revision": revision,
        "files": known,
        "config": tiny,
    }
    info = folder / "ganzoo_shapes-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ganzoo-shapes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\nshapes = shapes_plugin:plugin\n")
    (folder / "shapes_plugin.py").write_text(THIRD)
    whole = {"format": 1, "owner": "me", "default": None, "models": {"shapes-x": entry}}
    (folder / "shapes.json").write_text(json.dumps(whole))
    return os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])


def test_a_name_of_a_manifest(hub: HubServer, ganzoo: Ganzoo, tmp_path: Path) -> None:
    commit = hub.add_repo("me/gan", MODEL)
    hub.commit("me/gan", files(seed=1))
    place = third_party(tmp_path / "lib", commit, MODEL)
    done = ganzoo("pull", "shapes-x", PYTHONPATH=place)
    assert right(done.folder)
    assert done.err == f"shapes-x: fetched from the Hub, commit {commit[:12]}, 2 files checked\n"
    hub.requests.clear()
    assert ganzoo("pull", "shapes-x", PYTHONPATH=place).err.startswith("shapes-x: from the cache")
    assert hub.requests == []
    other = third_party(tmp_path / "other", commit, files(seed=2))
    assert (
        "the manifest says"
        in ganzoo("pull", "shapes-x", PYTHONPATH=other, home="other", code=1).err
    )
    assert "pinned" in ganzoo("pull", "shapes-x@v1", PYTHONPATH=place, code=2).err


def test_a_model_that_is_nowhere_asks_nobody(
    hub: HubServer, ganzoo: Ganzoo, tmp_path: Path
) -> None:
    hub.add_repo("me/gan", MODEL)
    place = third_party(tmp_path / "lib", None, MODEL)
    assert "its revision is null" in ganzoo("pull", "shapes-x", PYTHONPATH=place, code=1).err
    assert hub.requests == []


PASSING: list[tuple[str, str, dict[str, Any]]] = [
    *((STORED, "cut", {"at": at}) for at in (0, 1, 20_000, len(WEIGHTS) - 1)),
    (STORED, "cut", {"at": 1000, "times": 8}),
    (STORED, "reset", {"at": 20_000}),
    (STORED, "reset", {"at": None, "times": 2}),
    (STORED, "flip", {"at": 12_345}),
    (STORED, "truncate", {"at": 1000}),
    (STORED, "headers", {"headers": {"Content-Length": "77"}}),
    (STORED, "status", {"status": 500}),
    (STORED, "status", {"status": 503}),
    ("HEAD .*model", "headers", {"headers": {"X-Linked-Size": "77"}}),
    ("HEAD .*model", "stale", {}),
    ("HEAD .*config", "stale", {}),
    ("HEAD .*model", "status", {"status": 503, "times": 3}),
    ("HEAD .*model", "dead", {}),
    ("GET .*config.json", "cut", {"at": 100}),
    ("GET .*config.json", "flip", {"at": 100}),
    ("GET .*config.json", "redirect", {}),
    ("GET /api", "cut", {"at": 100}),
    ("GET /api", "reset", {"at": None}),
    ("GET /api", "truncate", {"at": 100}),
    ("GET /api", "status", {"status": 500, "times": 3}),
]


@pytest.mark.parametrize(("match", "kind", "options"), PASSING)
def test_what_passes_does_not_matter(
    hub: HubServer, ganzoo: Ganzoo, match: str, kind: Any, options: dict[str, Any]
) -> None:
    hub.add_repo("me/gan", MODEL)
    fault = hub.fault(match, kind, **options)
    done = ganzoo("pull", "me/gan")
    assert right(done.folder)
    assert fault.times == 0
    assert done.err.count("\n") == 1
    assert not list(ganzoo.cache("me/gan").rglob("*.incomplete"))


def test_a_stall(hub: HubServer, ganzoo: Ganzoo) -> None:
    hub.add_repo("me/gan", MODEL)
    hub.fault(STORED, "stall", at=100, seconds=30)
    assert right(ganzoo("pull", "me/gan", HF_HUB_DOWNLOAD_TIMEOUT="1").folder)


def test_the_hub_says_how_long_to_wait(hub: HubServer, ganzoo: Ganzoo) -> None:
    hub.add_repo("me/gan", MODEL)
    hub.fault(STORED, "status", status=429, retry_after=7)
    hub.fault("GET /api", "status", status=429, retry_after=9)
    done = ganzoo("pull", "me/gan")
    assert right(done.folder)
    assert done.slept[0] == 9.0
    assert done.slept[-1] in (7.0, 8.0)  # the client adds a second


LASTING: list[tuple[str, str, dict[str, Any], str]] = [
    (STORED, "flip", {"at": 12_345}, "the Hub says"),
    ("GET .*config.json", "flip", {"at": 100}, "git's hash is"),
    (STORED, "cut", {"at": 1000}, "from http://"),
    (STORED, "reset", {"at": 1000}, "from http://"),
    (STORED, "truncate", {"at": 1000}, "differ in length"),
    (STORED, "status", {"status": 404}, "404"),
    (STORED, "status", {"status": 500}, "the Hub answers 500 (fault 500); try again later"),
    ("HEAD .*model", "headers", {"headers": {"X-Linked-Size": "77"}}, "differ in length"),
    ("HEAD .*model", "headers", {"headers": {"X-Repo-Commit": None}}, "is it one?"),
    (
        "HEAD .*model",
        "headers",
        {"headers": {"X-Repo-Commit": "../../../x"}},
        "Invalid pointer path",
    ),
    ("HEAD .*model", "status", {"status": 503}, "the Hub answers 503"),
    ("HEAD .*model", "dead", {}, "Connection refused"),
    ("GET /api", "status", {"status": 429}, "too many requests"),
    ("GET /api", "status", {"status": 403}, "the Hub refuses (403)"),
    ("GET /api", "truncate", {"at": 10}, "from http://"),
    ("GET /api", "headers", {"headers": {"Content-Length": "0"}}, "from http://"),
]


@pytest.mark.parametrize(("match", "kind", "options", "text"), LASTING)
def test_what_lasts_is_one_line_and_leaves_nothing_wrong(
    hub: HubServer, ganzoo: Ganzoo, match: str, kind: Any, options: dict[str, Any], text: str
) -> None:
    hub.add_repo("me/gan", MODEL)
    hub.fault(match, kind, **{"times": ALWAYS, **options})
    assert text in ganzoo("pull", "me/gan", code=1, token="hf_good").err
    blobs = [
        path
        for path in ganzoo.cache("me/gan").glob("**/*")
        if path.is_file() and path.parent.name != "refs"
    ]
    assert all(path.read_bytes() in MODEL.values() for path in blobs)
    hub.faults.clear()
    assert right(ganzoo("pull", "me/gan").folder)


@pytest.mark.parametrize("link", ["0", "1"])
def test_a_cached_file_that_rots(hub: HubServer, ganzoo: Ganzoo, link: str) -> None:
    commit = hub.add_repo("me/gan", MODEL)
    given: dict[str, Any] = {"HF_HUB_DISABLE_SYMLINKS": link}
    for name in ("model.safetensors", "config.json"):
        for broken in (MODEL[name][:-1], MODEL[name][:-1] + b" ", b"", b"\xff" * len(MODEL[name])):
            path = ganzoo("pull", f"me/gan@{commit}", **given).folder / name
            assert path.is_symlink() == (link == "0")
            blob = path.resolve()
            blob.write_bytes(broken)
            if name == "config.json" and link == "1" and broken.endswith(b" "):
                continue  # nothing here tells what this file was
            refused = ganzoo("pull", f"me/gan@{commit}", HF_HUB_OFFLINE="1", code=1, **given).err
            assert name in refused
            assert "forbids" not in refused
            assert blob.read_bytes() == broken
            done = ganzoo("pull", f"me/gan@{commit}", **given)
            assert "fetched from the Hub" in done.err
            assert right(done.folder)
            assert blob.read_bytes() == MODEL[name]


def test_no_links(hub: HubServer, ganzoo: Ganzoo) -> None:
    commit = hub.add_repo("me/gan", MODEL)
    hub.add_repo("me/old", {**MODEL, "config.json": config({})})
    for name in (f"me/gan@{commit}", "me/old"):
        folder = ganzoo("pull", name, HF_HUB_DISABLE_SYMLINKS="1").folder
        assert not (folder / "model.safetensors").is_symlink()
    assert ganzoo(
        "pull", f"me/gan@{commit}", HF_HUB_DISABLE_SYMLINKS="1", HF_ENDPOINT=hub.nowhere
    ).err.count("from the cache")
    assert ganzoo("pull", "me/old", HF_HUB_DISABLE_SYMLINKS="1").err.count("from the cache")


def test_a_hub_that_cannot_be_reached(hub: HubServer, ganzoo: Ganzoo) -> None:
    commit = hub.add_repo("me/gan", MODEL)
    dead: dict[str, Any] = {"HF_ENDPOINT": hub.nowhere}
    assert hub.nowhere in ganzoo("pull", "me/gan", code=1, **dead).err
    assert "no such" not in ganzoo("pull", "me/gan", code=1, **dead).err
    ganzoo("pull", "me/gan")
    done = ganzoo("pull", "me/gan", **dead)
    assert right(done.folder)
    assert (
        done.err.splitlines()[0] == f"me/gan: from the cache, commit {commit[:12]}, 2 files checked"
    )
    assert done.err.splitlines()[1].endswith("; using the cached commit")
    hub.fault("GET /api", "status", status=503, times=ALWAYS)
    assert "answers 503" in ganzoo("pull", "me/gan").err.splitlines()[1]


def test_off_line(hub: HubServer, ganzoo: Ganzoo) -> None:
    commit = hub.add_repo("me/gan", MODEL)
    for name in ("me/gan", f"me/gan@{commit}"):
        assert ganzoo("pull", name, HF_HUB_OFFLINE="1", code=1).err.endswith(
            "HF_HUB_OFFLINE forbids downloads\n"
        )
    assert hub.requests == []
    ganzoo("pull", "me/gan")
    hub.requests.clear()
    done = ganzoo("pull", "me/gan", HF_HUB_OFFLINE="1")
    assert right(done.folder)
    assert done.err.endswith("HF_HUB_OFFLINE is set; the Hub may have a newer commit\n")
    assert ganzoo("pull", f"me/gan@{commit}", HF_HUB_OFFLINE="1").err.count("\n") == 1
    assert hub.requests == []


@pytest.mark.parametrize(
    ("repository", "token", "text"),
    [
        ("me/private", None, "or it is private (hf auth login)"),
        ("me/private", "hf_other", "or it is private"),
        ("me/private", "hf_wrongwrongwrong", "check the token"),
        ("me/gated", None, "request access at"),
        ("me/gated", "hf_other", "request access at"),
        ("me/none", None, "no such repository"),
        ("me/none", "hf_good", "no such repository"),
        ("me/private@v9", "hf_good", "no such branch, tag or commit"),
        (f"me/private@{'0' * 40}", "hf_good", "no such branch, tag or commit"),
    ],
)
def test_refused(
    hub: HubServer, ganzoo: Ganzoo, repository: str, token: str | None, text: str
) -> None:
    hub.add_repo("me/private", MODEL, private=True)
    hub.add_repo("me/gated", MODEL, gated=True)
    assert text in ganzoo("pull", repository, token=token, code=1).err
    assert not list(ganzoo.cache(repository.partition("@")[0]).rglob("model.safetensors"))


def test_a_folder_without_its_dot(hub: HubServer, ganzoo: Ganzoo) -> None:
    (ganzoo.folder / "runs" / "mine").mkdir(parents=True)
    assert "for the local folder, use ./runs/mine" in ganzoo("pull", "runs/mine", code=1).err
    assert "for the folder" not in ganzoo("pull", "runs/other", code=1).err


def test_with_a_token(hub: HubServer, ganzoo: Ganzoo) -> None:
    hub.add_repo("me/private", MODEL, private=True)
    hub.add_repo("me/gated", MODEL, gated=True)
    for repository in ("me/private", "me/gated"):
        assert right(ganzoo("pull", repository, token="hf_read").folder)


def test_a_token_stays_with_the_hub(hub: HubServer, ganzoo: Ganzoo) -> None:
    """Nor is it shown where an error is: not in the debugger's traceback, and not when the server says it."""
    hub.add_repo("me/gan", MODEL)
    for match in ("GET /api", "HEAD .*config", "GET .*config", "HEAD .*model"):
        hub.fault(match, "redirect")
    assert right(ganzoo("pull", "me/gan", token="hf_good").folder)
    elsewhere = [
        request for request in hub.requests if request.headers["host"].startswith("localhost")
    ]
    assert len(elsewhere) >= 2
    stored = hub.served("/storage/")
    assert stored
    assert not any("hf_good" in str(request.headers) for request in (*elsewhere, *stored))
    assert any("hf_good" in str(request.headers) for request in hub.requests)
    hub.fault("GET /api", "status", status=401, times=ALWAYS, headers={})
    shown = ganzoo(
        "pull", "me/gan", token="hf_wrongwrongwrong", code=1, home="b", GANZOO_DEBUG="1"
    ).err
    assert shown.count("Traceback") == 1
    assert "The above exception" not in shown


@pytest.mark.parametrize("size", ["32k", "200k"])
def test_a_full_disk(
    hub: HubServer, ganzoo: Ganzoo, tmp_path: Path, size: str, tmpfs: Callable[[Path, str], Path]
) -> None:
    home = tmpfs(tmp_path / "home", size)
    hub.add_repo("me/gan", files(400_000))
    done = ganzoo("pull", "me/gan", code=1)
    assert "no space left in" in done.err
    assert done.slept == []
    assert not list(home.rglob("*.incomplete"))


def test_parts_of_dead_downloads_go_and_of_living_ones_stay(hub: HubServer, ganzoo: Ganzoo) -> None:
    hub.add_repo("me/gan", MODEL)
    cache = ganzoo.cache("me/gan")
    dead, alive = "a" * 64, "b" * 64
    for etag in (dead, alive):
        (cache / "blobs").mkdir(parents=True, exist_ok=True)
        (cache / "blobs" / f"{etag}.0123abcd.incomplete").write_bytes(b"x" * 1000)
    lock = cache.parent / ".locks" / cache.name / f"{alive}.lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        ganzoo("pull", "me/gan")
        assert [path.name[:64] for path in cache.rglob("*.incomplete")] == [alive]
    ganzoo("pull", "me/gan", home="home")
    hub.commit("me/gan", files(seed=1))
    ganzoo("pull", "me/gan")
    assert not list(cache.rglob("*.incomplete"))


def test_two_at_once(hub: HubServer, ganzoo: Ganzoo) -> None:
    hub.add_repo("me/gan", files(3_000_000))
    hub.fault(STORED, "slow", rate=4_000_000)
    command = [sys.executable, "-c", "from ganzoo.cli.app import main; main()", "pull", "me/gan"]
    both = [
        subprocess.Popen(command, env=ganzoo.environment(), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    folders = {Path(process.communicate(timeout=60)[0].strip()) for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(folders) == 1
    assert right(folders.pop(), files(3_000_000))
    assert len(hub.served(STORED)) == 1


def test_a_cache_that_is_only_read(hub: HubServer, ganzoo: Ganzoo) -> None:
    commit = hub.add_repo("me/gan", MODEL)
    cache = ganzoo("pull", "me/gan").folder.parents[2]
    bound = (
        ["mount", "--bind", str(cache), str(cache)],
        ["mount", "-o", "remount,bind,ro", str(cache)],
    )
    if os.geteuid() != 0 or any(subprocess.run(command).returncode for command in bound):
        pytest.skip("a read-only mount needs root")
    try:
        for name in ("me/gan", f"me/gan@{commit}"):
            done = ganzoo("pull", name)
            assert right(done.folder)
            assert done.err.count("\n") == 1
        hub.commit("me/gan", files(seed=1))
        assert "set HF_HOME to a folder of yours" in ganzoo("pull", "me/gan", code=1).err
    finally:
        subprocess.run(["umount", cache], check=True)


OTHER = files(seed=9)["model.safetensors"]
NOT_OURS: dict[str, tuple[dict[str, bytes], str]] = {
    "empty": ({}, "not a ganzoo model (no config.json)"),
    "no-weights": ({"config.json": MODEL["config.json"]}, "no model.safetensors"),
    "pickle": (
        {"config.json": b"{}", "pytorch_model.bin": b"x"},
        "pytorch_model.bin, a pickle, which ganzoo never loads",
    ),
    "name": ({"config.json": b"{}", "a\x1b[2J\nb.bin": b"x"}, "a pickle"),
    "garbage": ({**MODEL, "config.json": b"\xff\x00{"}, "config.json"),
    "bert": ({**MODEL, "config.json": b'{"model_type": "bert"}'}, "config.json"),
    "deep": ({**MODEL, "config.json": b'{"config": ' * 5000}, "config.json"),
    "huge": (
        {**MODEL, "config.json": b" " * 1_000_001 + MODEL["config.json"]},
        "too large for a config",
    ),
    "halves": (
        {**MODEL, "config.json": config({"model.safetensors": OTHER})},
        "config.json beside it says",
    ),
    "shorter": (
        {**MODEL, "config.json": config({"model.safetensors": WEIGHTS[:-1]})},
        "config.json beside it says",
    ),
    "path": ({**MODEL, "config.json": config({"../model.safetensors": WEIGHTS})}, "config.json"),
}


@pytest.mark.parametrize("what", list(NOT_OURS))
def test_repositories_that_are_no_models(hub: HubServer, ganzoo: Ganzoo, what: str) -> None:
    content, text = NOT_OURS[what]
    commit = hub.add_repo("me/gan", content)
    for name in ("me/gan", f"me/gan@{commit}", "me/gan"):
        shown = ganzoo("pull", name, code=1).err
        assert text in shown
        assert shown[:-1].isprintable()
    assert len(hub.served(STORED)) <= 4


def test_a_plugin_that_is_not_here(hub: HubServer, ganzoo: Ganzoo) -> None:
    told = config({"model.safetensors": WEIGHTS}, plugin="nowhere", distribution="ganzoo-nowhere")
    hub.add_repo("me/gan", {**MODEL, "config.json": told})
    ganzoo("pull", "me/gan")
    assert "needs the plugin 'nowhere'" in ganzoo("sample", "me/gan", "-o", "x.png", code=1).err
    assert "no plugin 'nowhere'" in ganzoo("info", "me/gan").out


@pytest.mark.parametrize(
    "name",
    [
        "a/b/c",
        "a/..",
        "../x/..",
        "a/b@../../x",
        "a/b@",
        "a/b@x y",
        "/a/b@c",
        "a/-b",
        "a/b\n",
        "a\x1b/b",
        "a/b@x/../y",
        "a//b",
    ],
)
def test_names_that_are_none(hub: HubServer, ganzoo: Ganzoo, name: str) -> None:
    shown = ganzoo("pull", name, code=2).err
    assert shown[:-1].isprintable()
    assert hub.requests == []


def test_what_the_server_says_is_made_harmless(hub: HubServer, ganzoo: Ganzoo) -> None:
    hub.add_repo("me/gan", MODEL)
    said = (
        "go away hf_wrongwrongwrong, by https://x.y/z?X-Amz-Signature=secret \u00ad\u009b31m"
        + "x" * 1000
    )
    hub.store.get("me/gan").branches.clear()
    hub.fault(
        "GET /api", "headers", headers={"X-Error-Message": said, "X-Error-Code": None}, times=ALWAYS
    )
    for token in (None, "hf_good"):
        shown = ganzoo("pull", "me/gan", token=token, code=1).err
        assert "go away <token>, by https://x.y/z" in shown
        assert "secret" not in shown
        assert shown[:-1].isprintable()
        assert len(shown) < 500


def test_what_is_known_of_a_repository(hub: HubServer, ganzoo: Ganzoo) -> None:
    """`ganzoo info` fetches no weights, and asks once."""
    tiny = {"size": 8, "classes": ["a", "b"], "width": 8, "latent": 4}
    commit = hub.add_repo(
        "me/gan", {**MODEL, "config.json": config({"model.safetensors": WEIGHTS}, config=tiny)}
    )
    shown = json.loads(ganzoo("info", "me/gan", "--json").out)
    assert (shown["repository"], shown["commit"], shown["plugin"], shown["config"]) == (
        "me/gan",
        commit,
        "tiny_class",
        tiny,
    )
    assert "label" in shown["inputs"]
    assert hub.served("/storage/") == []
    hub.requests.clear()
    assert json.loads(ganzoo("info", f"me/gan@{commit}", "--json").out) == shown
    assert json.loads(ganzoo("info", "me/gan", "--json", HF_HUB_OFFLINE="1").out) == shown
    assert hub.requests == []
    assert "no such repository" in ganzoo("info", "me/none", code=1).err
    assert right(ganzoo("pull", "me/gan").folder, hub.files("me/gan"))
