"""`ganzoo train` and `ganzoo finetune`: from options to a finished run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ganzoo.config import read_toml
from ganzoo.errors import RunError, UsageError
from ganzoo.training import parent, record
from ganzoo.training.augment import parse
from ganzoo.training.log import Reporter, Silent
from ganzoo.training.record import Recipe
from ganzoo.training.session import Session
from ganzoo.zoo import registry

MOST = 10**12
"""Steps and epochs are below it, if only to refuse infinity."""
LARGEST = 2**24
"""So are batches: whoever asks for more has mistaken the option."""
NO_DATA = "--data is needed: a set's name, a folder or an archive"


def train(
    plugin: str | None = None,
    data: str | None = None,
    *,
    out: Path | None = None,
    data_root: Path | None = None,
    only: str | None = None,
    download: bool = False,
    preset: str | None = None,
    config: Path | None = None,
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
    compile: bool = False,
    resume: bool = False,
    force: bool = False,
    stop_on_collapse: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """Train an architecture and give back its run folder (default runs/<plugin>-<data>).

    `config`: a TOML file whose top-level keys are these options and whose [config] table holds plugin settings, as
    `settings` does. `augment`: of color, translation, cutout, what is done to the pictures that critics see; `compile`:
    torch.compile of the networks, where it can. `resume` goes on from the folder's checkpoint with the recorded options;
    `steps` may be raised. `stop_on_collapse` raises Collapsed where the samples have lost their variety.
    Raises a GanzooError for anything the user can mend.
    """
    recipe = _asked(
        config, plugin=plugin, data=data, data_root=data_root, only=only, preset=preset, config=settings, steps=steps,
        epochs=epochs, batch_size=batch_size, seed=seed, device=device, precision=precision, log_every=log_every,
        sample_every=sample_every, checkpoint_every=checkpoint_every, augment=augment, compile=compile,
    )  # fmt: skip
    if recipe.model is not None or recipe.freeze is not None or recipe.fresh is not None:
        raise UsageError("model, freeze and fresh are options of `ganzoo finetune`")
    if resume:
        recipe = _resumed(recipe, out, force)
    if recipe.plugin is not None:
        registry.get(recipe.plugin)
    if recipe.plugin is None or recipe.data is None:
        raise UsageError(
            "a plugin and --data are needed: ganzoo train dcgan --data mnist"
            if recipe.plugin is None
            else NO_DATA
        )
    _check(recipe)
    session = Session(
        recipe, out, download, reporter or Silent(), stop_on_collapse=stop_on_collapse
    )
    if resume:
        session.resume()
    else:
        session.begin(force)
    return session.folder


def finetune(
    model: str | Path | None = None,
    data: str | None = None,
    *,
    out: Path | None = None,
    data_root: Path | None = None,
    only: str | None = None,
    download: bool = False,
    config: Path | None = None,
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
    fresh: bool = False,
    compile: bool = False,
    force: bool = False,
    stop_on_collapse: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """Train a model further on other data and give back the run folder (default runs/<model>-<data>).

    `model`: as `load` takes it; its configuration is kept, and `settings` may change what changes no shape. `freeze`: the
    first layers with weights of each critic that do not move (Mo et al. 2020); `fresh`: networks that the model lacks start
    anew. The rest is as in `train`, which also resumes such a run. Raises a GanzooError for anything the user can mend.
    """
    recipe = _asked(
        config, model=str(model.absolute()) if isinstance(model, Path) else model, data=data, data_root=data_root, only=only,
        config=settings, steps=steps, epochs=epochs, batch_size=batch_size, seed=seed, device=device, precision=precision,
        log_every=log_every, sample_every=sample_every, checkpoint_every=checkpoint_every, freeze=freeze, augment=augment,
        fresh=fresh, compile=compile,
    )  # fmt: skip
    if recipe.plugin is not None or recipe.preset is not None:
        raise UsageError(
            "plugin and preset are options of `ganzoo train`; a fine-tuning keeps those of its model"
        )
    if recipe.model is None or recipe.data is None:
        raise UsageError(
            "a model and --data are needed: ganzoo finetune MODEL --data ./FOLDER"
            if recipe.model is None
            else NO_DATA
        )
    _check(recipe)
    start = parent.find(recipe.model, fresh=bool(recipe.fresh))
    recipe = msgspec.structs.replace(recipe, model=start.exact or recipe.model)
    session = Session(
        recipe, out, download, reporter or Silent(), stop_on_collapse=stop_on_collapse, parent=start
    )
    session.begin(force)
    return session.folder


def _asked(toml: Path | None, **options: Any) -> Recipe:
    """The recipe of a call's options and of a TOML file, whose keys count where an option was not given."""
    root, names = options.pop("data_root"), options.pop("augment")
    recipe = Recipe(
        data_root=str(root) if root else None,
        config=dict(options.pop("config") or {}),
        augment=list(parse(names)) or None,
        **{name: value for name, value in options.items() if value is not False},
    )
    return recipe if toml is None else record.merged(recipe, read_toml(toml), str(toml))


def _resumed(recipe: Recipe, out: Path | None, force: bool) -> Recipe:
    if out is None:
        raise UsageError("--resume needs --out RUN, the folder to go on with")
    if force:
        raise UsageError(
            "--resume and --force exclude each other: one goes on with a run, the other replaces it"
        )
    return _recorded(recipe, out)


def _recorded(recipe: Recipe, folder: Path) -> Recipe:
    """A resumed run's own recipe; only steps, device and the data's place may be given anew."""
    run, local = record.read(folder)
    if recipe.plugin is not None and recipe.plugin != run.plugin:
        raise RunError(f"{folder} is a run of {run.plugin!r}, not of {recipe.plugin!r}")
    fixed = {
        "only": run.only, "preset": run.preset, "seed": run.seed, "compile": run.compile, "augment": run.augment,
    }  # fmt: skip
    for name, value in fixed.items():
        asked = getattr(recipe, name)
        if asked is not None and asked != value:
            raise RunError(
                f"{folder} was begun with {name} {_said(value)}; it cannot be resumed with {_said(asked)}"
            )
    if recipe.config or recipe.epochs is not None or recipe.batch_size is not None:
        raise RunError(
            f"{folder}: a resumed run keeps its settings, length and batch; only --steps may be raised"
        )
    return msgspec.structs.replace(
        recipe,
        plugin=run.plugin,
        data=recipe.data or local.data,
        data_root=recipe.data_root or local.data_root,
        precision=recipe.precision or run.precision,
        **fixed,
    )


def _said(value: Any) -> str:
    return (",".join(value) or "none") if isinstance(value, list) else str(value)


def _check(recipe: Recipe) -> None:
    parse(recipe.augment or ())
    for name in ("steps", "epochs", "batch_size", "log_every"):
        value = getattr(recipe, name)
        most = LARGEST if name == "batch_size" else MOST
        if value is not None and not 0 < value < most:
            raise UsageError(
                f"--{name.replace('_', '-')} {value}: more than 0 and less than {most:,} is needed"
            )
    for name in ("sample_every", "checkpoint_every", "freeze"):
        value = getattr(recipe, name)
        if value is not None and value < 0:
            raise UsageError(f"--{name.replace('_', '-')} {value}: 0 or more is needed")
    if recipe.seed is not None and not 0 <= recipe.seed < 2**63:
        raise UsageError(f"--seed {recipe.seed} is not in 0 .. 2**63 - 1")
    if recipe.steps is not None and recipe.epochs is not None:
        raise UsageError("--steps and --epochs exclude each other")
