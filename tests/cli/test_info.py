"""`ganzoo info` of files, folders and plugins, some of them odd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import torch
from msgspec import Meta

from ganzoo import files
from ganzoo.cli import info, output
from ganzoo.config import Config, Width
from ganzoo.zoo import weights
from tests.cli.conftest import Call, Site, publish


def test_settings_have_defaults_and_bounds(ganzoo: Call) -> None:
    settings = json.loads(ganzoo("info", "tiny_class", "--json").stdout)["settings"]
    assert settings["latent"] == {"type": "integer", "minimum": 1, "maximum": 4096, "default": 8}
    text = ganzoo("info", "tiny_class").stdout
    assert "8, integer, at least 1, at most 4096" in text
    assert "wide  width=64" in text
    assert "one of 10 classes" in text


class Described(Config, frozen=True, kw_only=True):
    width: Annotated[Width, Meta(description="units of the hidden layers")] = 64
    narrow: Annotated[Width | None, Meta(description="units of the last; null: as `width`")] = None
    loss: Annotated[Literal["bce", "hinge"], Meta(description="the loss")] = "bce"
    widths: Annotated[tuple[Width, ...], Meta(min_length=1)] = (8, 4)


def test_a_setting_has_bounds_and_a_meaning() -> None:
    fields = info.describe_settings(Described)
    told = {name: (info.describe_values(f), info.describe_meaning(f)) for name, f in fields.items()}
    assert told == {
        "width": ("integer, at least 1, at most 4096", "units of the hidden layers"),
        "narrow": (
            "integer, at least 1, at most 4096, or null",
            "units of the last; null: as `width`",
        ),
        "loss": ("one of bce,hinge", "the loss"),
        "widths": ("array, at least 1 values", ""),
    }
    assert [info.show(field["default"]) for field in fields.values()] == [
        "64",
        "null",
        "bce",
        "8,4",
    ]


def test_a_files_text_cannot_command_the_terminal(ganzoo: Call, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    weights.save_tensors(path, {"a": torch.zeros(2, 3)}, {"note": "\x1b[2Jgone\nfaked: line"})
    shown = ganzoo("info", path).stdout
    assert "\x1b" not in shown
    assert "\\x1b[2Jgone faked: line" in shown
    assert json.loads(ganzoo("info", path, "--json").stdout)["metadata"]["note"].startswith("\x1b")
    assert json.loads(ganzoo("info", path, "--json").stdout)["parameters"] == 6


def test_a_file_that_is_cut_or_missing(ganzoo: Call, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    weights.save_tensors(path, {"a": torch.zeros(2, 3)}, {})
    path.write_bytes(path.read_bytes()[:-1])
    assert "cut short" in ganzoo("info", path, code=1).stderr
    assert "no such file" in ganzoo("info", "gone.safetensors", code=1).stderr


def test_a_model_whose_plugin_is_not_here(ganzoo: Call, site: Site) -> None:
    folder = site.publish("shapes-small")
    found = weights.read_config(folder)
    files.write_json(
        folder / "config.json",
        {**json.loads((folder / "config.json").read_text()), "plugin": "gone"},
    )
    shown = json.loads(ganzoo("info", folder, "--json").stdout)
    assert shown["config"] == found.config
    assert shown["inputs"].startswith("not known: no plugin 'gone'")


def test_a_folder_that_is_none(ganzoo: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "no folder" in ganzoo("info", "./file", code=2).stderr
    assert "config.json: no such file" in ganzoo("info", tmp_path, code=1).stderr
    publish(tmp_path, "tiny_vae", "tiny_vae-x")
    place = tmp_path / "weights" / "tiny_vae-x"
    (place / "run.json").write_text("{")
    assert "run.json" in ganzoo("info", place, code=1).stderr


def test_sizes_for_a_reader() -> None:
    assert [output.size(n) for n in (0, 999, 1000, 4_200_000, 3_000_000_000_000)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "4.2 MB",
        "3000.0 GB",
    ]
