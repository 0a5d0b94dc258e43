"""Checks of the light record: what can be said of a plugin without torch."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import torch

from ganzoo.config import Config, convert, plain
from ganzoo.errors import ConfigError
from ganzoo.inputs import Rows
from ganzoo.plugin import Plugin
from ganzoo.testing.finding import Nonconforming, must
from ganzoo.testing.synthetic import ROWS, facts_of
from ganzoo.zoo import registry

LIGHT = "torch", "torchvision", "numpy"
"""What importing a plugin, and asking its record, must not import."""


def record_and_entry_point_agree(plugin: Plugin[Any]) -> None:
    """Name, summary and paper can be shown; the entry point of that name gives this record."""
    legal = bool(re.fullmatch("[a-z0-9][a-z0-9_]*", plugin.name))
    must(legal, f"name {plugin.name!r}: use a-z, 0-9 and _ (weights are named <name>-<tag>)")
    lines = plugin.summary.strip().splitlines()
    must(len(lines) == 1 and len(lines[0]) <= 100, "summary: give one line of up to 100 characters")
    must(plugin.paper.startswith(("https://", "http://")), f"paper {plugin.paper!r}: give a link")
    must(
        registry.get(plugin.name) is plugin,
        f"the entry point {plugin.name!r} of group {registry.GROUP} gives another record",
    )


def import_is_light(plugin: Plugin[Any]) -> None:
    """A fresh process that loads the record and asks it for data, inputs and output has not imported torch or numpy."""
    program = (
        "import sys; from ganzoo.zoo import registry; p = registry.get(sys.argv[1])\n"
        "for c in (p.tiny, p.config()):\n"
        "    p.data(c), p.output(c), [i.describe() for i in p.inputs(c).values()]\n"
        f"print(*[m for m in {LIGHT} if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", program, plugin.name],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    must(
        done.returncode == 0,
        f"a fresh process cannot load it: {done.stderr.strip().splitlines()[-1:]}",
    )
    heavy = done.stdout.split()
    must(
        not heavy,
        f"importing the plugin imports {', '.join(heavy)}; import them (and modules that do) inside `build`",
    )


def config_is_strict(plugin: Plugin[Any]) -> None:
    """The configuration is frozen and fully defaulted, refuses unknown keys; defaults, tiny and presets survive JSON."""
    kind = plugin.config
    must(issubclass(kind, Config), f"{kind.__name__} is not a ganzoo.config.Config")
    must(
        kind.__struct_config__.frozen,
        f"declare it `class {kind.__name__}(Config, frozen=True, kw_only=True)`",
    )
    bare = [field.name for field in msgspec.structs.fields(kind) if field.required]
    must(not bare, f"give {', '.join(bare)} the paper's default")
    for where, config in {"its defaults": kind(), "tiny": plugin.tiny, **plugin.presets}.items():
        must(type(config) is kind, f"{where}: a {type(config).__name__}, not a {kind.__name__}")
        again = convert(msgspec.json.decode(msgspec.json.encode(config)), kind, where)
        must(again == config, f"{where}: comes back from JSON as {again}")
    try:
        convert({**plain(plugin.tiny), "no_such_setting": 1}, kind, "tiny")
    except ConfigError:
        return
    raise Nonconforming(f"{kind.__name__} accepts unknown keys; leave `forbid_unknown_fields` on")


def config_is_bounded(plugin: Plugin[Any]) -> None:
    """Every number has a largest value and every list a greatest length, so a small file cannot ask for a giant network."""
    found = list(_unbounded(msgspec.json.schema(plugin.config)))
    must(
        not found,
        f"without upper bounds: {', '.join(found)}; use ganzoo.config.Width and its kin, or msgspec.Meta(le=...)",
    )


def adapt_gives_a_config(plugin: Plugin[Any]) -> None:
    """Facts of fitting data give a valid configuration, whose own data those facts still fit."""
    facts = facts_of(plugin.data(plugin.tiny))
    adapted = plugin.adapt(plugin.tiny, facts)
    must(
        type(adapted) is plugin.config,
        f"adapt returns a {type(adapted).__name__}, not a {plugin.config.__name__}",
    )
    convert(plain(adapted), plugin.config, "adapted")
    must(
        plugin.adapt(adapted, facts) == adapted,
        "adapt, given the same facts again, changes its own result",
    )


def inputs_follow_their_rows(plugin: Plugin[Any]) -> None:
    """Examples have one row a sample, on the CPU, and row i is the same whatever stands around it."""
    for name, spec in plugin.inputs(plugin.tiny).items():
        must(
            name.isidentifier(),
            f"input {name!r}: use a Python identifier, it is a keyword of `sample`",
        )
        whole, part = (
            spec.example(name, Rows(3, ROWS)),
            spec.example(name, Rows(3, 2, start=2, total=ROWS)),
        )
        must(
            len(whole) == ROWS and len(part) == 2,
            f"input {name!r}: {len(whole)} rows for {ROWS} samples",
        )
        must(
            whole.device.type == "cpu", f"input {name!r}: drawn on {whole.device}; draw on the CPU"
        )
        same = torch.equal(whole[2:4], part)
        must(
            same,
            f"input {name!r}: row 2 depends on the rows asked for with it; draw each row from `rows.streams(name)`",
        )


def _unbounded(node: Any, where: str = "") -> Iterator[str]:
    """Fields of a JSON schema that are numbers without a maximum or lists without a greatest length."""
    if isinstance(node, list):
        for part in node:
            yield from _unbounded(part, where)
    if not isinstance(node, dict):
        return
    number = node.get("type") in ("integer", "number") and not {
        "maximum",
        "exclusiveMaximum",
        "enum",
    } & set(node)
    if number or (node.get("type") == "array" and "maxItems" not in node):
        yield where
    for name, part in node.get("properties", {}).items():
        yield from _unbounded(part, f"{where}.{name}".lstrip("."))
    for part in node.get("$defs", {}).values():
        yield from _unbounded(part, where)
    for key in ("anyOf", "items", "prefixItems", "additionalProperties"):
        yield from _unbounded(node.get(key), where)
