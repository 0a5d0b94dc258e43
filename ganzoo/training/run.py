"""`ganzoo.train` and `ganzoo.finetune`: from options to a finished run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganzoo.config import convert, read_toml
from ganzoo.errors import RunError, UsageError
from ganzoo.training import parent, record
from ganzoo.training.augment import parse_transforms
from ganzoo.training.log import Reporter, Silent
from ganzoo.training.recipe import Fixed, Recipe, list_options
from ganzoo.training.session import Session
from ganzoo.zoo import registry

NO_DATA = "--data is needed: the name of a data set, a folder or an archive"


def train(
    plugin: str | None = None,
    data: str | Path | None = None,
    *,
    out: str | Path | None = None,
    data_root: str | Path | None = None,
    only: str | None = None,
    download: bool = False,
    preset: str | None = None,
    config: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    precision: str | None = None,
    log_every: int | None = None,
    sample_every: int | None = None,
    checkpoint_every: int | None = None,
    augment: str | Sequence[str] = (),
    accumulate: int | None = None,
    compile: bool = False,
    resume: bool = False,
    force: bool = False,
    stop_on_collapse: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """Train an architecture and return the run folder, by default runs/<plugin>-<data>.

    `config`: a TOML file whose top-level keys are these options and whose [config] table holds
    plugin settings, as `settings` does; options given here win. `augment`: names out of color,
    translation and cutout, applied to the images that discriminators see. `compile`: torch.compile
    the networks where possible. `resume`: continue from the folder's checkpoint with the recorded
    options; `steps` may grow. `stop_on_collapse`: raise Collapsed when samples lose their variety.
    Raises GanzooError for anything the user can mend.
    """
    given = gather_options("train", locals())
    if resume:
        given = resume_options(given, out, force)
    if "plugin" not in given:
        raise UsageError("a plugin and --data are needed: ganzoo train dcgan --data mnist")
    registry.get(given["plugin"])
    if "data" not in given:
        raise UsageError(NO_DATA)
    session = Session(
        Recipe(**given), out, download, reporter or Silent(), stop_on_collapse=stop_on_collapse
    )
    if resume:
        session.resume()
    else:
        session.begin(force)
    return session.folder


def finetune(
    model: str | Path | None = None,
    data: str | Path | None = None,
    *,
    out: str | Path | None = None,
    data_root: str | Path | None = None,
    only: str | None = None,
    download: bool = False,
    config: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    precision: str | None = None,
    log_every: int | None = None,
    sample_every: int | None = None,
    checkpoint_every: int | None = None,
    freeze: int | None = None,
    augment: str | Sequence[str] = (),
    accumulate: int | None = None,
    fresh: bool = False,
    compile: bool = False,
    force: bool = False,
    stop_on_collapse: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """Train a model further on other data; return the run folder, by default runs/<model>-<data>.

    `model`: as `load` takes it. Its config is kept; `settings` may change what changes no shape.
    `freeze`: number of first layers of each discriminator that keep their weights (Mo et al. 2020).
    `fresh`: initialize networks that the model lacks. Other options are those of `train`, which
    also resumes such a run. Raises GanzooError for anything the user can mend.
    """
    given = gather_options("finetune", locals())
    if "model" not in given:
        raise UsageError("a model and --data are needed: ganzoo finetune MODEL --data ./FOLDER")
    if "data" not in given:
        raise UsageError(NO_DATA)
    start = parent.find_parent(given["model"], fresh=fresh or bool(given.get("fresh")))
    given["model"] = start.pinned or given["model"]
    session = Session(
        Recipe(**given),
        out,
        download,
        reporter or Silent(),
        stop_on_collapse=stop_on_collapse,
        parent=start,
    )
    session.begin(force)
    return session.folder


def gather_options(command: str, call: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a call or its TOML file gives, by name; the call wins.

    Raises UsageError for options that are unknown, out of bounds or contradictory.
    """
    known = {each.name: each for each in list_options(Recipe)}
    given: dict[str, Any] = {}
    for name, value in call.items():
        if name in known and value is not None and value is not False and value not in ((), []):
            given[name] = str(value) if isinstance(value, Path) else value
    if isinstance(call.get("model"), Path):
        given["model"] = str(call["model"].absolute())
    settings = dict(given.pop("settings", {}))
    if "augment" in given:
        given["augment"] = list(parse_transforms(given["augment"]))
    for name, value in given.items():
        convert(value, known[name].accepts, f"--{name.replace('_', '-')} {value}")
    if call["config"] is not None:
        toml = read_toml(Path(call["config"]))
        recipe = convert({**toml, **given}, Recipe, str(call["config"]))
        settings = {**recipe.settings, **settings}
        given = {name: getattr(recipe, name) for name in known if name in toml or name in given}
        parse_transforms(recipe.augment)
    if settings:
        given["settings"] = settings
    for name in given:
        owner = known[name].command
        if owner not in (None, command):
            names = ", ".join(each.name for each in known.values() if each.command == owner)
            raise UsageError(f"{names} are options of `ganzoo {owner}`")
    if "steps" in given and "epochs" in given:
        raise UsageError("--steps and --epochs exclude each other")
    return given


def resume_options(given: Mapping[str, Any], out: str | Path | None, force: bool) -> dict[str, Any]:
    """The options of a recorded run, with what may change when it resumes."""
    if out is None:
        raise UsageError("--resume needs --out RUN, the folder of the run")
    if force:
        raise UsageError("--resume continues a run and --force replaces it; give one of them")
    run, local = record.read_run(Path(out))
    if given.get("plugin", run.plugin) != run.plugin:
        raise RunError(f"{out} is a run of {run.plugin!r}, not of {given['plugin']!r}")
    fixed = {each.name: getattr(run, each.name) for each in list_options(Fixed)}
    for name, value in fixed.items():
        if given.get(name, value) != value:
            before, now = (
                ",".join(found) or "none" if isinstance(found, list) else found
                for found in (value, given[name])
            )
            raise RunError(f"{out} has {name} {before}; it cannot resume with {now}")
    if given.keys() & {"settings", "epochs", "batch_size"}:
        raise RunError(
            f"{out}: a resumed run keeps its settings, epochs and batch size; only --steps may grow"
        )
    every = {f"{event}_every": steps for event, steps in run.rhythm.items()}
    kept = {"data": local.data, "data_root": local.data_root, "precision": run.precision, **every}
    return {**kept, **given, **fixed, "plugin": run.plugin}
