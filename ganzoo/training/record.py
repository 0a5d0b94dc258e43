"""run.json: how a run was made, in words that may be published; local.json: where its data lie, which may not."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from ganzoo import files
from ganzoo.errors import OutputExists, RunError, UsageError
from ganzoo.files import Record, write_json
from ganzoo.text import is_utf8
from ganzoo.zoo.manifest import DataSet, Parent

RUN, LOCAL = "run.json", "local.json"
LIMIT = 1_000_000
"""Bytes of either."""


class Recipe(Record, frozen=True, kw_only=True):
    """What the user may ask of a run. None: the plugin's or the project's default. `model`, `fresh` and `freeze` are of
    fine-tuning: the parent, whether networks that it lacks start anew, and layers of the critics that do not move."""

    plugin: str | None = None
    model: str | None = None
    data: str | None = None
    data_root: str | None = None
    only: str | None = None
    preset: str | None = None
    config: dict[str, Any] = {}
    steps: int | None = None
    epochs: float | None = None
    batch_size: int | None = None
    seed: int | None = None
    device: str | None = None
    precision: str | None = None
    log_every: int | None = None
    sample_every: int | None = None
    checkpoint_every: int | None = None
    compile: bool | None = None
    augment: list[str] | None = None
    freeze: int | None = None
    fresh: bool | None = None


class Run(Record, frozen=True, kw_only=True):
    """run.json. `steps` and `batch` by phase; `seconds`: of training so far, all sittings together; `done`: finished;
    `parent`: of a fine-tuning."""

    format: int = 1
    plugin: str
    data: DataSet
    only: str | None = None
    preset: str | None = None
    settings: dict[str, Any] = {}
    phases: dict[str, Annotated[int, msgspec.Meta(ge=1)]]
    batch: dict[str, Annotated[int, msgspec.Meta(ge=1)]]
    seed: int
    precision: str
    rhythm: dict[Literal["log", "sample", "checkpoint"], Annotated[int, msgspec.Meta(ge=0)]]
    machine: str
    torch: str
    version: str
    date: str
    command: str
    parameters: dict[str, int]
    seconds: float = 0.0
    done: bool = False
    compile: bool = False
    augment: list[str] = []
    freeze: Annotated[int, msgspec.Meta(ge=0)] = 0
    parent: Parent | None = None


class Local(Record, frozen=True, kw_only=True):
    """local.json: paths of this machine, for --resume; never published."""

    data: str
    data_root: str | None = None


def merged(recipe: Recipe, toml: dict[str, Any], where: str) -> Recipe:
    """A run.toml's keys, each overridden by what the command line gave."""
    from ganzoo.config import convert

    given = {
        key: value for key, value in msgspec.to_builtins(recipe).items() if value not in (None, {})
    }
    config = given.pop("config", {})
    asked = convert({**toml, **given}, Recipe, where)
    return msgspec.structs.replace(asked, config={**asked.config, **config})


def command(recipe: Recipe, data: str, out: str) -> str:
    """The command line that repeats a run, without paths of the machine it ran on."""
    begin = (
        ["finetune", _named(recipe.model)]
        if recipe.model is not None
        else ["train", str(recipe.plugin)]
    )
    words = ["ganzoo", *begin, "--data", data]
    options = {
        "only": recipe.only,
        "preset": recipe.preset,
        "freeze": recipe.freeze or None,
        "augment": ",".join(recipe.augment or ()) or None,
        "steps": recipe.steps,
        "epochs": recipe.epochs,
        "batch-size": recipe.batch_size,
        "precision": recipe.precision,
        "sample-every": recipe.sample_every,
    }
    words += [
        part
        for key, value in options.items()
        if value is not None
        for part in (f"--{key}", str(value).removesuffix(".0"))
    ]
    words += [
        part for key, value in recipe.config.items() for part in ("--set", f"{key}={_text(value)}")
    ]
    words += [f"--{name}" for name in ("fresh", "compile") if getattr(recipe, name)]
    return shlex.join([*words, "--seed", str(recipe.seed or 0), "--out", out])


def extended(text: str, steps: int, lengths: Iterable[int]) -> str:
    """The command of a run that was made longer. Where phases that were over keep other `lengths`, no single one says it, and
    what went on with the run stands behind what began it."""
    words = shlex.split(text)
    if set(lengths) != {steps}:
        return f"{text} && {shlex.join(['ganzoo', 'train', '--resume', '--steps', str(steps), *words[-2:]])}"
    for option in ("--steps", "--epochs"):
        if option in words:
            place = words.index(option)
            del words[place : place + 2]
    return shlex.join([*words[:5], "--steps", str(steps), *words[5:]])


def check_room(folder: Path, force: bool) -> None:
    """OutputExists where something stands in a new run's way; by `force` an old run may go, and nothing else ever.

    UsageError for a name that could not stand in its record."""
    if not is_utf8(folder.name):
        raise UsageError(
            f"--out {str(folder)!r}: the name is not spelt in UTF-8, and cannot stand in the run's record"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not force:
            raise OutputExists(
                folder, "go on with it by --resume, choose another --out, or replace it by --force"
            )
        if not (folder / RUN).exists():
            raise RunError(f"{folder} exists and is not a run folder; choose another --out")


def make_room(folder: Path) -> None:
    """An empty folder. One that is there stays, as a link or a mounted volume may, and loses what it holds."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    except OSError as error:
        raise RunError(f"{folder} cannot be made ({error.strerror})") from None


def read(folder: Path) -> tuple[Run, Local]:
    """Both records of a run folder; RunError when it is not one."""
    try:
        run = files.decode(files.read(folder / RUN, LIMIT), Run)
        return run, files.decode(files.read(folder / LOCAL, LIMIT), Local)
    except FileNotFoundError as error:
        raise RunError(
            f"{folder} is not a run folder ({Path(error.filename).name} is missing)"
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise RunError(f"{folder}: its record cannot be read ({error})") from None


def write(folder: Path, run: Run, local: Local | None = None) -> None:
    """Write run.json, and local.json where given."""
    write_json(folder / RUN, run)
    if local is not None:
        write_json(folder / LOCAL, local)


def _named(model: str) -> str:
    """A model as it was asked for; of a folder only its name, as a path that begins where the command is given."""
    from ganzoo.zoo.place import expanded, is_path

    return f"./{expanded(model).resolve().name}" if is_path(model) else model


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
