"""`ganzoo`: registers the commands and words the errors."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer

from ganzoo.cli import check, info, manifest, output, pull, sample, train, verify
from ganzoo.cli import list as listing
from ganzoo.errors import GanzooError
from ganzoo.version import VERSION

app = typer.Typer(
    name="ganzoo",
    help="GAN architectures as plugins, weights by name. `ganzoo sample` makes a picture at once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list")(listing.list_)
app.command("info")(info.info)
app.command("pull")(pull.pull)
app.command("sample")(sample.sample)
app.command("train")(train.train)
app.command("check")(check.check)
app.command("verify")(verify.verify)
app.add_typer(manifest.app, name="manifest")


def _version(asked: bool) -> None:
    if asked:
        output.data(f"ganzoo {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show log messages.")] = False,
) -> None:
    if verbose:
        logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s")
        logging.getLogger("ganzoo").setLevel(logging.DEBUG)


def main() -> None:
    """The console command. Exit codes: 0 done, 1 the work failed, 2 the request was wrong."""
    debug = bool(os.environ.get("GANZOO_DEBUG"))
    try:
        app()
    except GanzooError as error:
        if debug:
            raise
        output.error(str(error))
        sys.exit(error.exit_code)
    except Exception as error:
        if debug:
            raise
        output.error(f"{type(error).__name__}: {error} (this should not happen; GANZOO_DEBUG=1 shows where)")
        sys.exit(1)
