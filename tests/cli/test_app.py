"""The frame of the command line: help, version, unknown commands, errors, checks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ganzoo.cli import app as cli
from ganzoo.version import VERSION
from tests.cli.conftest import Call, Site


@pytest.mark.parametrize(
    "name", [*cli.COMMANDS, "manifest add", "manifest check", "manifest schema"]
)
def test_every_command_explains_itself(ganzoo: Call, name: str) -> None:
    shown = ganzoo(*name.split(), "--help").stdout
    assert f"Usage: ganzoo {name}" in shown
    assert ganzoo(*name.split(), "-h").stdout == shown


def test_commands_are_added_once(ganzoo: Call) -> None:
    """Each addition would slow every later call down."""
    before = len(cli.app.registered_commands), len(cli.app.registered_groups)
    cli.register(cli.COMMANDS)
    assert (len(cli.app.registered_commands), len(cli.app.registered_groups)) == before
    assert sum(before) == len(cli.COMMANDS)


def test_version_and_overview(ganzoo: Call) -> None:
    assert ganzoo("--version").stdout == f"ganzoo {VERSION}\n"
    overview = ganzoo("--help").stdout
    assert all(f" {name} " in overview for name in cli.COMMANDS)


def test_it_is_a_module_that_runs() -> None:
    """Where pip's folder of scripts is not on the path."""
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo", "--version"], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ganzoo {VERSION}\n", "")


@pytest.mark.parametrize(
    "words", [["lsit"], ["list", "--jsn"], ["sample", "--n", "many"], ["pull"]]
)
def test_usage_errors(ganzoo: Call, words: list[str]) -> None:
    done = ganzoo(*words, code=2)
    assert done.stdout == ""
    assert done.stderr


def test_an_error_of_ours_is_worded_too(
    ganzoo: Call, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin whose record is fine and whose functions crash: nobody expects it, and it is still one line."""
    with site.module.open("a") as file:
        file.write("plugin = replace(plugin, inputs=lambda config: 1 / 0)\n")
    done = ganzoo("info", "shapes", code=1)
    assert (
        done.stderr
        == "ganzoo: internal error: ZeroDivisionError: division by zero (GANZOO_DEBUG=1 shows the traceback)\n"
    )
    monkeypatch.setenv("GANZOO_DEBUG", "1")
    with pytest.raises(AssertionError):  # the fixture allows no traceback
        ganzoo("info", "shapes", code=1)


def test_a_failing_check_fails_the_command(ganzoo: Call, site: Site) -> None:
    with site.module.open("a") as file:
        file.write("plugin = replace(plugin, paper='a book')\n")
    done = ganzoo("check", "shapes", code=1)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert len(failed) == 1
    assert "record_and_entry_point_agree" in failed[0]
    assert done.stderr == "1 failed\n"


def test_schema_fits_the_manifest(ganzoo: Call) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(ganzoo("manifest", "schema").stdout)
    found = json.loads((Path(__file__).parents[2] / "weights_manifest.json").read_text())
    jsonschema.validate(found, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**found, "format": 2}, schema)
