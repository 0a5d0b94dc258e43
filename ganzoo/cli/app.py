"""The command line: registers the commands and words whatever goes wrong."""

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
"""The variable in which a shell asks what could come next."""
NO_MEMORY = r"(?i)out of memory|not enough memory|(?:can't|cannot|unable to) allocate|alloc_failed|bad_alloc"
GPU = r"(?i)\b(?:cuda|hip|mps|gpu)\b|cublas|cudnn"
ALLOCATION = r"allocate ([\d.]+) ?(bytes|[KMGTPE]i?B)"
REMEDIES = {
    "sample": "give a smaller --batch-size",
    "train": "give a smaller --batch-size, --precision bf16, or narrower networks (--set; ganzoo info PLUGIN names the settings)",
    "finetune": "give a smaller --batch-size or --precision bf16",
}


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
        except Exception as error:  # the last resort: nobody else will word it
            _tell(_out_of_memory(error, extra.get("args") or sys.argv[1:]) or _unforeseen(error))
            code = 1
        sys.exit(code)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command; while a shell completes a line, with names to offer."""
        command = super().get_command(ctx, cmd_name)
        if command is not None and ctx.resilient_parsing:
            from ganzoo.cli.completion import prepare

            for name, part in getattr(command, "commands", {}).items():
                prepare(part, f"{cmd_name} {name}")
            prepare(command, cmd_name)
        return command

    def invoke(self, ctx: Any) -> Any:
        """A command, its output flushed here so that a closed pipe is noticed while typer can still keep quiet about it."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            _tell("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        return result


def _unforeseen(error: Exception) -> str:
    if isinstance(error, OSError):
        return (
            f"{error.filename}: {error.strerror}"
            if error.filename and error.strerror
            else str(error)
        )
    return f"internal error: {type(error).__name__}: {error} (GANZOO_DEBUG=1 shows the traceback)"


def _out_of_memory(error: Exception, words: Sequence[str]) -> str | None:
    """What to do when memory is used up, by the command of these words; None for any other error. torch is not imported."""
    text = str(error)
    if isinstance(error, OSError):
        used_up = error.errno == errno.ENOMEM
    else:
        kinds = type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError)
        used_up = kinds or re.search(NO_MEMORY, text) is not None
    if not used_up:
        return None
    where = "the GPU's memory" if re.search(GPU, text) else "this machine's memory"
    asked = re.search(ALLOCATION, text)
    size = f" ({_amount(asked[1], asked[2])} asked for at once)" if asked else ""
    command = next((word for word in words if not word.startswith("-")), "")
    return f"{where} is used up{size}; {REMEDIES.get(command, 'close other programs, or use a smaller model')}"


def _amount(number: str, unit: str) -> str:
    return output.size(int(number)) if unit == "bytes" else f"{number.rstrip('.')} {unit}"


def _tell(text: str) -> None:
    if os.environ.get("GANZOO_DEBUG", "0") not in ("", "0"):
        import traceback

        traceback.print_exc()
    output.error(text)


def _prepare_streams() -> None:
    """A closed stream swallows what it is told; a path is printed as it is spelt, in UTF-8 or not."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif name == "stdout" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="surrogateescape")


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
"""Name of a command, which is its module's, and the panel of the help page it stands in."""


def _version(asked: bool) -> None:
    if asked:
        output.data(f"ganzoo {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
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
"""Commands that the app has."""


def register(names: Iterable[str]) -> None:
    """Import these commands and add them to the app, each once: every option of every command costs time at the start."""
    for name in names:
        if name in REGISTERED:
            continue
        REGISTERED.add(name)
        module = import_module(f"ganzoo.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name, rich_help_panel=COMMANDS[name])
        else:
            app.command(name, rich_help_panel=COMMANDS[name])(module.command)


def main() -> None:
    """The entry point of the `ganzoo` script."""
    _prepare_streams()
    words = sys.argv[1:]
    if COMPLETION in os.environ:
        from ganzoo.cli import completion

        words = completion.words()
    asked = next((word for word in words if not word.startswith("-")), None)
    register([asked] if asked in COMMANDS else COMMANDS)
    app()
