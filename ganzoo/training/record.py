"""The records of a run folder.

run.json tells how a run was made and may be published; local.json holds paths of this machine and
may not.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec

from ganzoo import files
from ganzoo.errors import OutputExists, RunError, UsageError
from ganzoo.files import Record
from ganzoo.text import is_utf8
from ganzoo.training.recipe import AtLeastOne, Fixed, NonNegative
from ganzoo.zoo.manifest import Parent, TrainingData

RUN, LOCAL = "run.json", "local.json"
LARGEST_RECORD = 1_000_000
"""Bytes."""


class Run(Fixed, frozen=True, kw_only=True):
    """run.json. `phases`: steps of each; `batch`: batch size of each; `seconds`: training time.

    `done`: finished; `parent`: the model that a fine-tuning started from.
    """

    format: int = 1
    plugin: str
    data: TrainingData
    settings: dict[str, Any] = {}
    phases: dict[str, AtLeastOne]
    batch: dict[str, AtLeastOne]
    precision: str
    rhythm: dict[Literal["log", "sample", "checkpoint"], NonNegative]
    machine: str
    torch: str
    version: str
    date: str
    command: str
    parameters: dict[str, int]
    seconds: float = 0.0
    done: bool = False
    parent: Parent | None = None


class Local(Record, frozen=True, kw_only=True):
    """local.json: where the data are, for --resume."""

    data: str
    data_root: str | None = None


def extend_command(text: str, steps: int, lengths: Iterable[int]) -> str:
    """The command of a run that resumes with more steps.

    `lengths`: steps of its phases. Where finished phases keep another length, a second command
    that resumes the run follows the first.
    """
    words = shlex.split(text)
    if set(lengths) != {steps}:
        resume = ["ganzoo", "train", "--resume", "--steps", str(steps), *words[-2:]]
        return f"{text} && {shlex.join(resume)}"
    for name in ("--steps", "--epochs"):
        if name in words:
            place = words.index(name)
            del words[place : place + 2]
    return shlex.join([*words[:5], "--steps", str(steps), *words[5:]])


def check_run_folder(folder: Path, force: bool) -> None:
    """Refuse a folder that cannot hold a new run; `force` allows an old run, which is replaced.

    Raises OutputExists, or UsageError for a name that run.json cannot hold.
    """
    if not is_utf8(folder.name):
        raise UsageError(
            f"--out {str(folder)!r}: the name is not UTF-8, and run.json cannot hold it"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not force:
            raise OutputExists(
                folder, "continue it with --resume, choose another --out, or replace it by --force"
            )
        if not (folder / RUN).exists():
            raise RunError(f"{folder} exists and is not a run folder; choose another --out")


def empty_folder(folder: Path) -> None:
    """Create the folder, or delete what it holds: the folder itself may be a link or a mount."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    except OSError as error:
        raise RunError(f"{folder} cannot be created ({error.strerror})") from None


def read_run(folder: Path) -> tuple[Run, Local]:
    """Both records of a run folder. Raises RunError when it is not one."""
    try:
        run = files.decode_json(files.read_limited(folder / RUN, LARGEST_RECORD), Run)
        return run, files.decode_json(files.read_limited(folder / LOCAL, LARGEST_RECORD), Local)
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        raise RunError(f"{folder} is not a run folder ({missing} is missing)") from None
    except (OSError, msgspec.DecodeError) as error:
        raise RunError(f"{folder}: its record cannot be read ({error})") from None
