"""Maintain the official models: `weights/<name>/`, the manifest and the generated cards."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from ganzoo.errors import UsageError, WeightsError
from ganzoo.files import write_json
from ganzoo.release import Description, prepare
from ganzoo.release.upload import Published, upload_files
from ganzoo.training import record
from ganzoo.zoo import card, manifest
from ganzoo.zoo.integrity import check_files, expect
from ganzoo.zoo.manifest import ModelEntry


def add_model(
    run: Path, name: str, description: Description, *, fine_tune: bool = False
) -> ModelEntry:
    """Prepare a finished run in weights/<name>/ of the checkout and write its manifest entry.

    `fine_tune`: include training.safetensors."""
    plugin = record.read_run(run)[0].plugin  # official models are always trained by ganzoo
    if not re.match(manifest.MODEL_NAME, name) or not manifest.may_be_called(name, plugin):
        raise UsageError(f"{name!r}: a model is named {plugin}-<tag>, or <preset>-<tag>")
    entry = prepare.prepare_model(
        run,
        manifest.home_folder() / "weights" / name,
        f"{manifest.load_official().owner}/{name}",
        description,
        training=fine_tune,
        call=name,
    )
    _update_manifest(name, entry)
    return manifest.get_entry(name)


def publish_official(report: Callable[[str, Published], None], *, private: bool = False) -> None:
    """Publish all models of weights/ and pin their commits in the manifest.

    A model that is already on the Hub gets no new commit. `report` is called after each."""
    for name, entry in manifest.load_official().models.items():
        folder = manifest.home_folder() / "weights" / name
        if not folder.is_dir():
            continue
        check_files(folder, expect(entry.files))  # else the published model could not be pulled
        done = upload_files(
            folder,
            entry.repository,
            [*entry.files, card.CARD],
            ours=prepare.PUBLISHED,
            private=private,
        )
        _update_manifest(name, msgspec.structs.replace(entry, revision=done.commit))
        report(name, done)


def refresh_cards() -> list[str]:
    """Render stale model cards and README.md's table again. Returns the files that changed."""
    models = manifest.load_official().models
    texts = {}
    for name, entry in models.items():
        texts[manifest.bundle_folder(name) / card.CARD] = card.render_card(name, entry)
    readme = manifest.home_folder() / card.CARD
    texts[readme] = card.replace_table(readme.read_text("utf-8"), models)
    changed = []
    for path, text in texts.items():
        if path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            changed.append(str(path.relative_to(manifest.home_folder())))
    return changed


def _update_manifest(name: str, entry: ModelEntry) -> None:
    """Write the manifest with one entry replaced, models sorted by name."""
    path = manifest.home_folder() / "weights_manifest.json"
    if not path.with_name("pyproject.toml").exists():
        raise WeightsError(path, "part of an installed package; add models in a checkout")
    old = manifest.load_official()
    models = dict(sorted({**old.models, name: entry}.items()))
    write_json(path, msgspec.structs.replace(old, models=models))
    manifest.load_official.cache_clear()
