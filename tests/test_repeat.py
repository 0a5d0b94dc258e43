"""The command of a figure repeats it, and names no path of this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from repeat import command


def test_options_that_are_not_the_default(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser(prog="x.py")
    parser.add_argument("model")
    for name, default in (
        ("--data", None),
        ("--judge-seed", 7),
        ("--size", None),
        ("--out", None),
        ("--json", None),
    ):
        parser.add_argument(
            name, default=default, type=int if name in ("--judge-seed", "--size") else str
        )
    places = {name: str(tmp_path / name) for name in ("b.zip", "c", "d")}
    given = ["./runs/a", "--data", places["b.zip"], "--judge-seed", "7", "--size", "64"]
    given += ["--out", places["c"], "--json", places["d"]]
    asked = parser.parse_args(given)
    assert (
        command(parser, asked, [asked.model])
        == "python benchmarks/x.py a --data b.zip --size 64 --out c"
    )
    asked = parser.parse_args([*given[:3], "--judge-seed", "8"])
    assert (
        command(parser, asked, [asked.model])
        == "python benchmarks/x.py a --data b.zip --judge-seed 8"
    )
