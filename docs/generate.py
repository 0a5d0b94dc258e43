"""Write the pages that come from the code: the command reference and the tables of settings.

python docs/generate.py            # write
python docs/generate.py --check    # exit code 1 where something is out of date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperArgument

from ganzoo.cli import app as cli
from ganzoo.cli import info
from ganzoo.config import convert, plain
from ganzoo.zoo import registry

FOLDER = Path(__file__).resolve().parent
COMMANDS = FOLDER / "command-reference.md"
START, END = "<!-- settings: written by docs/generate.py -->", "<!-- /settings -->"
HEAD = """# Command reference

Written from the program by `make docs`. `ganzoo COMMAND --help` shows the same.
"""


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [header, ("---",) * len(header), *rows]
    escaped = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return ["| " + " | ".join(line) + " |" for line in escaped]


def describe_commands() -> str:
    """The page of all commands, their arguments and options."""
    cli.register(cli.COMMANDS)
    group: Any = typer.main.get_command(cli.app)
    context = typer.Context(group, info_name="ganzoo")
    lines = [HEAD, "## ganzoo", "", *describe_parameters(group, context)]
    for name in cli.COMMANDS:
        lines += describe_command(group.commands[name], context, name)
    return "\n".join(lines).rstrip() + "\n"


def describe_command(command: Any, parent: typer.Context, name: str) -> Iterator[str]:
    """A heading, the usage, the help text and a table; of a group also its commands."""
    context = typer.Context(command, parent=parent, info_name=name)
    yield from ("", f"## {context.command_path}", "")
    members = getattr(command, "commands", {})
    if not members:
        usage = " ".join(command.collect_usage_pieces(context))
        yield from (f"    {context.command_path} {usage}", "")
    paragraphs = (command.help or "").replace("\b", "").split("\n\n")
    for paragraph in paragraphs:
        yield from (" ".join(paragraph.split()), "")
    if not members:
        yield from describe_parameters(command, context)
    for member in members:
        yield from describe_command(members[member], context, member)


def describe_parameters(command: Any, context: typer.Context) -> Iterator[str]:
    """A table of a command's arguments and options."""
    rows = []
    for parameter in command.get_params(context):
        if getattr(parameter, "hidden", False) or parameter.name == "help":
            continue
        meaning = getattr(parameter, "help", "") or ""
        rows.append((spell(parameter), spell_default(parameter), meaning))
    if rows:
        yield from table(("argument or option", "default", "meaning"), rows)


def spell(parameter: Any) -> str:
    """`--batch-size INTEGER`, or the name of an argument."""
    if isinstance(parameter, TyperArgument):
        return f"`{parameter.human_readable_name}`"
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    choices = getattr(parameter.type, "choices", None)
    kind = parameter.metavar or parameter.type.name.upper()
    if choices:
        kind = "|".join(map(str, choices))
    return f"`{names}`" if parameter.is_flag or parameter.count else f"`{names} {kind}`"


def spell_default(parameter: Any) -> str:
    """The default of a parameter, or nothing where there is none to tell."""
    if parameter.required:
        return "required"
    shown = getattr(parameter, "show_default", None)
    if isinstance(shown, str):
        return shown
    value = parameter.default
    if not value or callable(value):
        is_number = type(value) is int and not getattr(parameter, "count", False)
        return "`0`" if is_number else ""
    return "on" if value is True else f"`{value}`"


def describe_plugin(name: str) -> str:
    """Tables of a plugin's settings and presets, and what its `sample` takes."""
    plugin = registry.get(name)
    rows = []
    for key, field in info.describe_settings(plugin.config).items():
        shown = info.show(field["default"])
        default = f"`{shown}`" if shown else "empty"
        values, meaning = info.describe_values(field), info.describe_meaning(field)
        rows.append((f"`{key}`", default, values, meaning))
    lines = table(("setting", "default", "values", "meaning"), rows)
    default_config = convert({}, plugin.config, name)
    inputs = [(f"`{key}`", spec.describe()) for key, spec in plugin.inputs(default_config).items()]
    lines += ["", *table(("input of `sample`", "what it is by default"), inputs)]
    values = plain(default_config)
    presets = []
    for preset, config in plugin.presets.items():
        changes = {key: value for key, value in plain(config).items() if value != values[key]}
        words = ", ".join(f"`{key}={info.show(value)}`" for key, value in changes.items())
        presets.append((f"`{preset}`", words or "the defaults"))
    if presets:
        lines += ["", *table(("preset", "settings that differ from the defaults"), presets)]
    return "\n".join(lines)


def with_settings(page: str, name: str) -> str:
    """A plugin's page with its tables between the two marks, or at the end."""
    before, mark, rest = page.partition(START)
    if not mark:
        before, rest = page.rstrip() + "\n\n## Settings\n\n", END + "\n"
    after = rest.partition(END)[2]
    return f"{before}{START}\n{describe_plugin(name)}\n{END}{after}"


def pages() -> Iterator[tuple[Path, str]]:
    """Every page that is written in whole or in part, and what it should hold."""
    yield COMMANDS, describe_commands()
    for name in registry.list_names():
        path = FOLDER / f"{name}.md"
        if path.is_file() and registry.get_distribution(name)[0] == "ganzoo-torch":
            yield path, with_settings(path.read_text("utf-8"), name)


def stale() -> list[Path]:
    """Pages that are not what the code says."""
    return [path for path, text in pages() if not path.is_file() or path.read_text("utf-8") != text]


def main() -> None:
    """Write, or with --check complain."""
    if "--check" in sys.argv[1:]:
        names = [path.name for path in stale()]
        if names:
            sys.exit(f"out of date: {', '.join(names)}; run `make docs`")
        return
    for path, text in list(pages()):
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
