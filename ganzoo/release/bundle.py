"""From a finished run to `weights/<name>/` and its manifest entry: what a maintainer does once a model is good."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from ganzoo import files
from ganzoo.errors import UsageError, WeightsError
from ganzoo.release import prepare
from ganzoo.release.prepare import Story
from ganzoo.release.upload import Published, publish
from ganzoo.training import record
from ganzoo.zoo import card, manifest
from ganzoo.zoo.manifest import Entry, Manifest
from ganzoo.zoo.proof import check


def add(run: Path, name: str, story: Story, *, fine_tune: bool = False) -> Entry:
    """Copy a finished run into the checkout's weights/<name>/, with config, card, sample sheet and golden rows, and write
    its manifest entry. `fine_tune`: keep training.safetensors.
    """
    plugin = record.read_run(run)[0].plugin  # official weights come from `ganzoo train` alone
    if not re.match(manifest.NAME, name) or not manifest.may_be_called(name, plugin):
        raise UsageError(
            f"{name!r}: weights are named {plugin}-<tag>, or after one of its presets, <preset>-<tag>"
        )
    folder = manifest.home() / "weights" / name
    entry = prepare.prepare(
        run, folder, f"{manifest.official().owner}/{name}", story, training=fine_tune, call=name
    )
    _write({name: entry})
    return manifest.entry(name)


def publish_all(told: Callable[[str, Published], None], *, private: bool = False) -> None:
    """Put every model of weights/ on the Hub, under the manifest's owner, and write each commit into the manifest as its
    revision. A model that is there already, byte for byte, gets no new commit."""
    for name, entry in manifest.official().models.items():
        folder = manifest.home() / "weights" / name
        if not folder.is_dir():
            continue
        for file, expected in entry.files.items():
            check(
                folder / file, expected
            )  # a commit that the manifest contradicts could never be pulled
        done = publish(
            folder,
            entry.repository,
            [*entry.files, card.CARD],
            ours=prepare.PUBLISHED,
            private=private,
        )
        _write({name: msgspec.structs.replace(entry, revision=done.commit)})
        told(name, done)


def refresh() -> list[str]:
    """Write anew what follows from the manifest and no longer does: model cards and the README's table. Names of what changed."""
    models = manifest.official().models
    wanted = {
        manifest.bundled(name) / card.CARD: card.render(name, entry)
        for name, entry in models.items()
    }
    readme = manifest.home() / card.CARD
    wanted[readme] = card.with_table(readme.read_text("utf-8"), models)
    stale = [path for path, text in wanted.items() if path.read_text("utf-8") != text]
    for path in stale:
        path.write_text(wanted[path], "utf-8")
    return [str(path.relative_to(manifest.home())) for path in stale]


def _write(changed: dict[str, Entry]) -> None:
    """The manifest with some entries replaced, models in order of their names."""
    old = manifest.official()
    models = {**old.models, **changed}
    path = manifest.home() / "weights_manifest.json"
    if not path.with_name("pyproject.toml").exists():
        raise WeightsError(path, "an installed package; weights are added in a checkout")
    files.write_json(
        path,
        Manifest(
            format=old.format,
            owner=old.owner,
            default=old.default,
            models=dict(sorted(models.items())),
        ),
    )
    manifest.official.cache_clear()
