"""The model folder that an import writes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ganzoo import files
from ganzoo.errors import GanzooError, OutputExists, UsageError
from ganzoo.porting.conversion import Conversion
from ganzoo.sampling.assembly import assemble, model_config
from ganzoo.zoo import weights


def write(made: Conversion, folder: Path, *, force: bool = False) -> None:
    """The model's folder: config.json, model.safetensors, and training.safetensors where the other networks are there.

    Matrices stay float32: nobody has compared what float16 would make of them. The folder is read back before it takes its
    place. OutputExists for one that holds something, unless `force`, which replaces a model folder and nothing else."""
    check_folder(folder, force)
    folder = folder.resolve()
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        _fill(made, temporary)
        if folder.is_dir() and any(folder.iterdir()):
            shutil.rmtree(folder)
        temporary.replace(folder)
    except OSError as error:
        raise GanzooError(
            f"{error.filename or folder} cannot be written ({error.strerror or error})"
        ) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_folder(folder: Path, force: bool) -> None:
    """UsageError or OutputExists for a place that an import would not take."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; a model is a folder")
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if there and not force:
        raise OutputExists(folder)
    if there - {weights.MODEL, weights.TRAINING, weights.CONFIG}:
        raise OutputExists(
            folder, "it holds more than a model's files; empty it or choose another name"
        )


def _fill(made: Conversion, folder: Path) -> None:
    config = model_config(made.plugin, made.outline)
    used = {name: t for name, t in made.tensors.items() if name.split(".")[0] in made.outline.ema}
    rest = {name: t for name, t in made.tensors.items() if name not in used}
    files.write_json(folder / weights.CONFIG, config)
    weights.save_tensors(folder / weights.MODEL, used, weights.build_metadata(config), half=False)
    if rest:
        weights.save_tensors(
            folder / weights.TRAINING, rest, weights.build_metadata(config), half=False
        )
    assemble(made.plugin, made.config, folder / weights.MODEL)
