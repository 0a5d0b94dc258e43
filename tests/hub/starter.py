"""Processes that begin where their imports are done, forked from one that has imported what does not read the environment.

    python -m tests.hub.starter

reads jobs, a JSON line each, and answers each with the number of its process and, when that has ended, with its status. The
Hub's client is imported by each process anew: it reads its environment once. Sleeps are short, and how long they should have
been is written down, so that a test of the tenth try need not wait for it."""

from __future__ import annotations

import importlib
import io
import json
import os
import runpy
import sys
import time
from pathlib import Path
from typing import Any

PARTS = (
    "ganzoo.cli.app",
    "ganzoo.cli.pull",
    "ganzoo.cli.publish",
    "ganzoo.cli.progress",
    "ganzoo.release.prepare",
    "ganzoo.sampling.model",
)
OTHERS = (
    "torch",
    "numpy",
    "safetensors.torch",
    "PIL.PngImagePlugin",
    "huggingface_hub.hf_api",
    "huggingface_hub.file_download",
)
FASTER = 100


def prepare() -> None:
    """Import what all commands need, and forget the Hub's client but not what it is made of."""
    for name in (*PARTS, *OTHERS):
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "huggingface_hub"]:
        del sys.modules[name]


def hurry(log: Path) -> None:
    real = time.sleep

    def sleep(seconds: float) -> None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{seconds}\n")
        real(seconds / FASTER)

    time.sleep = sleep  # type: ignore[assignment]


def become(job: dict[str, Any]) -> None:
    """Run a job in this process: a file of Python, or a command of ganzoo."""
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    for place in reversed(os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if place and place not in sys.path:
            sys.path.insert(0, place)
    for number, name in enumerate(("in", "out", "err")):
        how = os.O_RDONLY if name == "in" else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(os.devnull if name == "in" else job[name], how, 0o600), number)
    sys.stdin, sys.stdout = (
        io.TextIOWrapper(io.FileIO(0)),
        io.TextIOWrapper(io.FileIO(1, "w"), "utf-8"),
    )
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w"), "utf-8", write_through=True)
    hurry(Path(job["slept"]))
    sys.argv = ["ganzoo", *job["words"]]
    if job["file"]:
        runpy.run_path(job["file"], run_name="__main__")
    else:
        from ganzoo.cli.app import main

        main()


def ended(job: dict[str, Any]) -> int:
    """The exit code of a job in this process."""
    code: object = 0
    try:
        become(job)
    except SystemExit as end:
        code = end.code
    except BaseException:  # as the interpreter does at its end
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    return code if isinstance(code, int) else int(code is not None)


def main() -> None:
    prepare()
    print("ready", flush=True)
    for line in sys.stdin:
        number = os.fork()
        if number == 0:
            os._exit(ended(json.loads(line)))
        print(number, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
