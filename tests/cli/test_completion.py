"""What a shell is offered, asked as the shell asks; and what is said when memory is used up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ganzoo.cli import app as cli
from ganzoo.cli.completion import SOURCES
from ganzoo.zoo import manifest, registry
from tests.cli.conftest import Call, Site

SCRIPT = """
import atexit, sys
heavy = ("torch", "numpy", "rich", "pydantic")
atexit.register(lambda: print([name for name in heavy if name in sys.modules], file=sys.stderr))
from ganzoo.cli.app import main
main()
"""
LIMITED = """
import resource
import ganzoo
ganzoo.load, ganzoo.train  # what they import needs more than what is left below
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 2**30, held + 2**30))
from ganzoo.cli.app import main
main()
"""
"""Commands that may take one gigabyte and no more."""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "ganzoo"
    path.write_text(f"#!{sys.executable}\n{SCRIPT}")
    path.chmod(0o755)
    return path


def offered(script: Path, line: str, **extra: str) -> list[str]:
    """The offers for the last word of a line, which may be empty; nothing heavy is imported for them."""
    words = line.split(" ")
    asked = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_GANZOO_COMPLETE": "complete_bash",
    }
    done = subprocess.run(
        [script], env={**os.environ, **asked, **extra}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stderr == "[]\n"
    return done.stdout.split()


def test_commands_are_offered(script: Path) -> None:
    assert set(offered(script, "ganzoo ")) == set(cli.COMMANDS)
    assert offered(script, "ganzoo sam") == ["sample"]
    assert offered(script, "ganzoo sample") == ["sample"]
    assert offered(script, "ganzoo nothing") == []
    assert offered(script, "ganzoo cache ") == ["list"]
    assert "--batch-size" in offered(script, "ganzoo train --")


def test_names_are_offered_where_they_are_asked_for(script: Path) -> None:
    plugins, weights = registry.list_names(), list(manifest.list_models())
    for command in ("train", "check"):
        assert offered(script, f"ganzoo {command} ") == plugins
    for command in ("pull", "sample", "verify"):
        assert offered(script, f"ganzoo {command} ") == weights
    for command in ("list", "info"):
        assert offered(script, f"ganzoo {command} ") == [*plugins, *weights]
    assert offered(script, f"ganzoo sample {weights[0][:-1]}") == weights[:1]
    assert offered(script, f"ganzoo verify {weights[0]} {weights[1]}") == weights[1:2]
    assert offered(script, "ganzoo sample ./") == [], "the shell completes paths by itself"
    assert offered(script, "ganzoo sample 'it") == []


def test_values_of_options_are_offered(script: Path) -> None:
    name = next(name for name in registry.list_names() if registry.get(name).presets)
    assert offered(script, f"ganzoo train {name} --data x --preset ") == list(
        registry.get(name).presets
    )
    assert offered(script, "ganzoo train --preset ") == []
    assert offered(script, "ganzoo sample --device c") == ["cpu", "cuda"]
    assert offered(script, "ganzoo train --precision ") == ["auto", "bf16", "fp32"]


def test_every_source_belongs_to_a_parameter_and_every_model_has_a_source() -> None:
    from typer.main import get_command

    cli.register(cli.COMMANDS)
    commands: Any = get_command(cli.app)
    known = set()
    for name, command in commands.commands.items():
        for parameter in command.params:
            known |= {f"{name} {parameter.name}", parameter.name}
            if parameter.name in ("model", "plugin", "view"):
                assert f"{name} {parameter.name}" in SOURCES, name
    assert set(SOURCES) <= known


def test_what_is_broken_offers_nothing_and_says_nothing(script: Path, site: Site) -> None:
    path = os.pathsep.join([str(site.folder), os.environ["PYTHONPATH"]])
    (site.folder / "shapes.json").write_text("{")
    assert offered(script, "ganzoo sample ", PYTHONPATH=path) == []
    assert "shapes" in offered(script, "ganzoo train ", PYTHONPATH=path)


def test_bash_itself_completes_a_line(script: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    code = """
        source <(_GANZOO_COMPLETE=source_bash ganzoo 2>/dev/null)
        COMP_WORDS=(ganzoo cache li) COMP_CWORD=2
        _ganzoo_completion ganzoo 2>/dev/null
        echo "${COMPREPLY[@]}"
    """
    environment = {**os.environ, "PATH": os.pathsep.join([str(script.parent), os.environ["PATH"]])}
    done = subprocess.run(
        [bash, "--norc", "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "list\n"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_answered_too(shell: str, script: Path) -> None:
    asked = {"_TYPER_COMPLETE_ARGS": "ganzoo cache li", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    environment = {**os.environ, **asked, "_GANZOO_COMPLETE": f"complete_{shell}"}
    assert (
        "list"
        in subprocess.run(
            [script], env=environment, capture_output=True, text=True, check=True
        ).stdout
    )


def test_completion_is_installed_for_the_shell(script: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    done = subprocess.run(
        [script, "--install-completion", "bash"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "bash completion installed" in done.stdout
    assert "_GANZOO_COMPLETE" in (tmp_path / ".bash_completions" / "ganzoo.sh").read_text()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="a limit on memory needs Linux")
@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (
            "train vanilla --data sine --steps 2 --batch-size 16000000 --out run",
            "--batch-size, --precision bf16, or narrower",
        ),
        (
            "sample vanilla-sine --seed 0 -n 3000000000 --batch-size 3000000000 -o x.npz",
            "give a smaller --batch-size",
        ),
    ],
    ids=["train", "sample"],
)
def test_memory_that_is_used_up_is_one_line(words: str, remedy: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *words.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ganzoo: this machine's memory is used up (")
    assert remedy in last


CUDA = "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 8.00 GiB of which 1.00 GiB is free."
MPS = (
    "MPS backend out of memory (MPS allocated: 8.00 GB). Tried to allocate 2.50 GB on private pool."
)


class OutOfMemoryError(RuntimeError):
    """As torch names it."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OutOfMemoryError(CUDA), "the GPU's memory is used up (20.00 GiB requested at once); "),
        (RuntimeError(MPS), "the GPU's memory is used up (2.50 GB requested at once); "),
        (
            RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
            "the GPU's memory is used up; ",
        ),
        (
            RuntimeError(
                "DefaultCPUAllocator: not enough memory: you tried to allocate 4096000 bytes."
            ),
            "(4.1 MB requested",
        ),
        (MemoryError(), "this machine's memory is used up; "),
        (MemoryError("std::bad_alloc"), "this machine's memory is used up; "),
        (OSError(12, "Cannot allocate memory"), "this machine's memory is used up; "),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), None),
        (FileNotFoundError(2, "No such file or directory", "out of memory.png"), None),
    ],
    ids=lambda value: (
        f"{type(value).__name__} {str(value)[:12]}" if isinstance(value, Exception) else None
    ),
)
def test_which_errors_are_of_memory(
    error: Exception, words: str | None, ganzoo: Call, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin that raises them stands for the machines that this one is not."""
    import builtins

    monkeypatch.setattr(builtins, "error_of_a_machine", error, raising=False)
    with site.module.open("a") as file:
        file.write(
            "def fail(config):\n    raise error_of_a_machine\nplugin = replace(plugin, inputs=fail)\n"
        )
    line = ganzoo("info", "shapes", code=1).stderr
    if words is None:
        assert "memory is used up" not in line
    else:
        assert words in line
        assert line.endswith("close other programs, or use a smaller model\n")
