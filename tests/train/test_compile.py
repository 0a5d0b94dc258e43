"""--compile: the same training within rounding, clean names, restarts, and a fallback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch._dynamo.utils import counters

from ganzoo.training import compiled
from ganzoo.training.checkpoint import CHECKPOINT
from ganzoo.training.engine import Engine
from ganzoo.training.log import Silent, read_rows
from ganzoo.training.loop import Trainer
from ganzoo.training.recipe import Recipe
from ganzoo.training.run import train
from ganzoo.zoo import registry
from tests.train.test_loop import Noise

OPTIONS: dict[str, Any] = {
    "settings": {"generator": "8", "discriminator": "8"},
    "device": "cpu",
    "precision": "fp32",
    "batch_size": 4,
    "sample_every": 0,
    "log_every": 1,
}


class Notes(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


@pytest.mark.slow
def test_compiled_training_agrees_with_eager_and_restarts(tmp_path: Path) -> None:
    counters.clear()

    def run(name: str, **options: Any) -> Path:
        notes = Notes()
        made = train(
            "vanilla",
            "sine",
            out=tmp_path / name,
            preset="sine",
            reporter=notes,
            **{**OPTIONS, **options},
        )
        assert notes.texts == []
        return made

    eager, fast = run("eager", steps=4), run("fast", steps=4, compile=True)
    expected, found = load_file(eager / CHECKPOINT), load_file(fast / CHECKPOINT)
    assert expected.keys() == found.keys()
    assert all(torch.allclose(expected[key], found[key], rtol=1e-4, atol=1e-5) for key in expected)
    assert counters["stats"]["unique_graphs"] > 0, "something was compiled"
    record = json.loads((fast / "run.json").read_text())
    assert record["compile"] is True
    assert " --compile " in record["command"]
    first = run("first", steps=2, compile=True)
    train(out=first, resume=True, steps=4, device="cpu")
    again = load_file(first / CHECKPOINT)
    assert all(torch.allclose(found[key], again[key], rtol=1e-4, atol=1e-5) for key in found)
    assert json.loads((first / "run.json").read_text())["compile"] is True


@pytest.mark.slow
def test_a_gradient_penalty_goes_on_without(tmp_path: Path) -> None:
    notes = Notes()
    options: dict[str, Any] = {
        "steps": 4,
        "batch_size": 4,
        "device": "cpu",
        "precision": "fp32",
        "log_every": 1,
        "sample_every": 0,
    }
    eager = train("tiny_curve", "sinusoids", out=tmp_path / "eager", **options)
    fast = train("tiny_curve", "sinusoids", out=tmp_path / "fast", compile=True, reporter=notes)
    assert len(notes.texts) == 1
    assert "double backward" in notes.texts[0]
    expected, found = load_file(eager / CHECKPOINT), load_file(fast / CHECKPOINT)
    assert all(torch.equal(expected[key], found[key]) for key in expected), (
        "from the start again, and eager from there on"
    )
    assert [row["step"] for row in read_rows(fast)] == [1, 2, 3, 4]


class Late(nn.Module):
    """A network that a compiler stumbles over at its third call."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.calls = network, 0

    def compile(self, *args: Any, **kwargs: Any) -> None:
        self._compiled_call_impl = self._stumble

    def _stumble(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self.calls > 6:
            raise RuntimeError("no kernel\nfor this")
        return self._call_impl(*args, **kwargs)  # type: ignore[no-untyped-call]

    def forward(self, examples: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.network(examples)
        return made


@pytest.mark.parametrize("every", [0, 1])
def test_what_fails_late_goes_back_to_the_last_checkpoint(
    every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a step, after one player has moved: the step is repeated from its start."""
    monkeypatch.setattr(
        nn.Module, "compile", lambda self, **options: None
    )  # no compiler for the others

    def trained(name: str, **options: Any) -> Notes:
        plugin, notes = registry.get("vanilla"), Notes()
        torch.manual_seed(1)
        gan = plugin.build(plugin.tiny)
        gan.discriminator = Late(gan.discriminator)  # type: ignore[arg-type]
        recipe = Recipe(log_every=1, sample_every=0, checkpoint_every=every, **options)
        phases = gan.phases()
        Trainer(
            gan,
            phases,
            Noise(),
            Engine("cpu", "fp32"),
            tmp_path / name,
            recipe=recipe,
            reporter=notes,
        ).run(until=4)
        return notes

    assert trained("eager").texts == []
    notes = trained("fast", compile=True)
    assert len(notes.texts) == 1
    assert "RuntimeError: no kernel)" in notes.texts[0]
    expected, found = (load_file(tmp_path / name / CHECKPOINT) for name in ("eager", "fast"))
    assert all(torch.equal(expected[key], found[key]) for key in expected)
    assert [row["step"] for row in read_rows(tmp_path / "fast")] == [1, 2, 3, 4]


def test_a_compiled_network_keeps_its_names_and_its_copies_are_eager() -> None:
    import copy

    plugin = registry.get("vanilla")
    gan = plugin.build(plugin.tiny)
    names = list(gan.state_dict())
    compiled.start(gan)
    assert gan.generator._compiled_call_impl is not None
    assert list(gan.state_dict()) == names
    assert copy.deepcopy(gan.generator)._compiled_call_impl is None
    compiled.stop(gan)
    assert gan.generator._compiled_call_impl is None
