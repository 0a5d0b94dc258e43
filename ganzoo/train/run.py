"""`ganzoo train`: from options to a finished run folder."""

from __future__ import annotations

import dataclasses
import datetime
import math
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch

from ganzoo import registry, weights
from ganzoo.config import convert, override, read_toml
from ganzoo.data.sources import Batches, DataSet, open_set
from ganzoo.data.spec import Facts
from ganzoo.errors import ConfigError, OutputExists, RunError, UsageError, did_you_mean, near
from ganzoo.gan import GAN, Phase
from ganzoo.manifest import DataSet as DataRecord
from ganzoo.model import model_config
from ganzoo.plugin import Plugin
from ganzoo.train import record
from ganzoo.train.artifacts import Artifacts
from ganzoo.train.engine import Engine
from ganzoo.train.log import Plan, Reporter, Silent
from ganzoo.train.loop import Rhythm, Trainer
from ganzoo.train.record import Local, Recipe, Run
from ganzoo.version import VERSION


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
    resume: bool = False,
    force: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """Train an architecture and give back its run folder (default runs/<plugin>-<data>).

    `config`: a TOML file whose top-level keys are these options and whose [config] table holds plugin settings, as
    `settings` does. `resume` goes on from the folder's checkpoint with the recorded options; `steps` may be raised.
    Raises a GanzooError for anything the user can mend.
    """
    recipe = Recipe(
        plugin=plugin, data=data, data_root=str(data_root) if data_root else None, only=only, preset=preset,
        config=dict(settings or {}), steps=steps, epochs=epochs, batch_size=batch_size, seed=seed, device=device,
        precision=precision, log_every=log_every, sample_every=sample_every, checkpoint_every=checkpoint_every,
    )  # fmt: skip
    if config is not None:
        recipe = record.merged(recipe, read_toml(config), str(config))
    if resume:
        if out is None:
            raise UsageError("--resume needs --out RUN, the folder to go on with")
        recipe = _recorded(recipe, out)
    if recipe.plugin is not None:
        registry.get(recipe.plugin)
    if recipe.plugin is None or recipe.data is None:
        raise UsageError(
            "a plugin and --data are needed: ganzoo train dcgan --data mnist"
            if recipe.plugin is None
            else "--data is needed: a set's name, a folder or an archive"
        )
    _check(recipe)
    return _Session(recipe, out, download, reporter or Silent()).run(resume, force)


class _Session:
    """One call of `train`: opens what the recipe names, then runs it."""

    def __init__(self, recipe: Recipe, out: Path | None, download: bool, reporter: Reporter) -> None:
        self.recipe, self.reporter = recipe, reporter
        self.plugin: Plugin[Any] = registry.get(str(recipe.plugin))
        root = Path(recipe.data_root) if recipe.data_root else None
        self.data: DataSet = open_set(str(recipe.data), root=root, only=recipe.only, download=download)
        self.folder = out or Path("runs") / f"{self.plugin.name}-{Path(self.data.facts.name).stem}"

    def run(self, resume: bool, force: bool) -> Path:
        """Prepare the folder, train, leave the final files."""
        recipe, folder = self.recipe, self.folder
        config = weights.read_config(folder).config if resume else None
        built = self._configured() if config is None else convert(config, self.plugin.config, str(folder / weights.CONFIG))
        if not resume:
            _clear(folder, force)
        batches: Batches = self.data.bind(self.plugin.data(built))
        engine = Engine(recipe.device or "auto", recipe.precision or "auto", recipe.seed or 0, self.plugin.output(built))
        gan = self._built(built)
        phases = _phases(gan, recipe, batches.count, engine.world)
        if resume:
            run = record.read(folder)[0]
            phases = tuple(
                dataclasses.replace(p, steps=recipe.steps or run.phases[p.name], batch=run.batch[p.name]) for p in phases
            )
        else:
            run = self._record(gan, phases, engine)
        if engine.main and not resume:
            weights.write_json(folder / weights.CONFIG, model_config(self.plugin, gan))
            record.write(folder, run, self._local())
        rhythm = Rhythm(**run.rhythm)
        artifacts = Artifacts(self.plugin, engine.place(gan), batches, engine, folder)
        trainer = Trainer(gan, phases, batches, engine, folder, rhythm=rhythm, reporter=self.reporter, events=artifacts)
        if resume:
            self._same_data(run)
            trainer.resume()
        self.reporter.start(self._plan(run, phases, engine, trainer))
        started = time.perf_counter()
        try:
            trainer.run()
        finally:
            run = msgspec.structs.replace(run, seconds=round(run.seconds + time.perf_counter() - started, 1))
            if engine.main:
                record.write(folder, run)
        if engine.main:
            artifacts.finish(trainer.average, run.seed)
            record.write(folder, msgspec.structs.replace(run, done=True, phases={p.name: p.steps for p in phases}))
        self.reporter.done(folder)
        return folder

    def _configured(self) -> Any:
        """Default < preset < adapt < settings."""
        plugin, recipe = self.plugin, self.recipe
        config = convert({}, plugin.config, plugin.name)
        if recipe.preset is not None:
            if recipe.preset not in plugin.presets:
                hint = did_you_mean(near(recipe.preset, plugin.presets))
                known = ", ".join(plugin.presets) or "none"
                raise ConfigError("--preset", f"{plugin.name!r} has no preset {recipe.preset!r}{hint} (there are: {known})")
            config = plugin.presets[recipe.preset]
        adapted = convert(
            msgspec.to_builtins(plugin.adapt(config, self.data.facts)),
            plugin.config,
            f"{plugin.name} with {self.data.facts.name}",
        )
        return override(adapted, recipe.config)

    def _built(self, config: Any) -> GAN[Any]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed or 0)
            gan: GAN[Any] = self.plugin.build(config)
        return gan

    def _record(self, gan: GAN[Any], phases: tuple[Phase, ...], engine: Engine) -> Run:
        facts, recipe = self.data.facts, self.recipe
        default = Rhythm()
        name = _public_name(facts)
        data = DataRecord(
            name=name, count=facts.count, digest=self.data.digest(), licence=self.data.licence, source=self.data.source
        )
        return Run(
            plugin=self.plugin.name,
            data=data,
            only=recipe.only,
            preset=recipe.preset,
            settings=recipe.config,
            phases={phase.name: phase.steps for phase in phases},
            batch={phase.name: phase.batch for phase in phases},
            seed=recipe.seed or 0,
            precision=engine.precision,
            rhythm={
                "log": recipe.log_every or default.log,
                "sample": default.sample if recipe.sample_every is None else recipe.sample_every,
                "checkpoint": default.checkpoint if recipe.checkpoint_every is None else recipe.checkpoint_every,
            },
            machine=engine.machine,
            torch=str(torch.__version__),
            version=VERSION,
            date=datetime.date.today().isoformat(),
            command=record.command(recipe, name, f"runs/{self.folder.name}"),
            parameters={name: sum(p.numel() for p in child.parameters()) for name, child in gan.named_children()},
        )

    def _local(self) -> Local:
        data, root = str(self.recipe.data), self.recipe.data_root
        return Local(
            data=str(Path(data).absolute()) if Path(data).exists() else data,
            data_root=str(Path(root).absolute()) if root else None,
        )

    def _plan(self, run: Run, phases: tuple[Phase, ...], engine: Engine, trainer: Trainer) -> Plan:
        facts = self.data.facts
        return Plan(
            folder=self.folder,
            plugin=self.plugin.name,
            data=f"{facts.name}, {facts.count:,} {facts.kind}",
            phases=tuple((phase.name, phase.steps, phase.batch) for phase in phases),
            parameters=run.parameters,
            device=engine.machine,
            precision=engine.precision,
            seed=run.seed,
            resumed_at=trainer.done,
            total=trainer.total,
        )

    def _same_data(self, run: Run) -> None:
        if self.data.digest() != run.data.digest:
            raise RunError(f"{self.folder} was trained on other data (name {run.data.name}, digest {run.data.digest[:12]}...)")


def _phases(gan: GAN[Any], recipe: Recipe, count: int, world: int) -> tuple[Phase, ...]:
    """The plugin's phases with the user's length and batch; `epochs` counts passes over the data in each phase."""
    phases = []
    for phase in gan.phases():
        batch = recipe.batch_size or phase.batch
        steps = recipe.steps or phase.steps
        if recipe.epochs is not None:
            steps = max(1, math.ceil(recipe.epochs * count / (batch * world)))
        phases.append(dataclasses.replace(phase, steps=steps, batch=batch))
    return tuple(phases)


def _recorded(recipe: Recipe, folder: Path) -> Recipe:
    """A resumed run's own recipe; only steps, device and the data's place may be given anew."""
    run, local = record.read(folder)
    if recipe.plugin is not None and recipe.plugin != run.plugin:
        raise RunError(f"{folder} is a run of {run.plugin!r}, not of {recipe.plugin!r}")
    fixed = {"only": run.only, "preset": run.preset, "seed": run.seed}
    for name, value in fixed.items():
        asked = getattr(recipe, name)
        if asked is not None and asked != value:
            raise RunError(f"{folder} was begun with {name} {value}; it cannot be resumed with {asked}")
    if recipe.config or recipe.epochs is not None or recipe.batch_size is not None:
        raise RunError(f"{folder}: a resumed run keeps its settings, length and batch; only --steps may be raised")
    return msgspec.structs.replace(
        recipe,
        plugin=run.plugin,
        data=recipe.data or local.data,
        data_root=recipe.data_root or local.data_root,
        precision=recipe.precision or run.precision,
        **fixed,
    )


def _check(recipe: Recipe) -> None:
    for name in ("steps", "epochs", "batch_size", "log_every"):
        value = getattr(recipe, name)
        if value is not None and value <= 0:
            raise UsageError(f"--{name.replace('_', '-')} {value}: more than 0 is needed")
    for name in ("seed", "sample_every", "checkpoint_every"):
        value = getattr(recipe, name)
        if value is not None and value < 0:
            raise UsageError(f"--{name.replace('_', '-')} {value}: 0 or more is needed")
    if recipe.steps is not None and recipe.epochs is not None:
        raise UsageError("--steps and --epochs exclude each other")


def _clear(folder: Path, force: bool) -> None:
    """Make room for a new run: an old one goes only by --force, and nothing that is no run is ever removed."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not force:
            raise OutputExists(folder)
        if not (folder / record.RUN).exists():
            raise RunError(f"{folder} exists and is not a run folder; choose another --out")
        shutil.rmtree(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder} cannot be made ({error.strerror})") from None


def _public_name(facts: Facts) -> str:
    """A set's name without the folders it lies in."""
    return Path(facts.name).name
