"""A disk that fills up during training: one line says so, and the run resumes later."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

RUN = [sys.executable, "-c", "from ganzoo.cli.app import main; main()"]
BEGIN = [
    *(
        "train",
        "vanilla",
        "--data",
        "sine",
        "--steps",
        "400",
        "--checkpoint-every",
        "100",
        "--sample-every",
        "20",
    ),
    *("--set", "generator=16", "--set", "discriminator=16", "--device", "cpu", "--out"),
]


@pytest.fixture
def small(tmp_path: Path, tmpfs: Callable[[Path, str], Path]) -> Path:
    return tmpfs(tmp_path / "small", "600k")


def test_a_full_disk(small: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [*RUN, *BEGIN, small / "run"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No space left" in done.stderr.splitlines()[-1]
    assert not list(small.rglob("*.tmp")), "nothing half-written"
    assert load_file(small / "run" / "checkpoint.safetensors")
    subprocess.run(["mount", "-o", "remount,size=8m", small], check=True)
    subprocess.run(
        [*RUN, "train", "--resume", "--out", small / "run"], check=True, capture_output=True
    )
    subprocess.run([*RUN, *BEGIN, tmp_path / "whole"], check=True, capture_output=True)
    for file in ("checkpoint.safetensors", "model.safetensors"):
        expected, found = load_file(tmp_path / "whole" / file), load_file(small / "run" / file)
        assert all(torch.equal(expected[key], found[key]) for key in expected), file
