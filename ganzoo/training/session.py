"""One sitting of a run: from a recipe to the networks, the loop and the files of its folder."""

from __future__ import annotations

import dataclasses
import datetime
import math
import time
from pathlib import Path
from typing import Any

import msgspec
import torch

from ganzoo import files
from ganzoo.config import convert, override
from ganzoo.data.batches import Batches
from ganzoo.data.sources import DataSet, open_set
from ganzoo.errors import ConfigError, RunError, UsageError, did_you_mean, near
from ganzoo.gan import GAN, Phase
from ganzoo.plugin import Plugin
from ganzoo.sampling.assembly import model_config
from ganzoo.spec import Picture
from ganzoo.training import checkpoint, freeze, record
from ganzoo.training.artifacts import Artifacts
from ganzoo.training.engine import Engine
from ganzoo.training.health import Health
from ganzoo.training.log import Plan, Reporter
from ganzoo.training.loop import Rhythm, Trainer
from ganzoo.training.parent import Start
from ganzoo.training.record import Local, Recipe, Run
from ganzoo.version import VERSION
from ganzoo.zoo import registry, weights
from ganzoo.zoo.manifest import DataSet as DataRecord


class Session:
    """Opens what the recipe names; `begin` starts a run in an empty folder, from a parent's weights where there is one;
    `resume` goes on with a run, which needs its parent no more."""

    def __init__(
        self,
        recipe: Recipe,
        out: Path | None,
        download: bool,
        reporter: Reporter,
        *,
        stop_on_collapse: bool = False,
        parent: Start | None = None,
    ) -> None:
        self.recipe, self.reporter, self.stop_on_collapse, self.parent = (
            recipe,
            reporter,
            stop_on_collapse,
            parent,
        )
        self.plugin: Plugin[Any] = parent.plugin if parent else registry.get(str(recipe.plugin))
        root = Path(recipe.data_root) if recipe.data_root else None
        self.data: DataSet = open_set(
            str(recipe.data), root=root, only=recipe.only, download=download
        )
        self.name = Path(self.data.facts.name).name
        begun = Path(parent.pulled.name).name if parent else self.plugin.name
        self.folder = out or Path("runs") / f"{begun}-{Path(self.name).stem}"

    def begin(self, force: bool) -> None:
        """Everything that can be wrong is found before the folder is touched; `force` replaces a run that is there."""
        config = self._configured()
        gan, engine = self._built(config)
        self._check(gan)
        if self.parent:
            self.parent.load(gan)
            if self.parent.anew:
                self.reporter.note(
                    f"{', '.join(self.parent.anew)}: not part of {self.parent.pulled.name}, so begun anew"
                )
        if engine.main:
            record.check_room(self.folder, force)
        batches = self.data.bind(self.plugin.data(config))
        phases = _phases(gan, self.recipe, batches.count, engine.world)
        run = self._record(gan, phases, engine)
        if engine.main:
            record.make_room(self.folder)
            files.write_json(self.folder / weights.CONFIG, model_config(self.plugin, gan))
            record.write(self.folder, run, self._local())
        self._train(run, gan, phases, batches, engine, resume=False)

    def resume(self) -> None:
        """Go on from the checkpoint, with the configuration and the lengths that the folder records."""
        run, _ = record.read(self.folder)
        if self.data.digest() != run.data.digest:
            raise RunError(
                f"{self.folder} was trained on other data (name {run.data.name}, digest {run.data.digest[:12]}...)"
            )
        config = convert(
            weights.read_config(self.folder).config,
            self.plugin.config,
            str(self.folder / weights.CONFIG),
        )
        batches = self.data.bind(self.plugin.data(config))
        gan, engine = self._built(config)
        names = {phase.name for phase in gan.phases()}
        if not names == run.phases.keys() == run.batch.keys():
            raise RunError(
                f"{self.folder}: its record speaks of the phases {', '.join(run.phases)}; {self.plugin.name!r} now has "
                f"{', '.join(sorted(names))}. Resume it with the version of the plugin that began it"
            )
        lengths = self._lengths(run)
        phases = tuple(
            dataclasses.replace(p, steps=lengths[p.name], batch=run.batch[p.name])
            for p in gan.phases()
        )
        if lengths != run.phases:
            command = record.extended(run.command, int(self.recipe.steps or 0), lengths.values())
            run = msgspec.structs.replace(run, phases=lengths, command=command, done=False)
        run = msgspec.structs.replace(
            run, precision=engine.precision, rhythm={**run.rhythm, **_asked(self.recipe)}
        )
        self._train(run, gan, phases, batches, engine, resume=True)

    def _lengths(self, run: Run) -> dict[str, int]:
        """Steps by phase: those asked for from the phase on in which the run stands. RunError when more are done already."""
        steps = self.recipe.steps
        if steps is None:
            return run.phases
        here = checkpoint.position(self.folder)
        if steps < here.index:
            raise RunError(
                f"{self.folder} has done {here.index} steps already; it cannot be resumed with --steps {steps}"
            )
        return {
            name: length if number < here.phase else steps
            for number, (name, length) in enumerate(run.phases.items())
        }

    def _train(
        self,
        run: Run,
        gan: GAN[Any],
        phases: tuple[Phase, ...],
        batches: Batches,
        engine: Engine,
        *,
        resume: bool,
    ) -> None:
        artifacts = Artifacts(self.plugin, engine.place(gan), batches, engine, self.folder)
        rhythm = Rhythm(**run.rhythm)
        trainer = Trainer(
            gan, phases, batches, engine, self.folder, rhythm=rhythm, reporter=self.reporter, events=artifacts,
            health=self._health(artifacts), stop_on_collapse=self.stop_on_collapse, compile=run.compile, freeze=run.freeze,
            augment=tuple(run.augment),
        )  # fmt: skip
        if resume:
            trainer.resume()
        self.reporter.start(self._plan(run, phases, engine, trainer))
        started = time.perf_counter()
        try:
            trainer.run()
        finally:
            run = msgspec.structs.replace(
                run, seconds=round(run.seconds + time.perf_counter() - started, 1)
            )
            if engine.main:
                record.write(self.folder, run)
        if engine.main:
            artifacts.finish(trainer.average, run.seed)
            record.write(self.folder, msgspec.structs.replace(run, done=True))
        self.reporter.done(self.folder)

    def _health(self, artifacts: Artifacts) -> Health:
        """With names for the classes of samples, where an extractor knows the data."""
        from ganzoo.evaluate.extractors import build_class_reader

        output, whole = artifacts.output, self.recipe.only is None
        named = (
            build_class_reader(self.name, output.channels, torch.device("cpu"))
            if whole and isinstance(output, Picture)
            else None
        )
        return Health(artifacts.real(), named)

    def _configured(self) -> Any:
        """Default < preset < adapt < settings; of a fine-tuning, parent < settings."""
        plugin, recipe = self.plugin, self.recipe
        if self.parent:
            self.parent.check(self.data.facts)
            return self.parent.configured(recipe.config)
        config = convert({}, plugin.config, plugin.name)
        if recipe.preset is not None:
            if recipe.preset not in plugin.presets:
                hint = did_you_mean(near(recipe.preset, plugin.presets))
                known = ", ".join(plugin.presets) or "none"
                raise ConfigError(
                    "--preset",
                    f"{plugin.name!r} has no preset {recipe.preset!r}{hint} (there are: {known})",
                )
            config = plugin.presets[recipe.preset]
        adapted = plugin.adapt(config, self.data.facts)
        checked = convert(
            msgspec.to_builtins(adapted),
            plugin.config,
            f"{plugin.name} with {self.data.facts.name}",
        )
        return override(checked, recipe.config)

    def _check(self, gan: GAN[Any]) -> None:
        """UsageError for what these networks cannot do, or what would make no sense of them."""
        fields = self.plugin.data(gan.config).fields.values()
        if self.recipe.augment and not any(isinstance(field, Picture) for field in fields):
            raise UsageError(f"--augment: {self.plugin.name!r} learns from no pictures here")
        judges, count = freeze.critics(gan), self.recipe.freeze or 0
        for option in (["--augment"] if self.recipe.augment else []) + (
            ["--freeze"] if count else []
        ):
            if not judges:
                raise UsageError(
                    f"{option}: {self.plugin.name!r} has no critic; all its networks are sampled"
                )
        freeze.first(gan, count)
        anew = [name for name in judges if count and self.parent and name in self.parent.anew]
        if anew:
            raise UsageError(
                f"--freeze {count}: {', '.join(anew)} would start anew, with nothing learnt to keep; leave --freeze out"
            )

    def _built(self, config: Any) -> tuple[GAN[Any], Engine]:
        """The networks, from the run's seed, and what runs them."""
        recipe = self.recipe
        engine = Engine(
            recipe.device or "auto",
            recipe.precision or "auto",
            recipe.seed or 0,
            self.plugin.output(config),
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed or 0)
            return self.plugin.build(config), engine

    def _record(self, gan: GAN[Any], phases: tuple[Phase, ...], engine: Engine) -> Run:
        facts, recipe, data = self.data.facts, self.recipe, self.data
        rhythm: dict[Any, int] = dataclasses.asdict(Rhythm()) | _asked(recipe)
        return Run(
            plugin=self.plugin.name,
            data=DataRecord(
                name=self.name,
                count=facts.count,
                digest=data.digest(),
                licence=data.licence,
                source=data.source,
            ),
            only=recipe.only,
            preset=recipe.preset,
            settings=recipe.config,
            phases={phase.name: phase.steps for phase in phases},
            batch={phase.name: phase.batch for phase in phases},
            seed=recipe.seed or 0,
            precision=engine.precision,
            rhythm=rhythm,
            machine=engine.machine,
            torch=str(torch.__version__),
            version=VERSION,
            date=datetime.date.today().isoformat(),
            command=record.command(recipe, self.name, f"runs/{self.folder.name}"),
            parameters={
                name: sum(p.numel() for p in child.parameters())
                for name, child in gan.named_children()
            },
            compile=bool(recipe.compile),
            augment=list(recipe.augment or ()),
            freeze=recipe.freeze or 0,
            parent=self.parent.record if self.parent else None,
        )

    def _local(self) -> Local:
        data, root = str(self.recipe.data), self.recipe.data_root
        place = (
            data if self.data.source else str(Path(data).expanduser().absolute())
        )  # only named sets have a source
        return Local(
            data=place, data_root=str(Path(root).expanduser().absolute()) if root else None
        )

    def _plan(self, run: Run, phases: tuple[Phase, ...], engine: Engine, trainer: Trainer) -> Plan:
        return Plan(
            folder=self.folder,
            plugin=self.plugin.name,
            data=f"{self.name}, {self.data.facts.count:,} {self.data.facts.kind}",
            phases=tuple((phase.name, phase.steps, phase.batch) for phase in phases),
            parameters=run.parameters,
            device=engine.machine,
            precision=engine.precision,
            seed=run.seed,
            resumed_at=trainer.done,
            total=trainer.total,
        )


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


def _asked(recipe: Recipe) -> dict[str, int]:
    """What the user says of the rhythm."""
    asked = {
        "log": recipe.log_every,
        "sample": recipe.sample_every,
        "checkpoint": recipe.checkpoint_every,
    }
    return {name: value for name, value in asked.items() if value is not None}
