"""The weights manifest: strict, and its schema says what the reader does."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganzoo import files
from ganzoo.config import convert
from ganzoo.errors import GanzooError, ManifestError, UnknownModel
from ganzoo.zoo import manifest, registry

ENTRY: dict[str, Any] = {
    "plugin": "tiny_vae",
    "distribution": "ganzoo-tiny",
    "summary": "Digits",
    "repository": "someone/tiny_vae-digits",
    "revision": None,
    "files": {"model.safetensors": {"sha256": "a" * 64, "bytes": 10}},
    "config": {"width": 8},
    "data": {"name": "digits", "count": 60, "digest": "d", "licence": "CC0"},
    "licence": "MIT",
    "parameters": {"decoder": 100},
    "training": {
        "command": "ganzoo train tiny_vae",
        "seed": 0,
        "steps": 4,
        "batch": 8,
        "precision": "fp32",
        "machine": "cpu",
        "minutes": 0.5,
        "date": "2025-01-01",
        "version": "0.1",
        "torch": "2.4",
    },
    "golden": {"seed": 0, "n": 4},
}
MANIFEST: dict[str, Any] = {
    "format": 1,
    "owner": "ganzoo",
    "default": "tiny_vae-digits",
    "models": {"tiny_vae-digits": ENTRY},
}


def changed(change: Callable[[Any, Any], object]) -> bytes:
    """MANIFEST after `change(manifest, its entry)`, as JSON."""
    value = copy.deepcopy(MANIFEST)
    change(value, value["models"]["tiny_vae-digits"])
    return json.dumps(value).encode()


GOOD: list[Callable[[Any, Any], object]] = [
    lambda m, e: None,
    lambda m, e: m.pop("default"),
    lambda m, e: e.update(revision="0" * 40),
    lambda m, e: e.update(
        metrics=[{"name": "FID", "value": 9.5, "protocol": "p", "command": "c"}], notes="n"
    ),
    lambda m, e: m["models"].update({"a_1-b-c.2": e}),
]
BAD: list[tuple[str, Callable[[Any, Any], object]]] = [
    ("unknown field `extra`", lambda m, e: m.update(extra=1)),
    ("unknown field `licens`", lambda m, e: e.update(licens="MIT")),
    (
        "unknown field `url`",
        lambda m, e: e["files"]["model.safetensors"].update(url="https://example.org"),
    ),
    ("sha256", lambda m, e: e["files"]["model.safetensors"].update(sha256="a" * 63)),
    ("sha256", lambda m, e: e["files"]["model.safetensors"].update(sha256="A" * 64)),
    ("revision", lambda m, e: e.update(revision="main")),
    ("bytes", lambda m, e: e["files"]["model.safetensors"].update(bytes=-1)),
    ("missing required field `licence`", lambda m, e: e.pop("licence")),
    ("missing required field `revision`", lambda m, e: e.pop("revision")),
    ("models", lambda m, e: m["models"].update({"NoTag": e})),
    ("models", lambda m, e: m["models"].update({"../up-1": e})),
    ("format", lambda m, e: m.update(format=2)),
    ("seed", lambda m, e: e["training"].update(seed="0")),
]


@pytest.mark.parametrize("change", GOOD)
def test_what_is_accepted(change: Callable[[Any, Any], object]) -> None:
    found = manifest.parse_manifest(changed(change), "m.json")
    assert found.models["tiny_vae-digits"].files["model.safetensors"].bytes == 10


@pytest.mark.parametrize(("words", "change"), BAD)
def test_what_is_refused(words: str, change: Callable[[Any, Any], object]) -> None:
    with pytest.raises(ManifestError) as caught:
        manifest.parse_manifest(changed(change), "m.json")
    assert str(caught.value).startswith("m.json: ")
    assert words in str(caught.value)


def test_broken_json_is_refused() -> None:
    with pytest.raises(ManifestError, match=r"m\.json: .*malformed|truncated"):
        manifest.parse_manifest(b'{"format": 1', "m.json")


def test_the_schema_agrees_with_the_reader() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(json.dumps(manifest.build_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    for change in GOOD:
        jsonschema.validate(json.loads(changed(change)), schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert [words for words, change in BAD if validator.is_valid(json.loads(changed(change)))] == []


def test_the_official_manifest_follows_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    path = manifest.home_folder() / "weights_manifest.json"
    jsonschema.validate(
        json.loads(path.read_bytes()), json.loads(json.dumps(manifest.build_schema()))
    )


def test_every_official_entry_can_be_built_and_its_files_are_what_it_says() -> None:
    for name, entry in manifest.load_official().models.items():
        assert manifest.may_be_called(name, entry.plugin)
        convert(entry.config, registry.get(entry.plugin).config, name)
        for file, expected in entry.files.items():
            path = manifest.bundle_folder(name) / file
            if entry.revision is None or path.exists():
                assert path.stat().st_size == expected.bytes
                assert files.sha256(path) == expected.sha256


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    assert files.sha256(tmp_path / "x") == hashlib.sha256(b"abc" * 100_000).hexdigest()


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution `zoo` with a plugin and a manifest of its own; GANZOO_PLUGINS hides all others."""
    folder = tmp_path / "zoo-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo\nVersion: 1\n")
    module = f"zoo_{tmp_path.name}"  # a fresh one for each test: loaded plugins are kept
    (folder / "entry_points.txt").write_text(
        f"[ganzoo.plugins]\nowl = {module}:plugin\nlame = {module}:nothing\n"
    )
    (tmp_path / f"{module}.py").write_text(
        "from dataclasses import replace\nfrom importlib.resources import files\nfrom pathlib import Path\nimport tiny_vae\n"
        "plugin = replace(tiny_vae.plugin, name='owl', manifest=Path(__file__).parent / 'manifest.json')\n"
    )
    models = {
        name: {**ENTRY, "plugin": "owl"} for name in ("owl-digits", "owl-faces-64", "owl-faces-128")
    }
    (tmp_path / "manifest.json").write_text(
        json.dumps({**MANIFEST, "default": None, "models": models})
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("GANZOO_PLUGINS", "owl,lame")
    return tmp_path


def test_a_third_partys_models_stand_beside_ours(third_party: Path) -> None:
    ours = set(manifest.load_official().models)
    assert set(manifest.list_models()) == ours | {"owl-digits", "owl-faces-64", "owl-faces-128"}
    assert list(manifest.list_models()) == sorted(manifest.list_models())
    assert manifest.get_entry("owl-digits").plugin == "owl"
    assert manifest.bundle_folder("owl-digits") == third_party / "weights" / "owl-digits"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("owl-faces-*", ["owl-faces-128", "owl-faces-64"]),
        ("owl-?igits", ["owl-digits"]),
        ("owl-faces-[16]*", ["owl-faces-128", "owl-faces-64"]),
        ("OWL-*", []),
        ("owl", []),
    ],
)
@pytest.mark.usefixtures("third_party")
def test_wildcards(pattern: str, names: list[str]) -> None:
    assert list(manifest.list_models(pattern)) == names


@pytest.mark.usefixtures("third_party")
def test_an_unknown_model_gets_near_names() -> None:
    with pytest.raises(
        UnknownModel, match=r"no weights named 'owl-digts'; did you mean owl-digits"
    ):
        manifest.get_entry("owl-digts")


def test_a_third_partys_broken_manifest_is_named(third_party: Path) -> None:
    (third_party / "manifest.json").write_text("{}")
    with pytest.raises(GanzooError, match=r"manifest of plugin 'owl'"):
        manifest.list_models()
