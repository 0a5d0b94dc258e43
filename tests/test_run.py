"""Whole runs: what their folders hold, that their command repeats them, every kind of data."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import ganzoo
from ganzoo.errors import RunError, WeightsError
from ganzoo.training.run import train
from ganzoo.zoo.manifest import ModelEntry
from ganzoo.zoo.weights import read_header


def pictures(root: Path, *names: str, mode: str = "L") -> Path:
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = (20 * number) % 256 if mode == "L" else ((20 * number) % 256, 90, 200)
        Image.new(mode, (8, 8), colour).save(path)
    return root


def test_a_run_folder(tmp_path: Path) -> None:
    data = pictures(tmp_path / "secret-place" / "shades", *[f"{i}.png" for i in range(6)])
    run = train(
        "vanilla",
        str(data),
        out=tmp_path / "run",
        steps=6,
        batch_size=4,
        settings={"generator": "8"},
        sample_every=2,
    )
    names = {path.name for path in run.iterdir()}
    assert {
        "config.json",
        "run.json",
        "model.safetensors",
        "training.safetensors",
        "checkpoint.safetensors",
    } <= names
    assert {"metrics.jsonl", "samples.png", "samples.gif", "losses.png"} <= names
    assert sorted(p.name for p in (run / "samples").iterdir()) == [
        f"step-{i:07d}.png" for i in (0, 2, 4, 6)
    ]
    with Image.open(run / "samples.gif") as gif:
        assert gif.n_frames == 4  # type: ignore[attr-defined]
    published = "".join(
        (run / name).read_text() for name in ("run.json", "config.json", "metrics.jsonl")
    )
    published += str(read_header(run / "model.safetensors").metadata)
    assert "secret-place" not in published
    assert socket.gethostname() not in published
    record = json.loads((run / "run.json").read_text())
    assert record["data"]["name"] == "shades"
    assert (record["data"]["count"], record["done"]) == (6, True)
    assert record["parameters"]["generator"] == 100 * 8 + 8 + 8 * 64 + 64


def test_the_recorded_command_repeats_the_run(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "preset": "sine",
        "steps": 5,
        "batch_size": 8,
        "seed": 4,
        "settings": {"generator": "4,5"},
        "device": "cpu",
    }
    folder = tmp_path / "runs" / "first"
    first = train("vanilla", "sine", out=folder, **options)
    command = json.loads((first / "run.json").read_text())["command"]
    first.rename(tmp_path / "kept")
    words = shlex.split(command)
    assert words[:3] == ["ganzoo", "train", "vanilla"]
    subprocess.run(
        [sys.executable, "-c", "from ganzoo.cli.app import main; main()", *words[1:]],
        cwd=tmp_path,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    again, kept = (
        load_file(first / "model.safetensors"),
        load_file(tmp_path / "kept" / "model.safetensors"),
    )
    assert all(torch.equal(again[key], kept[key]) for key in kept)


def test_epochs_and_precedence(tmp_path: Path) -> None:
    run = train(
        "vanilla",
        "sine",
        preset="sine",
        epochs=0.1,
        batch_size=10,
        settings={"latent": 5},
        out=tmp_path / "run",
    )
    record = json.loads((run / "run.json").read_text())
    assert record["phases"] == {"train": 11}
    config = json.loads((run / "config.json").read_text())["config"]
    assert (config["latent"], config["generator"], config["kind"]) == (5, [16, 32], "points")


def test_an_extended_run_says_its_new_length(tmp_path: Path) -> None:
    run = train("vanilla", "sine", preset="sine", steps=3, out=tmp_path / "run")
    train(out=run, resume=True, steps=5)
    record = json.loads((run / "run.json").read_text())
    assert record["phases"] == {"train": 5}
    assert "--steps 5" in record["command"]


def test_resuming_with_other_data_is_refused(tmp_path: Path) -> None:
    data = pictures(tmp_path / "shades", "a.png", "b.png")
    run = train("vanilla", str(data), steps=2, batch_size=2, out=tmp_path / "run")
    pictures(data, "a.png", "c.png", "d.png")
    with pytest.raises(RunError, match="other data"):
        train(out=run, resume=True, steps=4)
    (run / "checkpoint.safetensors").write_bytes(
        (run / "checkpoint.safetensors").read_bytes()[:100]
    )
    (data / "c.png").unlink()
    (data / "d.png").unlink()
    pictures(data, "a.png", "b.png")
    with pytest.raises(WeightsError, match="cut short|not a safetensors"):
        train(out=run, resume=True, steps=4)


CAPTIONS = "\n".join(
    json.dumps({"file_name": f"{i}.png", "text": [f"shade {i}", "a square"]}) for i in range(6)
)


@pytest.mark.parametrize(
    "plugin", ["tiny_class", "tiny_codes", "tiny_text", "tiny_unpaired", "tiny_vae", "tiny_curve"]
)
def test_every_kind_of_data_trains_and_samples(plugin: str, tmp_path: Path) -> None:
    kinds = {
        "tiny_class": [f"{name}/{i}.png" for name in ("cat", "dog", "owl") for i in range(2)],
        "tiny_unpaired": [
            f"train{domain}/{i}.png" for domain, n in (("A", 3), ("B", 5)) for i in range(n)
        ],
    }
    data = "sinusoids"
    if plugin != "tiny_curve":
        root = pictures(tmp_path / "data", *kinds.get(plugin, [f"{i}.png" for i in range(6)]))
        if plugin == "tiny_text":
            (root / "captions.jsonl").write_text(CAPTIONS)
        data = str(root)
    run = train(
        plugin, data, steps=3, batch_size=4, out=tmp_path / "run", device="cpu", checkpoint_every=2
    )
    inputs: dict[str, dict[str, Any]] = {
        "tiny_text": {"text": "a shade"},
        "tiny_unpaired": {"image": str(next(tmp_path.rglob("*.png")))},
    }
    samples = ganzoo.load(run).sample(2, seed=0, **inputs.get(plugin, {}))
    assert len(samples) == 2
    assert torch.isfinite(samples.tensor).all()
    config = json.loads((run / "config.json").read_text())["config"]
    if plugin == "tiny_class":
        assert ["cat", "dog", "owl"] in config.values()
    if plugin == "tiny_text":
        assert any("shade" in value for value in config.values() if isinstance(value, list))
    published = set(load_file(run / "model.safetensors"))
    assert not {key for key in published if re.search("pool", key)}, (
        "a memory of other people's pictures is not published"
    )


def test_bundling_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ganzoo.release import Description, bundle, verification
    from ganzoo.zoo import card, manifest, pull

    home = tmp_path / "home"
    home.mkdir()
    (home / "pyproject.toml").write_text("")
    (home / "weights_manifest.json").write_text(
        '{"format": 1, "owner": "me", "default": null, "models": {}}'
    )
    monkeypatch.setattr(manifest, "home_folder", lambda: home)
    manifest.load_official.cache_clear()
    try:
        run = train("vanilla", "sine", preset="sine", steps=3, out=tmp_path / "run", device="cpu")
        (tmp_path / "m.json").write_text(
            '[{"name": "x", "value": 0.5, "protocol": "a | b", "command": "c"}]'
        )
        entry = bundle.add_model(
            run, "vanilla-test", Description("A <b>test</b>", "mit", metrics=tmp_path / "m.json")
        )
        assert isinstance(entry, ModelEntry)
        assert set(entry.files) == {"config.json", "model.safetensors", "samples.png", "golden.npz"}
        text = (home / "weights" / "vanilla-test" / "README.md").read_text()
        assert text == card.render_card("vanilla-test", entry)
        assert "&lt;b>" in text
        assert "a \\| b" in text
        assert verification.verify_model("vanilla-test").passed
        assert pull.pull("vanilla-test").origin == "bundle"
        model = home / "weights" / "vanilla-test" / "model.safetensors"
        raw = bytearray(model.read_bytes())
        raw[-1] ^= 1
        model.write_bytes(raw)
        assert not verification.verify_model("vanilla-test").passed
        with pytest.raises(WeightsError, match="sha256"):
            ganzoo.load("vanilla-test")
    finally:
        manifest.load_official.cache_clear()
