"""`ganzoo bench`: both sides do the same work, and the table says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from ganzoo import load
from ganzoo.doctor import speed
from ganzoo.inputs import Rows
from ganzoo.sampling import generation
from tests.cli.conftest import Call


@pytest.mark.parametrize(
    "plugin", ["tiny_class", "tiny_text", "tiny_unpaired", "tiny_vae", "tiny_curve"]
)
def test_any_kind_of_model(ganzoo: Call, model: Any, plugin: str) -> None:
    done = json.loads(
        ganzoo(
            "bench", model(plugin), "--rounds", 1, "--batch-size", 4, "--device", "cpu", "--json"
        ).stdout
    )
    assert [row["what"] for row in done["results"]] == ["sampling", "training"]
    assert all(
        row["textbook"] > 0 and row["ganzoo"] > 0 and row["low"] <= row["ratio"] <= row["high"]
        for row in done["results"]
    )


def test_any_phase(ganzoo: Call, model: Any) -> None:
    where, common = model("tiny_text"), ("--rounds", 1, "--batch-size", 4, "--device", "cpu")
    first = next(iter(load(where, device="cpu").gan.phases())).name
    done = json.loads(ganzoo("bench", where, "--phase", first, *common, "--json").stdout)
    assert [row["what"] for row in done["results"]] == ["sampling", f"training, {first}"]
    assert (
        f"--phase x: unknown (available: {first}, "
        in ganzoo("bench", where, "--phase", "x", *common, code=2).stderr
    )


def test_the_table(ganzoo: Call) -> None:
    shown = ganzoo("bench", "vanilla-sine", "--rounds", 1, "--batch-size", 4, "--device", "cpu")
    assert [line.split()[0] for line in shown.stdout.splitlines()] == [
        "what",
        "sampling",
        "training",
    ]
    assert "vanilla-sine on cpu" in shown.stderr
    assert "--rounds 0" in ganzoo("bench", "--rounds", 0, code=2).stderr


def test_both_sides_sample_the_same(ganzoo: Call) -> None:
    """The plain side of a comparison is worth something only if it computes what the quick one
    does."""
    model = load("dcgan-mnist", device="cpu", precision="fp32")
    inputs = {name: spec.draw(name, Rows(0, 4)) for name, spec in model.inputs.items()}
    quick = next(generation.generate_batches(model.fast, [inputs], model.device, "fp32"))["sample"]
    assert torch.allclose(quick, model.gan.sample(inputs), atol=1e-4)  # type: ignore[arg-type]
    assert speed.describe_setup(model).startswith("cpu")
