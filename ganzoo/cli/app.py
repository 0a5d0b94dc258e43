"""The command line: registers the commands and words whatever goes wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ganzoo.cli import output
from ganzoo.errors import GanzooError
from ganzoo.version import VERSION

INTERRUPTED = 130


class Worded(TyperGroup):
    """The group of all commands. Exit codes: 0 done, 1 the work failed, 2 the request was wrong, 130 interrupted.

    An error is one line on stderr; with GANZOO_DEBUG=1 its traceback comes first."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command and end the process."""
        try:
            return super().main(*args, **extra)
        except GanzooError as error:
            _tell(str(error))
            code = error.exit_code
        except OSError as error:
            _tell(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
            code = 1
        except Exception as error:  # the last resort: nobody else will word it
            _tell(f"internal error: {type(error).__name__}: {error} (GANZOO_DEBUG=1 shows the traceback)")
            code = 1
        sys.exit(code)

    def invoke(self, ctx: Any) -> Any:
        """A command, its output flushed here so that a closed pipe is noticed while typer can still keep quiet about it."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            _tell("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        return result


def _tell(text: str) -> None:
    if os.environ.get("GANZOO_DEBUG", "0") not in ("", "0"):
        import traceback

        traceback.print_exc()
    output.error(text)


app = typer.Typer(
    name="ganzoo",
    cls=Worded,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
USE, MAKE, PROVE = "Use models", "Make models", "Prove"
COMMANDS = {
    "list": USE,
    "info": USE,
    "pull": USE,
    "sample": USE,
    "train": MAKE,
    "check": PROVE,
    "verify": PROVE,
    "manifest": PROVE,
}
"""Name of a command, which is its module's, and the panel of the help page it stands in."""


def _version(asked: bool) -> None:
    if asked:
        output.data(f"ganzoo {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Log to stderr; -vv logs more.")] = 0,
) -> None:
    """GAN architectures as plugins, weights by name."""
    if verbose:
        import logging

        logger = logging.getLogger("ganzoo")
        logger.setLevel(logging.DEBUG if verbose > 1 else logging.INFO)
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        logger.handlers = [handler]


def register(names: Iterable[str]) -> None:
    """Import these commands and add them to the app: every option of every command costs time at the start."""
    for name in names:
        module = import_module(f"ganzoo.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name, rich_help_panel=COMMANDS[name])
        else:
            app.command(name, rich_help_panel=COMMANDS[name])(module.command)


def main() -> None:
    """The entry point of the `ganzoo` script."""
    asked = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    register([asked] if asked in COMMANDS else COMMANDS)
    app()
