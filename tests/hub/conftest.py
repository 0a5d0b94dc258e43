"""A Hub for each test, and the real client on it as a process: it reads its environment once, when it is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.hub.commands import Ganzoo, Starter
from tests.hub.server import HubServer

CLIENT = """
import json, os, sys
from huggingface_hub import *
from huggingface_hub import errors
try:
    out = None
    exec(compile(sys.stdin.read(), "client", "exec"))
    print(json.dumps(out))
except Exception as error:
    response = getattr(error, "response", None)
    print(json.dumps({"error": type(error).__name__, "text": str(error), "status": getattr(response, "status_code", None)}))
"""


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server
    assert server.errors == []


@pytest.fixture
def client(hub: HubServer, tmp_path: Path) -> Callable[..., Any]:
    """Runs lines of Python beside the client's names in a process; gives `out`, or what was raised as error, text and status."""

    def run(code: str, token: str | None = None, **environment: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-c", CLIENT], input=code, env={**hub.environment(tmp_path / "home", token), **environment},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="session")
def starter() -> Iterator[Starter]:
    one = Starter()
    yield one
    one.stop()


@pytest.fixture
def ganzoo(starter: Starter, hub: HubServer, tmp_path: Path) -> Ganzoo:
    """Commands of ganzoo, each a process with its own environment."""
    return Ganzoo(starter, hub, tmp_path)


@pytest.fixture(scope="session")
def trained(starter: Starter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, and beside it the pictures that it learned."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "shades").mkdir()
    for number in range(4):
        Image.new("L", (8, 8), 60 * number).save(folder / "shades" / f"{number}.png")
    words = [
        "vanilla",
        "--data",
        "./shades",
        "--set",
        "generator=8",
        "--steps",
        "3",
        "--device",
        "cpu",
        "--out",
        "run",
    ]
    done = starter.start("train", *words, folder=folder, environment=os.environ).wait()
    assert done.code == 0, done
    return folder / "run"
