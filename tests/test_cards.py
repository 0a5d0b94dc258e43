"""What is generated from the manifest is not stale."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from ganzoo.zoo import card, manifest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", list(manifest.load_official().models))
def test_every_card_follows_from_its_entry(name: str) -> None:
    text = (ROOT / "weights" / name / card.CARD).read_text("utf-8")
    assert text == card.render_card(name, manifest.load_official().models[name]), (
        "run `ganzoo manifest cards`"
    )


def test_the_readme_lists_the_models() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert card.BEGIN in text
    assert text == card.replace_table(text, manifest.load_official().models), (
        "run `ganzoo manifest cards`"
    )


def test_weights_stay_in_their_budget() -> None:
    sizes = {
        name: sum(f.bytes for f in entry.files.values())
        for name, entry in manifest.load_official().models.items()
    }
    assert {name for name, size in sizes.items() if size > 4 * 2**20 and "mnist" in name} == set()
    assert max(sizes.values()) <= 14 * 2**20
    assert sum(sizes.values()) <= 90 * 2**20


def test_the_manifests_schema_is_written_down() -> None:
    stored = json.loads((ROOT / "docs" / "weights_manifest.schema.json").read_text("utf-8"))
    assert stored == manifest.build_schema(), (
        "run `ganzoo manifest schema > docs/weights_manifest.schema.json`"
    )
    jsonschema.validate(json.loads((ROOT / "weights_manifest.json").read_text("utf-8")), stored)
