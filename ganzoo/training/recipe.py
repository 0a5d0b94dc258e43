"""The options of a training run: the one list of their names, types, bounds, defaults and help.

`ganzoo train` and `ganzoo finetune`, their Python functions, TOML files, run.json and the recorded
command are built from it. A new option is a field here, and a parameter of `ganzoo.train` and
`ganzoo.finetune` (training/run.py).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Annotated, Any, get_args

import msgspec

from ganzoo.files import Record

MANY = 10**12
"""Upper bound of numbers, to catch a typo."""
AtLeastOne = Annotated[int, msgspec.Meta(gt=0, lt=MANY)]
Epochs = Annotated[float, msgspec.Meta(gt=0, lt=MANY)]
BatchSize = Annotated[int, msgspec.Meta(gt=0, lt=2**24)]
NonNegative = Annotated[int, msgspec.Meta(ge=0)]
Seed = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Option(msgspec.Struct, frozen=True):
    """A field seen from outside. `command`: the only one that has it; None: both.

    `repeats`: part of the command line that repeats a run; not what belongs to one machine.
    """

    name: str
    accepts: Any
    help: str
    default: Any
    command: str | None
    repeats: bool


def option(help: str, *, command: str | None = None, repeats: bool = True) -> msgspec.Meta:
    """Metadata of a field."""
    return msgspec.Meta(description=help, extra={"command": command, "repeats": repeats})


class Fixed(Record, frozen=True, kw_only=True):
    """Options that stay the same for the whole run. run.json records them under these names."""

    only: Annotated[str | None, option("One class of the set, such as airplane.")] = None
    preset: Annotated[
        str | None, option("A preset of the plugin (ganzoo info PLUGIN).", command="train")
    ] = None
    freeze: Annotated[
        NonNegative,
        option("Frozen first layers of each discriminator (FreezeD).", command="finetune"),
    ] = 0
    augment: Annotated[
        list[str],
        option(
            "For small data sets: color, translation, cutout, joined by commas. "
            "Applied to what discriminators see."
        ),
    ] = []
    accumulate: Annotated[
        AtLeastOne, option("Parts of a batch that are computed in turn, for less memory.")
    ] = 1
    compile: Annotated[
        bool, option("torch.compile the networks where possible: a slow start, then faster.")
    ] = False
    seed: Annotated[Seed, option("Seed of weights, noise and order.", repeats=False)] = 0


class Recipe(Fixed, frozen=True, kw_only=True):
    """All options that a TOML file may hold. None: the plugin's default."""

    plugin: Annotated[
        str | None,
        option("An architecture from `ganzoo list`.", command="train", repeats=False),
    ] = None
    model: Annotated[
        str | None,
        option(
            "A name from `ganzoo list`, owner/name on the Hub, or the folder of a model or run.",
            command="finetune",
            repeats=False,
        ),
    ] = None
    data: Annotated[
        str | None,
        option(
            "mnist, fashion-mnist, cifar10, celeba, sine, sinusoids, gaussians "
            "(`ganzoo list --data` shows all), a folder, a zip or tar.gz.",
            repeats=False,
        ),
    ] = None
    data_root: Annotated[
        str | None,
        option("Folder of the named sets. Default: $GANZOO_DATA or ~/.cache.", repeats=False),
    ] = None
    settings: Annotated[
        dict[str, Any], option("A setting of the plugin: name=value.", repeats=False)
    ] = msgspec.field(default_factory=dict, name="config")
    steps: Annotated[AtLeastOne | None, option("Training steps of each phase.")] = None
    epochs: Annotated[Epochs | None, option("Training length as passes over the data.")] = None
    batch_size: Annotated[BatchSize | None, option("Examples in a step.")] = None
    device: Annotated[str, option("auto, cpu, cuda or mps.", repeats=False)] = "auto"
    precision: Annotated[str, option("auto, bf16 or fp32.")] = "auto"
    log_every: Annotated[AtLeastOne, option("Steps between log rows.", repeats=False)] = 50
    sample_every: Annotated[
        NonNegative, option("Steps between sample grids; 0: only at the end.")
    ] = 500
    checkpoint_every: Annotated[
        NonNegative, option("Steps between checkpoints; 0: only at the end.", repeats=False)
    ] = 500
    fresh: Annotated[
        bool, option("Initialize networks that the model lacks.", command="finetune")
    ] = False

    def write_command(self, data: str, out: str) -> str:
        """The command line that repeats a run, free of this machine's paths.

        `data`, `out`: what stands for the data and the run folder.
        """
        if self.model is None:
            begin = ["train", str(self.plugin)]
        else:
            from ganzoo.zoo.reference import expand_path, is_path

            model = self.model
            if is_path(model):  # only the folder's own name
                model = f"./{expand_path(model).resolve().name}"
            begin = ["finetune", model]
        words = ["ganzoo", *begin, "--data", data]
        flags = []
        for each in list_options(Recipe):
            value = getattr(self, each.name)
            if not each.repeats or value == each.default:
                continue
            name = f"--{each.name.replace('_', '-')}"
            if value is True:
                flags.append(name)
            else:
                words += [name, _write_value(value).removesuffix(".0")]
        for name, value in self.settings.items():
            words += ["--set", f"{name}={_write_value(value)}"]
        return shlex.join([*words, *flags, "--seed", str(self.seed), "--out", out])


class Call(Record, frozen=True, kw_only=True):
    """Options of a single call: no record keeps them, and no TOML file sets them."""

    out: Annotated[str | None, option("The run folder. Default: runs/<name>-<data>.")] = None
    config: Annotated[
        str | None,
        option("A TOML file of these options, with plugin settings in a table named config."),
    ] = None
    download: Annotated[bool, option("Download mnist, fashion-mnist or cifar10 if missing.")] = (
        False
    )
    resume: Annotated[bool, option("Continue from the checkpoint in --out.", command="train")] = (
        False
    )
    force: Annotated[bool, option("Replace an existing run.")] = False
    stop_on_collapse: Annotated[
        bool, option("Stop when samples collapse; the checkpoint is kept.")
    ] = False


def list_options(kind: type[Record]) -> Iterator[Option]:
    """The fields of Recipe, Fixed or Call in their order."""
    for field in msgspec.structs.fields(kind):
        meta = get_args(field.type)[-1]
        default = field.default
        if default is msgspec.NODEFAULT:
            default = field.default_factory()
        yield Option(field.name, field.type, meta.description, default, **meta.extra)


def _write_value(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
