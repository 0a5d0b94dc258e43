"""Figures of translators, on translators whose figures are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ganzoo.evaluate import translation

Figures = dict[str, float]


def measure(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Tensor], Tensor], back: bool = True
) -> Figures:
    """A2B of a translator `change`, by a judge that calls bright images B; A is dark, B bright."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(12, 3, 16, 16, generator=generator) - 0.5
    real = {"A": noise - 0.5, "B": noise + 0.5}

    def judge(pictures: Tensor) -> Tensor:
        return pictures.flatten(1).mean(1, keepdim=True)

    def translate(model: Any, pictures: Tensor, direction: str) -> dict[str, Tensor]:
        made = {"sample": change(pictures)}
        return made | ({"returned": pictures + 0.25} if back else {})

    monkeypatch.setattr(translation, "translate", translate)
    found: Any = judge
    model: Any = None
    drafts = translation.measure_direction(model, found, real, "A2B", "known")
    return {draft.name.removeprefix("A2B: "): draft.value for draft in drafts}


def test_a_translator_that_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = measure(monkeypatch, lambda pictures: pictures)
    assert (found["real A called B"], found["real B called B"]) == (0, 1)
    assert found["way gone"] == found["translated A called B"] == 0
    assert found["edges kept"] == pytest.approx(1)
    assert found["edges of unrelated pictures"] < 0.5
    assert found["cycle L1"] == pytest.approx(0.125), "a quarter of [-1, 1], in units of [0, 1]"


def test_a_translator_that_goes_all_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    found = measure(monkeypatch, lambda pictures: pictures + 1, back=False)
    assert found["way gone"] == found["translated A called B"] == 1
    assert found["edges kept"] == pytest.approx(1)
    assert "cycle L1" not in found
