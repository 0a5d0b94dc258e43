"""One session of a run: from a recipe to the networks, the loop and the files of the run folder."""

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
from ganzoo.data.sources import DataSet, open_set
from ganzoo.errors import ConfigError, RunError, UsageError, did_you_mean, near
from ganzoo.gan import GAN, Phase
from ganzoo.plugin import Plugin
from ganzoo.sampling.assembly import model_config
from ganzoo.spec import Data, Picture
from ganzoo.training import checkpoint, freeze, record
from ganzoo.training.accumulate import check_parts
from ganzoo.training.artifacts import Artifacts
from ganzoo.training.engine import Engine
from ganzoo.training.health import Health
from ganzoo.training.log import Plan, Reporter
from ganzoo.training.loop import Trainer
from ganzoo.training.parent import ParentModel
from ganzoo.training.recipe import Fixed, Recipe, list_options
from ganzoo.training.record import Local, Run
from ganzoo.version import VERSION
from ganzoo.zoo import registry, weights
from ganzoo.zoo.manifest import TrainingData as DataRecord


class Session:
    """Opens the data of a recipe. `begin` starts a run, `resume` continues one.

    `parent`: the model to fine-tune, which `resume` no longer needs.
    """

    def __init__(
        self,
        recipe: Recipe,
        out: str | Path | None,
        download: bool,
        reporter: Reporter,
        *,
        stop_on_collapse: bool = False,
        parent: ParentModel | None = None,
    ) -> None:
        self.recipe, self.reporter, self.parent = recipe, reporter, parent
        self.stop_on_collapse = stop_on_collapse
        self.plugin: Plugin[Any] = parent.plugin if parent else registry.get(str(recipe.plugin))
        root = Path(recipe.data_root) if recipe.data_root else None
        self.data: DataSet = open_set(
            str(recipe.data), root=root, only=recipe.only, download=download
        )
        self.name = Path(self.data.facts.name).name
        model = Path(parent.pulled.name).name if parent else self.plugin.name
        self.folder = Path(out) if out else Path("runs") / f"{model}-{Path(self.name).stem}"

    def begin(self, force: bool) -> None:
        """Start a run. Everything that can be wrong is found before the folder changes.

        `force`: replace an existing run.
        """
        self.config = self._choose_config()
        self._build()
        self._check()
        if self.parent:
            self.parent.load(self.gan)
            if self.parent.anew:
                names = ", ".join(self.parent.anew)
                self.reporter.note(f"{names}: not part of {self.parent.pulled.name}, so begun anew")
        if self.engine.main:
            record.check_run_folder(self.folder, force)
        self.batches = self.data.bind(self.fields)
        self.phases = self._set_lengths()
        check_parts(self.phases, self.recipe.accumulate)
        self.run = self._describe()
        if self.engine.main:
            record.empty_folder(self.folder)
            files.write_json(self.folder / weights.CONFIG, model_config(self.plugin, self.gan))
            files.write_json(self.folder / record.RUN, self.run)
            data, root = str(self.recipe.data), self.recipe.data_root
            if not self.data.source:  # only named sets have a source
                data = str(Path(data).expanduser().absolute())
            if root:
                root = str(Path(root).expanduser().absolute())
            local = Local(data=data, data_root=root)
            files.write_json(self.folder / record.LOCAL, local)
        self._train(resume=False)

    def resume(self) -> None:
        """Continue from the checkpoint, with the recorded config and phase lengths."""
        folder = self.folder
        run, _ = record.read_run(folder)
        stored = weights.read_config(folder).config
        self.config = convert(stored, self.plugin.config, str(folder / weights.CONFIG))
        self._build()
        try:
            self.batches = self.data.bind(self.fields)
        finally:  # `bind` reads each file once; if it fails because of other data, say so
            if self.data.digest() != run.data.digest:
                raise RunError(
                    f"{folder} was trained on other data "
                    f"(name {run.data.name}, digest {run.data.digest[:12]}...)"
                )
        phases = self.gan.phases()
        names = {phase.name for phase in phases}
        if not names == run.phases.keys() == run.batch.keys():
            raise RunError(
                f"{folder} records the phases {', '.join(run.phases)}; {self.plugin.name!r} now "
                f"has {', '.join(sorted(names))}. Resume it with the plugin version it began with"
            )
        lengths = self._extend(run)
        self.phases = tuple(
            dataclasses.replace(phase, steps=lengths[phase.name], batch=run.batch[phase.name])
            for phase in phases
        )
        if lengths != run.phases:
            steps = int(self.recipe.steps or 0)
            command = record.extend_command(run.command, steps, lengths.values())
            run = msgspec.structs.replace(run, phases=lengths, command=command, done=False)
        self.run = msgspec.structs.replace(
            run, precision=self.engine.precision, rhythm=self._list_rhythm()
        )
        self._train(resume=True)

    def _extend(self, run: Run) -> dict[str, int]:
        """Steps by phase: --steps from the current phase on. RunError when more are done."""
        steps = self.recipe.steps
        if steps is None:
            return run.phases
        here = checkpoint.read_position(self.folder)
        if steps < here.index:
            raise RunError(
                f"{self.folder} has done {here.index} steps; it cannot resume with --steps {steps}"
            )
        return {
            name: length if number < here.phase else steps
            for number, (name, length) in enumerate(run.phases.items())
        }

    def _train(self, *, resume: bool) -> None:
        engine = self.engine
        artifacts = Artifacts(
            self.plugin, engine.place(self.gan), self.batches, engine, self.folder
        )
        trainer = Trainer(
            self.gan,
            self.phases,
            self.batches,
            engine,
            self.folder,
            self.recipe,
            reporter=self.reporter,
            events=artifacts,
            health=self._watch(artifacts),
            stop_on_collapse=self.stop_on_collapse,
        )
        if resume:
            trainer.resume()
        self.reporter.start(self._plan(trainer))
        started = time.perf_counter()
        try:
            trainer.run()
            if engine.main:
                artifacts.finish(trainer.average, self.run.seed)
            self.run = msgspec.structs.replace(self.run, done=True)
        finally:
            seconds = round(self.run.seconds + time.perf_counter() - started, 1)
            if engine.main:
                run = msgspec.structs.replace(self.run, seconds=seconds)
                files.write_json(self.folder / record.RUN, run)
        self.reporter.done(self.folder)

    def _plan(self, trainer: Trainer) -> Plan:
        """What the reporter shows first."""
        facts = self.data.facts
        return Plan(
            folder=self.folder,
            plugin=self.plugin.name,
            data=f"{self.name}, {facts.count:,} {facts.kind}",
            phases=tuple((phase.name, phase.steps, phase.batch) for phase in self.phases),
            parameters=self.run.parameters,
            device=self.engine.machine,
            precision=self.engine.precision,
            seed=self.run.seed,
            resumed_at=trainer.done,
            total=trainer.total,
        )

    def _watch(self, artifacts: Artifacts) -> Health:
        """Health checks; samples get class names where an extractor knows the data."""
        from ganzoo.evaluate.extractors import build_class_reader

        output = artifacts.output
        classes = None
        if self.recipe.only is None and isinstance(output, Picture):
            classes = build_class_reader(self.name, output.channels, torch.device("cpu"))
        return Health(artifacts.real(), classes)

    def _choose_config(self) -> Any:
        """Default < preset < adapt < settings; when fine-tuning, parent < settings."""
        plugin, recipe = self.plugin, self.recipe
        if self.parent:
            self.parent.check_channels(self.data.facts)
            return self.parent.override_config(recipe.settings)
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
        adapted = msgspec.to_builtins(plugin.adapt(config, self.data.facts))
        checked = convert(adapted, plugin.config, f"{plugin.name} with {self.data.facts.name}")
        return override(checked, recipe.settings)

    def _check(self) -> None:
        """Raise UsageError for options that these networks cannot take."""
        count, augment = self.recipe.freeze, self.recipe.augment
        fields = self.fields.fields.values()
        if augment and not any(isinstance(field, Picture) for field in fields):
            raise UsageError(f"--augment: {self.plugin.name!r} does not train on images here")
        discriminators = freeze.find_discriminators(self.gan)
        if (augment or count) and not discriminators:
            name = "--augment" if augment else "--freeze"
            raise UsageError(
                f"{name}: {self.plugin.name!r} has no discriminator; all its networks are sampled"
            )
        freeze.find_first_layers(self.gan, count)
        anew = [name for name in discriminators if self.parent and name in self.parent.anew]
        if count and anew:
            raise UsageError(
                f"--freeze {count}: {', '.join(anew)} would start anew, "
                "with no trained layers to keep; leave --freeze out"
            )

    def _build(self) -> None:
        """The networks, initialized from the run's seed, and the engine."""
        recipe = self.recipe
        self.fields: Data = self.plugin.data(self.config)
        output = self.plugin.output(self.config)
        self.engine = Engine(recipe.device, recipe.precision, recipe.seed, output)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.gan: GAN[Any] = self.plugin.build(self.config)

    def _set_lengths(self) -> tuple[Phase, ...]:
        """The plugin's phases with the recipe's steps and batch size; epochs count in each."""
        recipe, phases = self.recipe, []
        for phase in self.gan.phases():
            batch = recipe.batch_size or phase.batch
            steps = recipe.steps or phase.steps
            if recipe.epochs is not None:
                examples = recipe.epochs * self.batches.count
                steps = max(1, math.ceil(examples / (batch * self.engine.world)))
            phases.append(dataclasses.replace(phase, steps=steps, batch=batch))
        return tuple(phases)

    def _list_rhythm(self) -> dict[Any, int]:
        """Steps between events, as run.json names them."""
        recipe = self.recipe
        return {
            "log": recipe.log_every,
            "sample": recipe.sample_every,
            "checkpoint": recipe.checkpoint_every,
        }

    def _describe(self) -> Run:
        """The record of a run that begins."""
        recipe, data = self.recipe, self.data
        fixed = {each.name: getattr(recipe, each.name) for each in list_options(Fixed)}
        return Run(
            **fixed,
            plugin=self.plugin.name,
            data=DataRecord(
                name=self.name,
                count=data.facts.count,
                digest=data.digest(),
                licence=data.licence,
                source=data.source,
            ),
            settings=recipe.settings,
            phases={phase.name: phase.steps for phase in self.phases},
            batch={phase.name: phase.batch for phase in self.phases},
            precision=self.engine.precision,
            rhythm=self._list_rhythm(),
            machine=self.engine.machine,
            torch=str(torch.__version__),
            version=VERSION,
            date=datetime.date.today().isoformat(),
            command=recipe.write_command(self.name, f"runs/{self.folder.name}"),
            parameters={
                name: sum(p.numel() for p in child.parameters())
                for name, child in self.gan.named_children()
            },
            parent=self.parent.record if self.parent else None,
        )
