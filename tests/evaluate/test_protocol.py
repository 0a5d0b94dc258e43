"""Figures say how they were made, and unlike ones are not compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from ganzoo import files
from ganzoo.errors import UsageError
from ganzoo.evaluate import protocol
from ganzoo.evaluate.protocol import Figure, Protocol, Report
from ganzoo.zoo.manifest import Metric

LIKE = Protocol(
    data="mnist",
    digest="a" * 64,
    split="train",
    real=60_000,
    fake=10_000,
    channels=1,
    size=28,
    resizer="none",
    extractor="mnist-classes",
    sha256="b" * 64,
    seed=0,
    precision="fp32",
)


def figure(value: float, **changes: Any) -> Figure:
    return Figure(
        name="FID",
        value=value,
        low=value - 1,
        high=value + 1,
        protocol=msgspec.structs.replace(LIKE, **changes),
    )


def report(model: str, *figures: Figure) -> Report:
    return Report(
        model=model,
        weights="c" * 64,
        figures=list(figures),
        command=f"ganzoo eval {model} --data mnist",
        date="2026-01-01",
        machine="cpu",
        seconds=1.0,
        version="1",
        torch="2",
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"extractor": "inception"}, "extractor mnist-classes and inception"),
        ({"sha256": "d" * 64}, "sha256 bbbbbbbbbbbb... and dddddddddddd..."),
        ({"fake": 50_000}, "fake 10000 and 50000"),
        ({"real": 10_000}, "real 60000 and 10000"),
        ({"split": "test"}, "split train and test"),
        (
            {"resizer": "bilinear antialiased 32 to 28"},
            "resizer none and bilinear antialiased 32 to 28",
        ),
        ({"digest": "e" * 64}, "digest aaaaaaaaaaaa... and eeeeeeeeeeee..."),
        ({"inputs": "captions"}, "inputs drawn from the seed and captions"),
        ({"ema": False}, "ema True and False"),
        ({"precision": "bf16"}, "precision fp32 and bf16"),
        ({"settings": {"k": 3}}, "settings {} and {'k': 3}"),
    ],
)
def test_unlike_protocols_are_told_apart(changes: dict[str, Any], said: str) -> None:
    pair = protocol.pair_figures(report("a", figure(5)), report("b", figure(50, **changes)))[0]
    assert pair.unlike == (said,)
    assert not pair.apart


def test_another_seed_is_another_draw_of_the_same() -> None:
    far, near = (
        protocol.pair_figures(report("a", figure(5)), report("b", figure(v, seed=7)))[0]
        for v in (8, 6.5)
    )
    assert far.unlike == near.unlike == ()
    assert far.apart
    assert not near.apart, "the intervals meet"


def test_only_figures_of_both_are_paired() -> None:
    assert protocol.pair_figures(report("a", figure(5)), report("b")) == []


def test_metrics_are_what_a_manifest_holds() -> None:
    made = msgspec.json.decode(
        msgspec.json.encode(report("m", figure(12.34567)).metrics()), type=list[Metric]
    )[0]
    assert (made.name, made.value, made.command) == ("FID", 12.35, "ganzoo eval m --data mnist")
    for part in (
        "10,000 samples from seed 0",
        "60,000 images of mnist (train split)",
        "mnist-classes bbbbbbbbbbbb",
        "resizer none",
        "averaged weights",
        "fp32",
        "95 % interval 11.35 to 13.35",
    ):
        assert part in made.protocol


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = report("m", figure(1, settings={"k": 3}))
    files.write_json(tmp_path / protocol.REPORT, made)
    assert (
        protocol.read_report(tmp_path) == protocol.read_report(tmp_path / protocol.REPORT) == made
    )


@pytest.mark.parametrize("text", [None, "{}", '{"model": 1}', "[]"])
def test_what_is_no_report_is_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "x.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match="x.json"):
        protocol.read_report(path)
