"""`ganzoo publish` against a Hub: what is sent and what never is, and that a repository is whole or as it was."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from ganzoo.zoo.manifest import ModelEntry
from tests.hub.commands import Done, Ganzoo
from tests.hub.server import HubServer

SENT = {
    ".gitattributes",
    "README.md",
    "config.json",
    "golden.npz",
    "model.safetensors",
    "samples.png",
}
STORY = ("--licence", "mit", "--summary", "Shades of grey")
ALWAYS = 1000


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A finished run, for this test."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def publish(ganzoo: Ganzoo, run: Path) -> Iterator[Any]:
    """Publishes the run as me/gan."""

    def call(
        *words: object, model: str = "./run", story: tuple[str, ...] = STORY, **options: Any
    ) -> Done:
        return ganzoo(
            "publish",
            model,
            "--repo-id",
            "me/gan",
            *story,
            *words,
            **{"token": "hf_good", **options},
        )

    yield call
    assert run.exists()


def entry(done: Done) -> ModelEntry:
    """The manifest entry that was printed."""
    url, commit, *text = done.out.splitlines()
    ((name, found),) = msgspec.json.decode("\n".join(text), type=dict[str, ModelEntry]).items()
    assert url.endswith("/me/gan")
    assert found.revision == commit
    assert name == f"{found.plugin}-gan"
    return found


def test_what_is_sent(hub: HubServer, publish: Any, run: Path) -> None:
    secret = b"TOPSECRET"
    for name in (
        ".env",
        "local.json.bak",
        "id_rsa",
        "model.safetensors.bak",
        "notes.md",
        "README.md",
        "samples/more.png",
    ):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_bytes(secret)
    assert (run / "checkpoint.safetensors").exists()
    done = publish()
    held = hub.files("me/gan")
    assert set(held) == SENT | {"training.safetensors"}
    everything = b"".join(held.values())
    assert secret not in everything
    assert str(run).encode() not in everything
    assert hub.commits("me/gan")[0].title == "initial commit"
    assert len(hub.commits("me/gan")) == 2
    found = entry(done)
    assert found.revision == hub.commits("me/gan")[-1].oid
    for name, file in found.files.items():
        assert (hashlib.sha256(held[name]).hexdigest(), len(held[name])) == (
            file.sha256,
            file.bytes,
        )
    told = json.loads(held["config.json"])["files"]
    assert set(told) == {"model.safetensors", "training.safetensors"}
    assert all(told[name] == msgspec.to_builtins(found.files[name]) for name in told)


def test_again_is_no_commit(hub: HubServer, publish: Any) -> None:
    first = publish()
    hub.requests.clear()
    again = publish()
    assert again.out == first.out
    assert again.err == "me/gan: is up to date; no new commit\n"
    assert len(hub.commits("me/gan")) == 2
    assert not hub.served("PUT|/commit/|preupload")


def test_an_earlier_file_goes_and_a_strangers_stays(hub: HubServer, publish: Any) -> None:
    publish()
    hub.commit("me/gan", {"notes.txt": b"mine"})
    assert "training.safetensors (removed)" in publish("--no-training").err
    assert set(hub.files("me/gan")) == SENT | {"notes.txt"}
    assert len(hub.commits("me/gan")) == 4
    assert set(json.loads(hub.files("me/gan")["config.json"])["files"]) == {"model.safetensors"}


def test_the_card(hub: HubServer, ganzoo: Ganzoo, publish: Any, tmp_path: Path) -> None:
    figures = [{"name": 'FID: "x" | y', "value": 12.5, "protocol": "p", "command": "c"}]
    (tmp_path / "m.json").write_text(json.dumps(figures))
    publish(
        "--metrics",
        "m.json",
        "--notes",
        "only <b>shades</b>",
        story=("--licence", "my own: terms", "--summary", "A\nb: c"),
    )
    card = hub.files("me/gan")["README.md"].decode()
    _, front, text = card.split("---\n", 2)
    facts = yaml.safe_load(front)
    assert facts["library_name"] == "ganzoo"
    assert facts["pipeline_tag"] == "unconditional-image-generation"
    assert (facts["license"], facts["license_name"]) == ("other", "my own: terms")
    assert "base_model" not in facts
    (index,) = facts["model-index"]
    (result,) = index["results"]
    assert result["metrics"] == [{"type": "fid-x-y", "value": 12.5, "name": 'FID: "x" | y'}]
    assert result["dataset"] == {"name": "shades", "type": "shades"}
    assert "only &lt;b>shades&lt;/b>" in text
    assert "ganzoo sample me/gan --seed 0" in text
    snippet = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(snippet) == 1
    assert (
        ganzoo.python(
            f"{snippet[0]}\nfrom pathlib import Path\nout = Path('samples.png').stat().st_size",
            home="b",
        )
        > 1000
    )


def test_a_fine_tuned_model_names_its_parent(
    hub: HubServer, ganzoo: Ganzoo, publish: Any, trained: Path
) -> None:
    publish()
    parent = hub.commits("me/gan")[-1].oid
    ganzoo(
        "finetune",
        "me/gan",
        "--data",
        trained.parent / "shades",
        "--steps",
        2,
        "--device",
        "cpu",
        "--out",
        "child",
    )
    ganzoo("publish", "./child", "--repo-id", "me/child", *STORY, token="hf_good")
    card = hub.files("me/child")["README.md"].decode()
    facts = yaml.safe_load(card.split("---\n")[1])
    assert (facts["base_model"], facts["base_model_relation"]) == ("me/gan", "finetune")
    assert f"fine-tuned from me/gan (me/gan@{parent[:12]})" in card


def test_private(hub: HubServer, ganzoo: Ganzoo, publish: Any) -> None:
    publish("--private")
    assert hub.store.get("me/gan").private
    ganzoo("pull", "me/gan", home="b", code=1)
    assert ganzoo("pull", "me/gan", home="b", token="hf_read").folder.is_dir()
    publish("--private")
    hub.add_repo("me/open", {})
    refused = ganzoo(
        "publish", "./run", "--repo-id", "me/open", *STORY, "--private", token="hf_good", code=1
    )
    assert "exists and is public" in refused.err
    assert set(hub.files("me/open")) == set()


def test_tags(hub: HubServer, publish: Any) -> None:
    first = entry(publish("--tag", "v1")).revision
    assert hub.store.get("me/gan").tags == {"v1": first}
    assert entry(publish("--tag", "v1")).revision == first
    commits = len(hub.commits("me/gan"))
    assert "tag 'v1' exists" in publish("--tag", "v1", "--no-training", code=1).err
    assert len(hub.commits("me/gan")) == commits, (
        "a tag that cannot be set is found before anything is sent"
    )
    second = entry(publish("--tag", "v2", "--no-training")).revision
    assert "tag 'v1' exists" in publish("--tag", "v1", "--no-training", code=1).err
    assert hub.store.get("me/gan").tags == {"v1": first, "v2": second}


def test_a_dry_run_sends_nothing(hub: HubServer, publish: Any, run: Path) -> None:
    done = publish("--dry-run", token=None)
    assert hub.requests == []
    assert "training.safetensors, " in done.err
    assert "dry run: nothing was uploaded; me/gan would hold these 6 files" in done.err
    publish()
    assert done.out.rstrip() == hub.files("me/gan")["README.md"].decode().rstrip()


REFUSED: dict[str, tuple[tuple[str, ...], dict[str, Any], int, str]] = {
    "no licence": ((), {"story": ("--summary", "s")}, 2, "--licence is needed"),
    "no summary": ((), {"story": ("--licence", "mit")}, 2, "--summary is needed"),
    "no token": ((), {"token": None}, 1, "hf auth login"),
    "wrong token": ((), {"token": "hf_wrongwrongwrong"}, 1, "the Hub refuses (401)"),
    "reader": ((), {"token": "hf_read"}, 1, "the Hub refuses (403)"),
    "other": ((), {"token": "hf_other"}, 1, "the Hub refuses (403)"),
    "off-line": ((), {"HF_HUB_OFFLINE": "1"}, 1, "HF_HUB_OFFLINE forbids uploads"),
    "dead": ((), {"HF_ENDPOINT": "http://127.0.0.1:9"}, 1, "http://127.0.0.1:9"),
    "tag": (("--tag", "a b"), {}, 2, "is not a valid tag"),
    "revision": (("--repo-id", "me/gan@v1"), {}, 2, "publish goes to the main branch"),
    "name": (("--repo-id", "gan"), {}, 2, "is not a repository"),
    "metrics": (("--metrics", "none.json"), {}, 1, "none.json"),
    "folder": ((), {"model": "./none"}, 2, "no folder ./none"),
    "official": (("--official",), {}, 2, "does not go with"),
}  # fmt: skip


@pytest.mark.parametrize("why", list(REFUSED))
def test_refused(hub: HubServer, publish: Any, why: str) -> None:
    words, options, code, text = REFUSED[why]
    assert text in publish(*words, code=code, **options).err
    assert hub.store.repositories == {}


def test_an_unfinished_run(hub: HubServer, publish: Any, run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "done": False}))
    assert "is not finished; ganzoo train --resume --out" in publish(code=1).err
    assert hub.requests == []


def test_a_file_that_says_too_much(hub: HubServer, publish: Any, run: Path) -> None:
    content = (run / "model.safetensors").read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"]["path"] = "/srv/somebody"
    text = json.dumps(header).encode()
    (run / "model.safetensors").write_bytes(
        len(text).to_bytes(8, "little") + text + content[8 + size :]
    )
    assert "its metadata has path" in publish(code=1).err
    assert hub.requests == []


@pytest.mark.parametrize(
    ("match", "kind", "options"),
    [
        ("PUT /storage", "status", {"status": 503}),
        ("PUT /storage", "status", {"status": 500}),
        ("PUT /storage", "drop", {"at": 100}),
        ("PUT /storage", "cut", {"at": None}),
        ("POST .*/commit/", "status", {"status": 500}),
        ("POST .*/commit/", "status", {"status": 412}),
        ("POST .*/commit/", "status", {"status": 429}),
        ("POST .*/commit/", "drop", {"at": 100}),
        ("POST .*/commit/", "cut", {"at": None}),
        ("POST .*/commit/", "reset", {"at": None}),
        ("POST .*/commit/", "truncate", {"at": 10}),
        ("POST .*/preupload", "status", {"status": 500}),
        ("POST .*/repos/create", "reset", {"at": None}),
        ("GET /api/models", "status", {"status": 503, "times": 3}),
        ("GET .*/refs", "status", {"status": 502}),
        ("POST .*/tag/", "status", {"status": 503}),
    ],
)
def test_what_passes_does_not_matter(
    hub: HubServer, ganzoo: Ganzoo, publish: Any, match: str, kind: Any, options: Any
) -> None:
    """Also an answer that was lost: there is one commit."""
    fault = hub.fault(match, kind, **options)
    done = publish("--tag", "v1")
    assert fault.times == 0
    assert len(hub.commits("me/gan")) == 2
    assert hub.store.get("me/gan").tags == {"v1": entry(done).revision}
    assert set(hub.files("me/gan")) == SENT | {"training.safetensors"}
    assert done.err.startswith("me/gan: config.json, ")


@pytest.mark.parametrize(
    ("match", "kind", "options", "text"),
    [
        ("PUT /storage", "status", {"status": 403}, "me/gan: "),
        ("PUT /storage", "drop", {"at": 50}, "me/gan: "),
        ("PUT /storage", "status", {"status": 500, "skip": 1}, "me/gan: "),
        ("POST .*/commit/", "status", {"status": 500}, "the Hub answers 500"),
        ("POST .*/commit/", "status", {"status": 403}, "the Hub refuses (403)"),
        ("POST .*/commit/", "status", {"status": 412}, "the Hub answers 412"),
        ("POST .*/commit/", "drop", {}, "me/gan: "),
    ],
)
def test_what_lasts_leaves_no_half_model(
    hub: HubServer, ganzoo: Ganzoo, publish: Any, match: str, kind: Any, options: Any, text: str
) -> None:
    hub.fault(match, kind, times=ALWAYS, **options)
    assert text in publish(code=1).err
    assert set(hub.files("me/gan")) == {".gitattributes"}
    assert len(hub.commits("me/gan")) == 1
    hub.faults.clear()
    publish()
    assert len(hub.commits("me/gan")) == 2


def test_a_race(hub: HubServer, ganzoo: Ganzoo, run: Path) -> None:
    """Somebody commits between our look and our commit: theirs stays, ours comes after it."""
    hub.fault("POST .*/preupload", "stall", at=0, seconds=1)
    job = ganzoo.start("publish", "./run", "--repo-id", "me/gan", *STORY, token="hf_good")
    until = time.monotonic() + 60
    while not hub.served("POST .*/preupload") and time.monotonic() < until:
        time.sleep(0.01)
    hub.commit("me/gan", {"config.json": b"{}", "notes.txt": b"n"}, title="Between")
    done = job.wait()
    assert done.code == 0, done
    assert [request.status for request in hub.served("/commit/")] == [412, 200]
    assert [commit.title for commit in hub.commits("me/gan")][1] == "Between"
    assert len(hub.commits("me/gan")) == 3
    assert set(hub.files("me/gan")) == SENT | {"training.safetensors", "notes.txt"}
    assert ganzoo("pull", "me/gan").folder.name == hub.commits("me/gan")[-1].oid


PIXELS = """
import ganzoo, hashlib
model = ganzoo.load(NAME, device="cpu")
out = [hashlib.sha256(model.sample(20, seed=3).tensor.numpy().tobytes()).hexdigest(), model.digest]
"""


def test_round_trip(hub: HubServer, ganzoo: Ganzoo, publish: Any) -> None:
    commit = entry(publish("--tag", "v1")).revision
    mine = ganzoo.python(PIXELS.replace("NAME", "'./run'"))
    for name in ("me/gan", "me/gan@v1", f"me/gan@{commit}"):
        assert ganzoo.python(PIXELS.replace("NAME", repr(name)), home="fresh") == mine
    again = "ganzoo.from_pretrained('me/gan', revision='v1', device='cpu')"
    assert (
        ganzoo.python(PIXELS.replace('ganzoo.load(NAME, device="cpu")', again), home="other")
        == mine
    )


def test_a_pulled_model_without_a_record(
    hub: HubServer, ganzoo: Ganzoo, publish: Any, run: Path
) -> None:
    """A stranger's repository, and a folder that was made by hand or by `ganzoo import`."""
    publish()
    ganzoo("publish", "me/gan", "--repo-id", "me/copy", *STORY, token="hf_good")
    bare = run.with_name("bare")
    bare.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(run / name, bare)
    ganzoo("publish", "./bare", "--repo-id", "me/bare", *STORY, token="hf_good")
    for repository in ("me/copy", "me/bare"):
        held = hub.files(repository)
        assert "not trained by ganzoo, or its record" in held["README.md"].decode()
        assert held["model.safetensors"] == hub.files("me/gan")["model.safetensors"]
    assert "training.safetensors" in hub.files("me/copy")
    assert (
        "--licence is needed"
        in ganzoo("publish", "me/gan", "--repo-id", "me/x", token="hf_good", code=2).err
    )


def test_a_known_model(hub: HubServer, ganzoo: Ganzoo) -> None:
    """What the manifest says of it is the story."""
    done = ganzoo("publish", "vanilla-sine", "--repo-id", "me/gan", token="hf_good")
    assert entry(done).licence
    known = json.loads((Path(__file__).parents[2] / "weights_manifest.json").read_text())["models"][
        "vanilla-sine"
    ]
    assert entry(done).summary == known["summary"]
    assert entry(done).training
    assert (
        hashlib.sha256(hub.files("me/gan")["model.safetensors"]).hexdigest()
        == known["files"]["model.safetensors"]["sha256"]
    )


def test_from_python(hub: HubServer, ganzoo: Ganzoo, publish: Any) -> None:
    publish()
    piece = """
import ganzoo
from ganzoo.release import Description
from ganzoo.errors import GanzooError
model = ganzoo.load(NAME, device="cpu")
done = model.push_to_hub("me/two", private=True, tag="v1", training=False, description=Description(summary="s", licence="mit"))
try:
    model.push_to_hub("other/two", description=Description(summary="s", licence="mit"))
except GanzooError as error:
    out = [done.commit, done.url, list(done.uploaded), str(error)]
"""
    for name in ("./run", "me/gan"):
        commit, url, uploaded, error = ganzoo.python(
            piece.replace("NAME", repr(name)), token="hf_good"
        )
        assert commit == hub.store.get("me/two").tags["v1"] == hub.commits("me/two")[-1].oid
        assert url == f"{hub.endpoint}/me/two"
        assert set(uploaded) | {".gitattributes"} == SENT
        assert "refuses (403)" in error
        assert hub.store.get("me/two").private
        hub.store.delete("me/two")


OFFICIAL = """
import sys
from pathlib import Path
from ganzoo.release import bundle
from ganzoo.zoo import manifest
from ganzoo.release import Description
manifest.home_folder = lambda: Path("home").absolute()
from ganzoo.cli import app
def call(*words):
    sys.argv = ["ganzoo", *words]
    try:
        app.main()
    except SystemExit as end:
        assert not end.code, end.code
"""


def test_all_official_models(hub: HubServer, ganzoo: Ganzoo, run: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "weights").mkdir(parents=True)
    (home / "pyproject.toml").write_text("")
    (home / "weights_manifest.json").write_text(
        '{"format": 1, "owner": "me", "default": null, "models": {}}'
    )
    add = "".join(
        f"bundle.add_model(Path('run'), 'vanilla-{n}', Description('A test', 'mit'))\n"
        for n in ("one", "two")
    )
    ganzoo.python(
        f"{OFFICIAL}{add}call('publish', '--official')\nout = 0", token="hf_good", home="cache"
    )
    known = json.loads((home / "weights_manifest.json").read_text())["models"]
    assert {name: entry["revision"] for name, entry in known.items()} == {
        f"vanilla-{n}": hub.commits(f"me/vanilla-{n}")[-1].oid for n in ("one", "two")
    }
    for name, facts in known.items():
        assert set(hub.files(f"me/{name}")) == SENT
        assert set(hub.files(f"me/{name}")) == {*facts["files"], "README.md", ".gitattributes"}
    before = (home / "weights_manifest.json").read_bytes()
    ganzoo.python(
        f"{OFFICIAL}call('publish', '--official')\nout = 0", token="hf_good", home="cache"
    )
    assert (home / "weights_manifest.json").read_bytes() == before
    assert len(hub.commits("me/vanilla-one")) == 2
    sheet = home / "weights" / "vanilla-two" / "samples.png"
    kept = sheet.read_bytes()
    sheet.write_bytes(b"of another release")
    told = "try:\n    out = bundle.publish_official(print)\nexcept Exception as error:\n    out = str(error)\n"
    assert "samples.png" in ganzoo.python(OFFICIAL + told, token="hf_good", home="cache")
    assert len(hub.commits("me/vanilla-two")) == 2
    sheet.write_bytes(kept)
    shutil.rmtree(home / "weights" / "vanilla-one")
    look = "from ganzoo.zoo.pull import pull\nfound = pull('vanilla-one')\nout = [found.origin, found.commit, found.files]\n"
    for origin in ("hub", "cache"):
        found = ganzoo.python(OFFICIAL + look, home="cache")
        assert found == [origin, known["vanilla-one"]["revision"], 4]
    assert ganzoo.python(OFFICIAL + look.replace("one", "two"), home="cache")[0] == "bundle"
