"""`kill -9` at any moment of a pull or a publish: the next call ends right, and nobody ever sees half a model."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.hub.commands import Ganzoo, Job, files
from tests.hub.server import HubServer

pytestmark = pytest.mark.slow
ROUNDS = 50
ALWAYS = 10**9
MODEL = files(2_000_000)
SENT = {
    ".gitattributes",
    "README.md",
    "config.json",
    "golden.npz",
    "model.safetensors",
    "samples.png",
    "training.safetensors",
}


def killed(job: Job, after: float) -> bool:
    """Kill a process after so many seconds; False where it had ended before."""
    time.sleep(after)
    job.kill()
    return job.wait().code == -signal.SIGKILL


def wait_for(hub: HubServer, match: str) -> None:
    until = time.monotonic() + 60
    while not hub.served(match):
        assert time.monotonic() < until
        time.sleep(0.001)


def test_pull(hub: HubServer, ganzoo: Ganzoo) -> None:
    commit = hub.add_repo("me/gan", MODEL)
    hub.fault("GET /storage", "slow", rate=5_000_000, times=ALWAYS)
    began = time.monotonic()
    ganzoo("pull", "me/gan")
    length, moments = time.monotonic() - began, random.Random(0)
    dead = parts = pulled = 0
    for number in range(ROUNDS):
        home = f"home{number}"
        dead += killed(ganzoo.start("pull", "me/gan", home=home), moments.uniform(0, length))
        parts += bool(list((ganzoo.folder / home).rglob("*.incomplete")))
        pulled += (
            ganzoo.cache("me/gan", home) / "snapshots" / commit / "model.safetensors"
        ).exists()
        folder = ganzoo("pull", "me/gan", home=home).folder
        assert folder.name == commit
        assert {path.name: path.read_bytes() == MODEL[path.name] for path in folder.iterdir()} == {
            "config.json": True,
            "model.safetensors": True,
        }
        assert not list((ganzoo.folder / home).rglob("*.incomplete"))
        shutil.rmtree(ganzoo.folder / home)
    print(f"pull: {dead} of {ROUNDS} killed, {parts} while the weights came, {pulled} after")
    assert dead > ROUNDS // 2
    assert parts > ROUNDS // 10


def test_publish(hub: HubServer, ganzoo: Ganzoo, trained: Path) -> None:
    def start(name: str) -> Job:
        words = (
            "publish",
            "./run",
            "--repo-id",
            name,
            "--licence",
            "mit",
            "--summary",
            "s",
            "--tag",
            "v1",
        )
        return ganzoo.start(*words, token="hf_good")

    shutil.copytree(trained, ganzoo.folder / "run")
    hub.fault(".", "stall", at=None, seconds=0.05, times=ALWAYS)
    job = start("me/first")
    wait_for(hub, "repos/create")
    began = time.monotonic()
    assert job.wait().code == 0
    length, moments = time.monotonic() - began, random.Random(0)
    dead = made = committed = 0
    for number in range(ROUNDS):
        name = f"me/gan{number}"
        hub.requests.clear()
        job = start(name)
        if number % 5:  # the other fifth is killed from the start on, while the model is made ready
            wait_for(hub, "repos/create")
        dead += killed(job, moments.uniform(0, length))
        if name in hub.store.repositories:
            made += 1
            commits = hub.commits(name)
            committed += len(commits) == 2
            assert set(hub.files(name)) == (SENT if len(commits) == 2 else {".gitattributes"})
        assert start(name).wait().code == 0
        assert len(hub.commits(name)) == 2
        assert set(hub.files(name)) == SENT
        assert hub.store.get(name).tags == {"v1": hub.commits(name)[-1].oid}
        assert {
            content for path, content in hub.files(name).items() if path.endswith("tensors")
        } == {
            (trained / path).read_bytes() for path in ("model.safetensors", "training.safetensors")
        }
    print(
        f"publish: {dead} of {ROUNDS} killed, {made} after the repository was made, {committed} after the commit"
    )
    assert dead > ROUNDS // 2
    assert 0 < committed < made
