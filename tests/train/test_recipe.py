"""The list of options: Python, the commands, TOML files and records agree on it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
import typer

import ganzoo
from ganzoo.cli import finetune, train
from ganzoo.errors import ConfigError, UsageError
from ganzoo.training.recipe import Call, Fixed, Recipe, list_options
from ganzoo.training.record import Run, extend_command
from ganzoo.training.run import gather_options

VERBS: dict[str, tuple[Callable[..., Any], Callable[..., None]]] = {
    "train": (ganzoo.train, train.train),
    "finetune": (ganzoo.finetune, finetune.finetune),
}
EMPTY: dict[str, Any] = {"config": None}


def names_of(verb: str) -> set[str]:
    options = [*list_options(Recipe), *list_options(Call)]
    return {each.name for each in options if each.command in (None, verb)}


@pytest.mark.parametrize("verb", VERBS)
def test_python_and_command_have_every_option(verb: str) -> None:
    function, command = VERBS[verb]
    assert set(inspect.signature(function).parameters) == names_of(verb) | {"reporter"}
    assert set(inspect.signature(command).parameters) == names_of(verb)


def base_types(annotation: Any) -> set[Any]:
    """The types in a union, without None and without bounds."""
    parts = get_args(annotation) or (annotation,)
    found = set()
    for part in parts:
        kind = get_args(part)[0] if hasattr(part, "__metadata__") else part
        found.add(getattr(kind, "__origin__", kind))
    return found - {type(None)}


@pytest.mark.parametrize("verb", VERBS)
def test_python_has_the_types_of_the_list(verb: str) -> None:
    """Numbers and flags; text may be a path, too, and lists and tables have looser types."""
    hints = get_type_hints(VERBS[verb][0])
    for each in [*list_options(Recipe), *list_options(Call)]:
        if each.name in hints:
            accepted = get_args(each.accepts)[0]
            kinds = base_types(accepted) if get_args(accepted) else {accepted}
            if kinds <= {int, float, bool}:
                assert base_types(hints[each.name]) == kinds, each.name


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_has_help(verb: str) -> None:
    app = typer.Typer()
    app.command(verb)(VERBS[verb][1])
    command: Any = typer.main.get_command(app)
    words = {param.name: param for param in command.params}
    assert words.keys() >= names_of(verb)
    assert all(words[name].help and words[name].help[-1] in ".)" for name in names_of(verb))
    assert words["settings"].opts == ["--set"]
    assert words["batch_size"].opts == ["--batch-size"]
    assert words["compile"].is_flag
    assert words["log_every"].help.endswith("Default: 50.")


def test_the_check_sees_an_option_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(plugin: str, data: str) -> None: ...

    pair = (short, train.train)
    monkeypatch.setitem(VERBS, "train", pair)
    with pytest.raises(AssertionError):
        test_python_and_command_have_every_option("train")


def test_run_json_has_the_fixed_options() -> None:
    assert set(Fixed.__struct_fields__) <= set(Run.__struct_fields__)
    assert {"only", "preset", "seed", "compile", "augment", "freeze"} <= set(
        Fixed.__struct_fields__
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("steps", 0), ("steps", 10**12), ("epochs", 0), ("epochs", float("nan"))),
        *(("epochs", float("inf")), ("batch_size", 2**24), ("log_every", 0)),
        *(("sample_every", -1), ("checkpoint_every", -1), ("seed", -1), ("seed", 2**63)),
        *(("accumulate", 0), ("steps", "5"), ("data", 3)),
    ],
)
def test_values_out_of_bounds(name: str, value: Any, tmp_path: Path) -> None:
    words = f"--{name.replace('_', '-')} {value}: Expected"
    with pytest.raises(UsageError, match=words.replace("+", r"\+")):
        gather_options("train", {**EMPTY, name: value})
    if isinstance(value, int) and abs(value) < 2**63:
        (tmp_path / "run.toml").write_text(f"{name} = {value}\n")
        with pytest.raises(ConfigError, match=f"run.toml: Expected .*`{name}`"):
            gather_options("train", {"config": tmp_path / "run.toml"})


def test_a_call_wins_over_its_file(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        'steps = 5\nseed = 3\ncompile = true\naugment = ["color"]\n'
        "[config]\nwidth = 4\nlatent = 2\n"
    )
    call = {"config": path, "steps": 7, "settings": {"latent": "9"}, "compile": False}
    given = gather_options("train", call)
    assert given == {
        "steps": 7,
        "seed": 3,
        "compile": True,
        "augment": ["color"],
        "settings": {"width": 4, "latent": "9"},
    }
    path.write_text("out = 'x'\n")
    with pytest.raises(ConfigError, match="unknown setting `out`"):
        gather_options("train", {"config": path})


def test_the_command_repeats_what_was_asked_for() -> None:
    recipe = Recipe(
        plugin="dcgan",
        data="/somewhere/faces",
        data_root="/data",
        only="cat",
        augment=["color", "cutout"],
        epochs=2.0,
        batch_size=8,
        device="cpu",
        log_every=1,
        sample_every=0,
        accumulate=2,
        compile=True,
        settings={"width": 4, "channels": (1, 2)},
        seed=5,
    )
    assert recipe.write_command("faces", "runs/x") == (
        "ganzoo train dcgan --data faces --only cat --augment color,cutout --accumulate 2 "
        "--epochs 2 --batch-size 8 --sample-every 0 --set width=4 --set channels=1,2 --compile "
        "--seed 5 --out runs/x"
    )
    tuned = msgspec.structs.replace(recipe, plugin=None, model="./somewhere/parent", fresh=True)
    command = tuned.write_command("faces", "runs/x")
    assert command.startswith("ganzoo finetune ./parent --data faces --only cat")
    assert "--compile --fresh --seed 5" in command


def test_a_longer_run_has_another_command() -> None:
    command = "ganzoo train vanilla --data sine --epochs 3 --seed 0 --out runs/x"
    assert extend_command(command, 9, [9]) == (
        "ganzoo train vanilla --data sine --steps 9 --seed 0 --out runs/x"
    )
    assert extend_command(command, 9, [5, 9]) == (
        f"{command} && ganzoo train --resume --steps 9 --out runs/x"
    )
