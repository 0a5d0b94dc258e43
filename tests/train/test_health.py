"""Warnings: what sets them off, and what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ganzoo.errors import Collapsed
from ganzoo.pictures import images
from ganzoo.sampling.model import Model
from ganzoo.training.checkpoint import read_position
from ganzoo.training.health import FIRST, WINDOW, Health
from ganzoo.training.log import Silent
from ganzoo.training.run import train


class Heard(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def told(health: Health, rows: list[dict[str, Any]]) -> list[str]:
    return [text for row in rows for text in health.row(row)]


def scores(real: float, fake: float, n: int = WINDOW) -> list[dict[str, Any]]:
    return [
        {"score/real": real, "score/fake": fake, "loss/discriminator": 0.1 * i} for i in range(n)
    ]


def test_a_player_that_has_won() -> None:
    health = Health()
    assert told(health, scores(0.999, 0.001, WINDOW - 1)) == []
    assert "discriminator has won" in told(health, scores(0.999, 0.001, 5))[0]
    assert told(health, scores(0.999, 0.001)) == [], "said once"
    assert told(health, [*scores(0.8, 0.2), *scores(0.999, 0.001, WINDOW - 1)]) == []
    assert len(told(health, scores(0.999, 0.001, 1))) == 1, "and again after it had gone"
    assert "generator has won" in told(Health(), scores(0.97, 0.96))[0]
    assert told(Health(), scores(0.9, 0.1)) == []


def test_losses_that_stand_still() -> None:
    still = [{"loss/a": 0.6931472, "loss/b": 1.0}] * WINDOW
    assert "stood still" in told(Health(), still)[0]
    assert (
        told(Health(), [{"loss/a": 0.6931472, "loss/b": 1.0 + 0.01 * i} for i in range(WINDOW)])
        == []
    )
    assert told(Health(), [{"step": 1}] * WINDOW) == [], "no losses, no verdict"


def test_samples_that_look_alike() -> None:
    rng = torch.Generator().manual_seed(0)
    real = torch.rand(64, 3, 8, 8, generator=rng)
    alike = real[:1] + 0.001 * torch.rand(64, 3, 8, 8, generator=rng)
    few = real[:4].repeat(16, 1, 1, 1)
    for bad in (alike, few):
        health = Health(real)
        assert [health.samples(bad) for _ in range(FIRST + 1)] == [[]] * (FIRST + 1), (
            "too early, or only once"
        )
        assert not health.collapsed
        assert "collapsed" in health.samples(bad)[0]
        assert health.collapsed
        assert health.samples(real.flip(0)) == []
        assert not health.collapsed
    assert Health(None).samples(alike) == []


def test_good_models_are_not_suspected() -> None:
    made = Model.load("dcgan-mnist", device="cpu").sample(64, seed=0).tensor
    other = Model.load("dcgan-mnist", device="cpu").sample(64, seed=1000).tensor
    health = Health(other)
    assert all(health.samples(made) == [] for _ in range(5))


def test_a_run_that_collapses_is_stopped(tmp_path: Path) -> None:
    """A generator that learns nothing: its samples of early steps look alike for ever."""
    heard = Heard()
    options: dict[str, Any] = {"steps": 60, "sample_every": 5, "log_every": 5, "reporter": heard}
    settings = {"lr_generator": 1e-9, "latent": 1, "batch": 8}
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(16):
        images.make_image((torch.rand(28, 28, 1).numpy() * 255).astype("uint8")).save(
            folder / f"{number}.png"
        )
    train("vanilla", str(folder), out=tmp_path / "long", settings=settings, **options)
    warnings = [text for text in heard.notes if "collapsed" in text]
    assert len(warnings) == 1
    with pytest.raises(Collapsed) as stopped:
        train(
            "vanilla",
            str(folder),
            out=tmp_path / "stopped",
            settings=settings,
            stop_on_collapse=True,
            **options,
        )
    assert stopped.value.step < 60
    assert read_position(tmp_path / "stopped").index == stopped.value.step
    train(out=tmp_path / "stopped", resume=True)
    assert read_position(tmp_path / "stopped").index == 60


def test_samples_of_one_class() -> None:
    """They differ, and a classifier reads the same in most of them."""
    rng = torch.Generator().manual_seed(0)
    real = torch.rand(64, 1, 8, 8, generator=rng)
    read = {"share": 0.5}
    health = Health(
        real,
        lambda made: [
            "7" if i < read["share"] * len(made) else str(i % 5) for i in range(len(made))
        ],
    )
    assert [health.samples(real.flip(0)) for _ in range(FIRST + 2)] == [[]] * (FIRST + 2), (
        "half may be of one class"
    )
    read["share"] = 0.7
    assert "45 of 64 samples look like one class, 7" in health.samples(real.flip(0))[0]
    assert health.samples(real.flip(0)) == [], "said once"
    assert not health.collapsed
