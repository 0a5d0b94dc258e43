"""The command line in this process, which is fast, and a made-up third party that publishes models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from ganzoo.cli import app as cli
from ganzoo.files import sha256, write_json
from ganzoo.release import verification
from ganzoo.sampling.assembly import model_config
from ganzoo.sampling.model import Model
from ganzoo.zoo import weights
from ganzoo.zoo.manifest import File, Golden, Manifest, ModelEntry, Training, TrainingData
from ganzoo.zoo.registry import get

PLUGIN = """
from dataclasses import replace
from pathlib import Path
import tiny_class
plugin = replace(tiny_class.plugin, name="shapes", manifest=Path(__file__).parent / "shapes.json")
"""
TRAINING = Training(
    command="ganzoo train shapes --data pictures", seed=0, steps=1, batch=8, precision="fp32", machine="cpu", minutes=0.1,
    date="2026-01-01", version="0.1.0", torch="2.4",
)  # fmt: skip
Call = Callable[..., Any]


@pytest.fixture(scope="session", autouse=True)
def commands() -> None:
    """Every command, registered once."""
    cli.register(cli.COMMANDS)


@pytest.fixture
def ganzoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command in an empty folder; the exit code must be `code`."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object, code: int = 0) -> Any:
        done = CliRunner().invoke(cli.app, [str(word) for word in words])
        assert done.exit_code == code, done.output
        assert "Traceback" not in done.stderr
        return done

    return call


def publish(
    folder: Path, plugin: str, name: str, change: Callable[[Any], Any] = lambda rows: rows
) -> ModelEntry:
    """weights/<name>/ of an untrained tiny model, and its entry. `change`: what is done to its golden rows."""
    record = get(plugin)
    place = folder / "weights" / name
    torch.manual_seed(0)
    gan = record.build(record.tiny)
    config = model_config(record, gan)
    weights.save_tensors(
        place / weights.MODEL, weights.collect_tensors(gan, gan.ema), weights.build_metadata(config)
    )
    write_json(place / weights.CONFIG, config)
    rows = verification.sample_golden(
        Model.load(place.absolute(), device="cpu", precision="fp32"), 3, 4
    )
    np.savez_compressed(place / verification.GOLDEN, sample=change(rows))
    files = {
        p.name: File(sha256=sha256(p), bytes=p.stat().st_size) for p in sorted(place.iterdir())
    }
    return ModelEntry(
        plugin=plugin, distribution=config.distribution, summary="Shapes", repository=f"somebody/{name}", revision=None,
        files=files, config=config.config, licence="mit", parameters={"generator": 1}, training=TRAINING,
        data=TrainingData(name="pictures", count=8, digest="0" * 64, licence="own"), golden=Golden(seed=3, n=4),
    )  # fmt: skip


@pytest.fixture
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Gives the folder of an untrained model of a tiny plugin."""

    def make(plugin: str) -> Path:
        home = tmp_path_factory.mktemp("model")
        publish(home, plugin, f"{plugin}-x")
        return home / "weights" / f"{plugin}-x"

    return make


class Site:
    """A folder on the search path with the distribution ganzoo-shapes, its plugin and its models."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.module = (
            folder / f"ganzoo_shapes_{folder.parent.name}.py"
        )  # loaded plugins are kept by their module's name
        self.models: dict[str, ModelEntry] = {}
        info = folder / "ganzoo_shapes-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ganzoo-shapes\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[ganzoo.plugins]\nshapes = {self.module.stem}:plugin\n"
        )
        self.module.write_text(PLUGIN)
        self.write()

    def publish(self, name: str, change: Callable[[Any], Any] = lambda rows: rows) -> Path:
        """One more model; gives its folder."""
        self.models[name] = publish(self.folder, "shapes", name, change)
        self.write()
        return self.folder / "weights" / name

    def write(self) -> None:
        whole = Manifest(format=1, owner="somebody", models=self.models)
        (self.folder / "shapes.json").write_bytes(msgspec.json.encode(whole))


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A third party, there for one test."""
    folder = tmp_path_factory.mktemp("site") / "lib"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return Site(folder)
