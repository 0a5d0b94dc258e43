"""The command line: registers the commands and words their errors."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ganzoo.cli import output
from ganzoo.errors import GanzooError
from ganzoo.version import VERSION

INTERRUPTED = 130
COMPLETION = "_GANZOO_COMPLETE"
"""The variable in which a shell asks for completions."""
NO_MEMORY = (
    r"(?i)out of memory|not enough memory|(?:can't|cannot|unable to) allocate"
    r"|alloc_failed|bad_alloc"
)
GPU = r"(?i)\b(?:cuda|hip|mps|gpu)\b|cublas|cudnn"
ALLOCATION = r"allocate ([\d.]+) ?(bytes|[KMGTPE]i?B)"
REMEDIES = {
    "sample": "give a smaller --batch-size",
    "train": "give a smaller --batch-size, --precision bf16, or narrower networks "
    "(--set; ganzoo info PLUGIN names the settings)",
    "finetune": "give a smaller --batch-size or --precision bf16",
}


class Worded(TyperGroup):
    """The group of all commands.

    Exit codes: 0 done, 1 the work failed, 2 the request is wrong, 130 interrupted. An error is one
    line on stderr; GANZOO_DEBUG=1 prints its traceback first.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command and end the process."""
        try:
            return super().main(*args, **extra)
        except GanzooError as error:
            print_error(str(error))
            code = error.exit_code
        except Exception as error:  # the last resort
            print_error(_describe_failure(error, extra.get("args") or sys.argv[1:]))
            code = 1
        sys.exit(code)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command, with names to offer while a shell completes a line."""
        command = super().get_command(ctx, cmd_name)
        if command is not None and ctx.resilient_parsing:
            from ganzoo.cli.completion import prepare

            for name, part in getattr(command, "commands", {}).items():
                prepare(part, f"{cmd_name} {name}")
            prepare(command, cmd_name)
        return command

    def invoke(self, ctx: Any) -> Any:
        """Run a command and flush its output, while typer can still handle a closed pipe."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            print_error("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        return result


def _describe_failure(error: Exception, words: Sequence[str]) -> str:
    """An error that is no GanzooError, in words. `words`: of the command line."""
    text = str(error)
    if isinstance(error, OSError):
        is_out_of_memory = error.errno == errno.ENOMEM
    else:
        # by name: torch is not imported here
        is_named = type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError)
        is_out_of_memory = is_named or re.search(NO_MEMORY, text) is not None
    if is_out_of_memory:
        where = "the GPU's memory" if re.search(GPU, text) else "this machine's memory"
        size = ""
        if found := re.search(ALLOCATION, text):
            number, unit = found[1], found[2]
            amount = output.size(int(number)) if unit == "bytes" else f"{number.rstrip('.')} {unit}"
            size = f" ({amount} requested at once)"
        command = next((word for word in words if not word.startswith("-")), "")
        remedy = REMEDIES.get(command, "close other programs, or use a smaller model")
        return f"{where} is used up{size}; {remedy}"
    if isinstance(error, OSError):
        named = error.filename and error.strerror
        return f"{error.filename}: {error.strerror}" if named else text
    return f"internal error: {type(error).__name__}: {text} (GANZOO_DEBUG=1 shows the traceback)"


def print_error(text: str) -> None:
    """Print an error, after its traceback where GANZOO_DEBUG asks for it."""
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
    "replay": USE,
    "explore": USE,
    "cache": USE,
    "export": USE,
    "train": MAKE,
    "finetune": MAKE,
    "publish": MAKE,
    "import": MAKE,
    "eval": PROVE,
    "extractor": PROVE,
    "doctor": PROVE,
    "bench": PROVE,
    "check": PROVE,
    "verify": PROVE,
    "manifest": PROVE,
}
"""Commands by name, which is also that of their module and function, and their panel of the help."""


def _print_version(requested: bool) -> None:
    """Print the version and end."""
    if requested:
        output.data(f"ganzoo {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="Log to stderr; -vv logs more.")
    ] = 0,
) -> None:
    """GAN architectures as plugins, weights by name."""
    if verbose:
        import logging

        logger = logging.getLogger("ganzoo")
        logger.setLevel(logging.DEBUG if verbose > 1 else logging.INFO)
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        logger.handlers = [handler]


REGISTERED: set[str] = set()
"""Commands that are already added to the app."""


def register(names: Iterable[str]) -> None:
    """Import commands and add them to the app, where needed: each option costs start-up time."""
    for name in names:
        if name in REGISTERED:
            continue
        REGISTERED.add(name)
        module = import_module(f"ganzoo.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name, rich_help_panel=COMMANDS[name])
        else:
            function = getattr(module, name, None) or getattr(module, f"{name}_")
            app.command(name, rich_help_panel=COMMANDS[name])(function)


def main() -> None:
    """The entry point of the `ganzoo` script."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed: discard what is printed
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif name == "stdout" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="surrogateescape")  # print any path as it is
    words = sys.argv[1:]
    if COMPLETION in os.environ:
        from ganzoo.cli import completion

        words = completion.words()
    requested = next((word for word in words if not word.startswith("-")), None)
    register([requested] if requested in COMMANDS else COMMANDS)
    app()
