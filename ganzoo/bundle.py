"""From a finished run to `weights/<name>/` and its manifest entry: what a maintainer does once a model is good."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import msgspec

from ganzoo import card, manifest, registry, verify, weights
from ganzoo.errors import ManifestError, RunError, UsageError, WeightsError
from ganzoo.manifest import Entry, File, Golden, Manifest, Metric, Training
from ganzoo.model import load
from ganzoo.training import record
from ganzoo.training.record import Run

GOLDEN_ROWS = {"Picture": 8, "Points": 256, "Curve": 16}
SHEET_ROWS = {"Picture": 64, "Points": 1024, "Curve": 16}


def add(
    run: Path, name: str, *, summary: str, licence: str, metrics: Path | None = None, notes: str = "", fine_tune: bool = False
) -> Entry:
    """Copy a finished run into the checkout's weights/<name>/, with config, card, sample sheet and golden rows, and write
    its manifest entry. `metrics`: a JSON list of {name, value, protocol, command}. `fine_tune`: keep training.safetensors.
    """
    found, _ = record.read(run)
    if not found.done:
        raise RunError(f"{run} is not finished; ganzoo train --resume --out {run}")
    if not re.match(manifest.NAME, name) or not name.startswith(f"{found.plugin}-"):
        raise UsageError(f"{name!r}: weights are named {found.plugin}-<tag>")
    folder = manifest.home() / "weights" / name
    folder.mkdir(parents=True, exist_ok=True)
    for file in [weights.CONFIG, weights.MODEL, *([weights.TRAINING] if fine_tune else [])]:
        shutil.copyfile(run / file, folder / file)
    _pictures(folder)
    entry = _entry(found, folder, name, summary, licence, _metrics(metrics), notes)
    (folder / card.CARD).write_text(card.render(name, entry), "utf-8")
    _write(name, msgspec.structs.replace(entry, files=_files(folder)))
    return manifest.entry(name)


def refresh() -> list[str]:
    """Write anew what follows from the manifest and no longer does: model cards and the README's table. Names of what changed."""
    models = manifest.official().models
    wanted = {manifest.bundled(name) / card.CARD: card.render(name, entry) for name, entry in models.items()}
    readme = manifest.home() / card.CARD
    wanted[readme] = card.with_table(readme.read_text("utf-8"), models)
    stale = [path for path, text in wanted.items() if path.read_text("utf-8") != text]
    for path in stale:
        path.write_text(wanted[path], "utf-8")
    return [str(path.relative_to(manifest.home())) for path in stale]


def _pictures(folder: Path) -> None:
    """samples.png and golden.npz, in float32 on the CPU."""
    model = load(folder.absolute(), device="cpu", precision="fp32")
    kind = type(model.plugin.output(model.config)).__name__
    model.sample(SHEET_ROWS[kind], seed=0).save(folder / "samples.png", force=True)
    verify.write_golden(model, folder / verify.GOLDEN, seed=0, n=GOLDEN_ROWS[kind])


def _entry(run: Run, folder: Path, name: str, summary: str, licence: str, metrics: list[Metric], notes: str) -> Entry:
    config = weights.read_config(folder)
    distribution, _ = registry.distribution(run.plugin)
    kind = type(registry.get(run.plugin).output(msgspec.convert(config.config, registry.get(run.plugin).config))).__name__
    return Entry(
        plugin=run.plugin,
        distribution=distribution,
        summary=summary,
        repository=f"{manifest.official().owner}/{name}",
        revision=None,
        files=_files(folder),
        config=config.config,
        data=run.data,
        licence=licence,
        parameters=run.parameters,
        training=Training(
            command=run.command,
            seed=run.seed,
            steps=sum(run.phases.values()),
            batch=max(run.batch.values()),
            precision=run.precision,
            machine=run.machine,
            minutes=round(run.seconds / 60, 1),
            date=run.date,
            version=run.version,
            torch=run.torch,
        ),
        golden=Golden(seed=0, n=GOLDEN_ROWS[kind]),
        metrics=metrics,
        notes=notes,
    )


def _files(folder: Path) -> dict[str, File]:
    """Every file of a model but its card, whose text quotes the others."""
    kept = sorted(path for path in folder.iterdir() if path.is_file() and path.name != card.CARD)
    return {path.name: File(sha256=manifest.sha256(path), bytes=path.stat().st_size) for path in kept}


def _metrics(path: Path | None) -> list[Metric]:
    if path is None:
        return []
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Metric])
    except (OSError, msgspec.DecodeError) as error:
        raise ManifestError(path, str(error)) from None


def _write(name: str, entry: Entry) -> None:
    """The manifest with one entry replaced, models in order of their names."""
    old = manifest.official()
    models = {**old.models, name: entry}
    path = manifest.home() / "weights_manifest.json"
    if not path.with_name("pyproject.toml").exists():
        raise WeightsError(path, "an installed package; weights are added in a checkout")
    weights.write_json(
        path, Manifest(format=old.format, owner=old.owner, default=old.default, models=dict(sorted(models.items())))
    )
    manifest.official.cache_clear()
