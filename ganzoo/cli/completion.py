"""What a shell may offer for the words of a command. Imported only when a shell asks."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

Source = Callable[[Any], Iterable[str]]
"""Names to offer, from the context of the words so far."""


@dataclass(frozen=True)
class Item:
    """One offer, as click's shells read it."""

    value: str
    help: str | None = None
    type: str = "plain"


def words() -> list[str]:
    """The words on the command line that a shell asks about, without `ganzoo`."""
    text = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    try:
        return shlex.split(text)[1:]
    except ValueError:  # a quote is still open
        return text.split()[1:]


def prepare(command: Any, path: str) -> None:
    """Let the parameters of the command `path` (as `cache rm`) offer names."""
    for parameter in command.params:
        source = SOURCES.get(f"{path} {parameter.name}") or SOURCES.get(parameter.name or "")
        if source is not None:
            parameter.shell_complete = partial(_complete, source)


def _complete(source: Source, context: Any, incomplete: str) -> list[Item]:
    try:
        return [Item(name) for name in source(context) if name.startswith(incomplete)]
    except Exception:  # a shell that completes has no place for an error
        return []


def _plugins(_: Any) -> list[str]:
    from ganzoo.zoo import registry

    return registry.list_names()


def _weights(_: Any) -> list[str]:
    from ganzoo.zoo import manifest

    return list(manifest.list_models())


def _both(context: Any) -> list[str]:
    return [*_plugins(context), *_weights(context)]


def _presets(_: Any) -> list[str]:
    """Those of the plugin on the line, which click has not read yet where the last word is an option's name."""
    from ganzoo.zoo import registry

    return list(
        registry.get(next(word for word in words() if word in registry.list_names())).presets
    )


SOURCES: dict[str, Source] = {
    "list pattern": _both,
    "info name": _both,
    "pull name": _weights,
    "publish model": _weights,
    "replay model": _weights,
    "sample model": _weights,
    "train plugin": _plugins,
    "explore model": _weights,
    "explore view": lambda _: import_module("ganzoo.cli.explore").VIEWS,
    "export model": _weights,
    "export kind": lambda _: ("onnx", "torch-export"),
    "finetune model": _weights,
    "import plugin": _plugins,
    "train preset": _presets,
    "check names": _plugins,
    "verify names": _weights,
    "eval names": _weights,
    "bench name": _weights,
    "device": lambda _: ("auto", "cpu", "cuda", "mps"),
    "precision": lambda _: ("auto", "bf16", "fp32"),
}
"""By command and parameter, or by the parameter alone."""
