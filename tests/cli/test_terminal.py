"""What only a real process shows: a terminal, an interruption, a closed pipe, another package's leftovers."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

import ganzoo
from ganzoo.cli.progress import Plain, reporter
from ganzoo.training.log import Plan, Silent
from ganzoo.zoo.manifest import Manifest
from tests.cli.conftest import publish

RUN = [sys.executable, "-c", "from ganzoo.cli.app import main; main()"]
LONG = [
    "train",
    "tiny_curve",
    "--data",
    "sinusoids",
    "--out",
    "run",
    "--log-every",
    "1",
    "--sample-every",
    "0",
]


def plan(folder: Path, **changes: object) -> Plan:
    facts = {
        "folder": folder, "plugin": "p", "data": "sine, 1,024 points", "phases": (("train", 100, 8),), "parameters": {"g": 1234},
        "device": "cpu", "precision": "fp32", "seed": 3, "resumed_at": 0, "total": 100,
    }  # fmt: skip
    return Plan(**{**facts, **changes})  # type: ignore[arg-type]


def test_plain_lines_are_rare_and_the_last_one_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = Plain()
    shown.start(plan(tmp_path, resumed_at=10))
    for step in range(20, 101, 10):
        shown.row(
            {
                "step": step,
                "phase": "train",
                "index": step,
                "loss/g": 0.5,
                "images_per_second": 1000.0,
            }
        )
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert "from step 10" in lines[0]
    assert "g 1,234" in lines[1]
    assert [line.split("  ")[0] for line in lines[2:]] == ["step 20/100", "step 100/100"]
    assert lines[-1] == "step 100/100  1,000 points/s  g 0.500  0:00:00 left"


def test_time_left_counts_this_sitting_alone(tmp_path: Path) -> None:
    shown = Plain()
    shown.start(plan(tmp_path, resumed_at=90))
    shown.started -= 60  # a minute for five steps
    assert shown.left(95) == "0:01:00"


def test_only_the_first_of_several_processes_talks(monkeypatch: pytest.MonkeyPatch) -> None:
    for rank, kind in {"0": Plain, "1": Silent}.items():
        monkeypatch.setenv("RANK", rank)
        with reporter() as shown:
            assert type(shown) is kind


def test_a_terminal_sees_progress_and_a_pipe_sees_the_folder(tmp_path: Path) -> None:
    screen, side = pty.openpty()
    done = subprocess.Popen(
        [*RUN, *LONG, "--steps", "30"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=side,
        env={**os.environ, "COLUMNS": "120"},
    )
    os.close(side)
    seen = b""
    while True:
        try:
            part = os.read(screen, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        seen += part
    assert done.stdout is not None
    assert done.stdout.read() == b"./run\n"
    assert done.wait() == 0
    text = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", seen).decode()
    assert "30/30" in text
    assert "curves/s" in text
    assert re.search(r"critic -?\d", text)
    assert "left" in text
    assert b"\x1b[?25h" in seen, "the cursor is back"


def test_an_interruption_is_one_line_and_the_run_can_go_on(tmp_path: Path) -> None:
    words = [*RUN, *LONG, "--steps", "100000", "--checkpoint-every", "1"]
    process = subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    checkpoint, deadline = tmp_path / "run" / "checkpoint.safetensors", time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert error.splitlines()[-1] == "ganzoo: interrupted"
    assert "Traceback" not in error
    assert checkpoint.is_file()


def test_a_closed_pipe_is_no_news(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*RUN, "list"], cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 1


def installed(folder: Path) -> dict[str, str]:
    """An environment in which a copy of the package comes first: with one model, its default, and with the __init__.py of
    the foreign package that holds the name on the index."""
    package = folder / "ganzoo"
    shutil.copytree(
        Path(ganzoo.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    (package / "__init__.py").write_text('"""Somebody else\'s empty package."""\n')
    entry = publish(package, "tiny_class", "tiny_class-x")
    whole = Manifest(format=1, owner="us", default="tiny_class-x", models={"tiny_class-x": entry})
    (package / "weights_manifest.json").write_bytes(msgspec.json.encode(whole))
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])}


def test_the_command_needs_nothing_of_the_packages_init(tmp_path: Path) -> None:
    environment = installed(tmp_path / "lib")

    def run(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            [*RUN, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    assert "tiny_class-x" in run("list")
    assert run("sample", "--seed", "1", "-n", "4") == "tiny_class-x.png\n", (
        "without a name: the default"
    )
    assert run("verify", "--all").startswith("ok    tiny_class-x")
    run("manifest", "check")
    folder = Path(run("pull", "tiny_class-x").strip())
    assert folder == tmp_path / "lib" / "ganzoo" / "weights" / "tiny_class-x"
    (folder / "stray.txt").write_text("x")
    (folder / "config.json").write_text("{}")
    problems = run("manifest", "check", code=1)
    assert "stray.txt: not in the manifest" in problems
    assert "config.json: 2 bytes, the manifest says" in problems
