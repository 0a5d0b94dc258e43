"""`ganzoo train`, and how both training commands are built from the list of options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from ganzoo.cli import output
from ganzoo.config import assignments
from ganzoo.training.recipe import Call, Fixed, Option, Recipe, list_options

ARGUMENTS = ("plugin", "model")
PATHS = ("data_root", "out", "config")
DECLARED = {"settings": ["--set"], "out": ["--out", "-o"]}
"""Options whose words differ from their names."""
HELP = {each.name: each.help for each in list_options(Recipe)}
DataOption = Annotated[str | None, typer.Option(help=HELP["data"])]
DataRootOption = Annotated[Path | None, typer.Option(help=HELP["data_root"])]


def build_command(name: str, help: str) -> Callable[..., None]:
    """The command `ganzoo <name>`, which calls ganzoo.<name>. `help`: its first lines."""

    def command(**options: Any) -> None:
        from ganzoo.cli.progress import is_first, reporter
        from ganzoo.training import run
        from ganzoo.zoo.reference import is_path

        options["settings"] = assignments(options["settings"] or [])
        options["augment"] = options["augment"] or ()
        with reporter() as shown:
            folder = getattr(run, name)(**options, reporter=shown)
        if is_first():  # spelt as `ganzoo sample` takes it
            output.data(str(folder) if is_path(str(folder)) else f"./{folder}")

    fixed = Fixed.__struct_fields__
    options = sorted(list_options(Recipe), key=lambda each: each.name in fixed)
    options += list_options(Call)
    parameters = [_declare(each) for each in options if each.command in (None, name)]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    command.__name__, command.__doc__ = name, help
    return command


def _declare(option: Option) -> inspect.Parameter:
    """The parameter that typer makes a command-line option of."""
    kind: Any = get_args(option.accepts)[0]
    kind = next(iter(get_args(kind)), kind)  # without None, and without bounds
    kind = next(iter(get_args(kind)), kind)
    help = option.help
    if option.default is not False and option.default not in (None, [], {}):
        help = f"{help} Default: {option.default}."
    words = DECLARED.get(option.name, [f"--{option.name.replace('_', '-')}"])
    default = None
    if option.name in ARGUMENTS:
        annotation: Any = Annotated[str | None, typer.Argument(help=help)]
    elif option.name == "settings":
        annotation = Annotated[list[str] | None, typer.Option(*words, help=help)]
    elif option.name in PATHS:
        annotation = Annotated[Path | None, typer.Option(*words, help=help)]
    elif option.default is False:
        default = False
        annotation = Annotated[bool, typer.Option(*words, help=help)]
    elif isinstance(option.default, list):
        annotation = Annotated[str | None, typer.Option(*words, help=help)]
    else:
        annotation = Annotated[kind | None, typer.Option(*words, help=help)]
    return inspect.Parameter(
        option.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


train = build_command(
    "train",
    "Train an architecture on data; prints the run folder, which `ganzoo sample ./FOLDER` takes.",
)
