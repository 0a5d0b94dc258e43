"""run.json: how a run was made, in words that may be published; local.json: where its data lie, which may not."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

import msgspec

from ganzoo.errors import OutputExists, RunError
from ganzoo.manifest import DataSet, Record
from ganzoo.weights import write_json

RUN, LOCAL = "run.json", "local.json"


class Recipe(Record, frozen=True, kw_only=True):
    """What the user may ask of a run. None: the plugin's or the project's default."""

    plugin: str | None = None
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


class Run(Record, frozen=True, kw_only=True):
    """run.json. `steps` and `batch` by phase; `seconds`: of training so far, all sittings together; `done`: finished."""

    format: int = 1
    plugin: str
    data: DataSet
    only: str | None = None
    preset: str | None = None
    settings: dict[str, Any] = {}
    phases: dict[str, int]
    batch: dict[str, int]
    seed: int
    precision: str
    rhythm: dict[str, int]
    machine: str
    torch: str
    version: str
    date: str
    command: str
    parameters: dict[str, int]
    seconds: float = 0.0
    done: bool = False


class Local(Record, frozen=True, kw_only=True):
    """local.json: paths of this machine, for --resume; never published."""

    data: str
    data_root: str | None = None


def merged(recipe: Recipe, toml: dict[str, Any], where: str) -> Recipe:
    """A run.toml's keys, each overridden by what the command line gave."""
    from ganzoo.config import convert

    given = {key: value for key, value in msgspec.to_builtins(recipe).items() if value not in (None, {})}
    config = given.pop("config", {})
    asked = convert({**toml, **given}, Recipe, where)
    return msgspec.structs.replace(asked, config={**asked.config, **config})


def command(recipe: Recipe, data: str, out: str) -> str:
    """The command line that repeats a run, without paths of the machine it ran on."""
    words = ["ganzoo", "train", str(recipe.plugin), "--data", data]
    options = {
        "only": recipe.only,
        "preset": recipe.preset,
        "steps": recipe.steps,
        "epochs": recipe.epochs,
        "batch-size": recipe.batch_size,
        "precision": recipe.precision,
        "sample-every": recipe.sample_every,
    }
    words += [part for key, value in options.items() if value is not None for part in (f"--{key}", str(value).removesuffix(".0"))]
    words += [part for key, value in recipe.config.items() for part in ("--set", f"{key}={_text(value)}")]
    return shlex.join([*words, "--seed", str(recipe.seed or 0), "--out", out])


def extended(text: str, steps: int) -> str:
    """The command of a run that was made longer."""
    words = shlex.split(text)
    for option in ("--steps", "--epochs"):
        if option in words:
            place = words.index(option)
            del words[place : place + 2]
    return shlex.join([*words[:5], "--steps", str(steps), *words[5:]])


def check_room(folder: Path, force: bool) -> None:
    """OutputExists where something stands in a new run's way; by `force` an old run may go, and nothing else ever."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not force:
            raise OutputExists(folder, "go on with it by --resume, choose another --out, or replace it by --force")
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
        run = msgspec.json.decode((folder / RUN).read_bytes(), type=Run)
        return run, msgspec.json.decode((folder / LOCAL).read_bytes(), type=Local)
    except FileNotFoundError as error:
        raise RunError(f"{folder} is not a run folder ({Path(error.filename).name} is missing)") from None
    except (OSError, msgspec.DecodeError) as error:
        raise RunError(f"{folder}: its record cannot be read ({error})") from None


def write(folder: Path, run: Run, local: Local | None = None) -> None:
    """Write run.json, and local.json where given."""
    write_json(folder / RUN, run)
    if local is not None:
        write_json(folder / LOCAL, local)


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
