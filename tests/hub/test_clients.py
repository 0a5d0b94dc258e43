"""The same short flow with other releases of the Hub's client: the oldest we allow, and the last with another HTTP library."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ganzoo.zoo.reference import COMMIT
from tests.hub.commands import Done, Ganzoo, files
from tests.hub.server import HubServer

pytestmark = pytest.mark.slow
MODEL = files()
STORED = "GET /storage/.*filename=model.safetensors"
ALWAYS = 1000
Command = Callable[..., Done]


@pytest.fixture(scope="module", params=["1.0.1", "1.33.0"])
def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, str]:
    """A version, and the search path on which it comes first, with what it needs."""
    folder = tmp_path_factory.mktemp("client")
    wanted = [f"huggingface_hub=={request.param}", "typer<0.29"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pip cannot fetch it here: {done.stderr.strip().splitlines()[-1]}")
    return request.param, os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])


@pytest.fixture
def call(client: tuple[str, str], ganzoo: Ganzoo) -> Command:
    """A command as a process of its own, with this client."""

    def run(
        *words: str, code: int = 0, home: str = "home", token: str | None = None, **more: str
    ) -> Done:
        environment = {**ganzoo.environment(home, token, **more), "PYTHONPATH": client[1]}
        command = [sys.executable, "-c", "from ganzoo.cli.app import main; main()", *words]
        done = subprocess.run(
            command, env=environment, cwd=ganzoo.folder, capture_output=True, text=True, check=False
        )
        shown = Done(done.returncode, done.stdout, done.stderr, [])
        ganzoo.check(shown, code)
        return shown

    return run


def test_pull(hub: HubServer, client: tuple[str, str], call: Command) -> None:
    commit = hub.add_repo("me/gan", MODEL)
    assert "fetched from the Hub" in call("pull", "me/gan").err
    agent = hub.served("/api/")[0].headers["user-agent"]
    assert agent.startswith("ganzoo/")
    assert f"hf_hub/{client[0]}" in agent
    folder = call("pull", f"me/gan@{commit}").folder
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        n: MODEL[n] for n in MODEL if n != "README.md"
    }
    (folder / "model.safetensors").resolve().write_bytes(b"x")
    assert (
        "bytes, config.json beside it says"
        in call("pull", f"me/gan@{commit}", HF_HUB_OFFLINE="1", code=1).err
    )
    hub.fault(STORED, "flip", at=1000)
    assert "fetched from the Hub" in call("pull", f"me/gan@{commit}").err
    assert (folder / "model.safetensors").read_bytes() == MODEL["model.safetensors"]
    assert "may have a newer commit" in call("pull", "me/gan", HF_HUB_OFFLINE="1").err
    assert "using the cached commit" in call("pull", "me/gan", HF_ENDPOINT=hub.nowhere).err


def test_what_goes_wrong(hub: HubServer, call: Command) -> None:
    hub.add_repo("me/gan", MODEL)
    hub.add_repo("me/private", MODEL, private=True)
    hub.add_repo("me/gated", MODEL, gated=True)
    for faults in ((("cut", 1000), ("reset", 1000)), (("status", 0), ("truncate", 1000))):
        for kind, at in faults:
            hub.fault(STORED, kind, at=at)  # type: ignore[arg-type]
        hub.fault("GET /api", "status", status=500)
        hub.fault("HEAD .*model", "status", status=503)
        assert "fetched from the Hub" in call("pull", "me/gan", home=faults[0][0]).err
        assert [fault for fault in hub.faults if fault.times] == []
    assert "no such branch" in call("pull", "me/gan@v9", code=1).err
    assert "no such repository" in call("pull", "me/none", code=1).err
    assert "no such repository" in call("pull", "me/private", code=1).err
    assert "request access at" in call("pull", "me/gated", code=1).err
    assert "check the token" in call("pull", "me/gan", token="hf_wrongwrongwrong", code=1).err
    assert "forbids downloads" in call("pull", "me/gan", home="b", HF_HUB_OFFLINE="1", code=1).err
    hub.fault(STORED, "flip", at=1000, times=ALWAYS)
    assert "the Hub says" in call("pull", "me/gan", home="c", code=1).err
    hub.faults.clear()
    hub.fault("HEAD .*model", "headers", headers={"X-Linked-Size": "77"}, times=ALWAYS)
    assert call("pull", "me/gan", home="c", code=1).err


def test_publish(hub: HubServer, call: Command, ganzoo: Ganzoo, trained: Path) -> None:
    shutil.copytree(trained, ganzoo.folder / "run")
    words = (
        "publish",
        "./run",
        "--repo-id",
        "me/gan",
        "--licence",
        "mit",
        "--summary",
        "s",
        "--tag",
        "v1",
    )
    assert "hf auth login" in call(*words, code=1).err
    assert "refuses (403)" in call(*words, token="hf_read", code=1).err
    hub.fault("POST .*/commit/", "cut", at=None)
    hub.fault("PUT /storage", "status", status=503)
    commit = call(*words, token="hf_good").out.splitlines()[1]
    assert COMMIT.fullmatch(commit)
    assert "no new commit" in call(*words, token="hf_good").err
    assert (
        [one.oid for one in hub.commits("me/gan")][1:]
        == [commit]
        == list(hub.store.get("me/gan").tags.values())
    )
    hub.fault("POST .*/commit/", "status", status=403, times=ALWAYS)
    assert "refuses (403)" in call(*words[:-2], "--no-training", token="hf_good", code=1).err
    assert len(hub.commits("me/gan")) == 2
    for name in ("model.safetensors", "training.safetensors"):
        assert hub.files("me/gan")[name] == (trained / name).read_bytes()
    assert call("pull", "me/gan", "--training", home="b").folder.name == commit
    call("sample", "me/gan", "--n", "4", "-o", "x.png", home="b")
