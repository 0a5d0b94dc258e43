"""Write the model folder of an import."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ganzoo import files
from ganzoo.errors import GanzooError, OutputExists, UsageError
from ganzoo.porting.conversion import Conversion
from ganzoo.sampling.assembly import assemble, model_config
from ganzoo.zoo import weights


def write_model(conversion: Conversion, folder: Path, *, force: bool = False) -> None:
    """Write config.json, model.safetensors and, with the other networks, training.safetensors.

    Matrices stay float32: the effect of float16 is not measured. The model is read back before its
    folder is moved into place. OutputExists for a folder that is not empty, unless `force`, which
    replaces a model folder and nothing else."""
    check_model_folder(folder, force)
    folder = folder.resolve()
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    config = model_config(conversion.plugin, conversion.outline)
    networks = conversion.outline.ema
    sampling = {n: t for n, t in conversion.tensors.items() if n.split(".")[0] in networks}
    training = {n: t for n, t in conversion.tensors.items() if n not in sampling}
    try:
        temporary.mkdir(parents=True)
        files.write_json(temporary / weights.CONFIG, config)
        metadata = weights.build_metadata(config)
        weights.save_tensors(temporary / weights.MODEL, sampling, metadata, half=False)
        if training:
            weights.save_tensors(temporary / weights.TRAINING, training, metadata, half=False)
        assemble(conversion.plugin, conversion.config, temporary / weights.MODEL)
        if folder.is_dir() and any(folder.iterdir()):
            shutil.rmtree(folder)
        temporary.replace(folder)
    except OSError as error:
        path = error.filename or folder
        raise GanzooError(f"{path} cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_model_folder(folder: Path, force: bool) -> None:
    """UsageError or OutputExists where an import cannot write to `folder`."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; a model is a folder")
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if names and not force:
        raise OutputExists(folder)
    if names - {weights.MODEL, weights.TRAINING, weights.CONFIG}:
        raise OutputExists(
            folder, "it holds more than a model's files; empty it or choose another name"
        )
