"""Checks of the plugin's record, which needs no torch."""

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
from ganzoo.testing.finding import Nonconforming, require_that
from ganzoo.testing.synthetic import CHECKED_ROWS, describe_data
from ganzoo.zoo import registry

HEAVY_MODULES = "torch", "torchvision", "numpy"
"""Modules that neither the import of a plugin nor its record may import."""


def record_and_entry_point_agree(plugin: Plugin[Any]) -> None:
    """Name, summary and paper are well-formed; the entry point of that name gives this record."""
    legal = bool(re.fullmatch("[a-z0-9][a-z0-9_]*", plugin.name))
    require_that(
        legal, f"name {plugin.name!r}: use a-z, 0-9 and _ (weights are named <name>-<tag>)"
    )
    lines = plugin.summary.strip().splitlines()
    require_that(
        len(lines) == 1 and len(lines[0]) <= 100, "summary: give one line of up to 100 characters"
    )
    require_that(
        plugin.paper.startswith(("https://", "http://")), f"paper {plugin.paper!r}: give a link"
    )
    require_that(
        registry.get(plugin.name) is plugin,
        f"the entry point {plugin.name!r} of group {registry.GROUP} gives another record",
    )


def import_is_light(plugin: Plugin[Any]) -> None:
    """A new process that reads the record's data, inputs and output imports no torch or numpy."""
    program = (
        "import sys; from ganzoo.zoo import registry; p = registry.get(sys.argv[1])\n"
        "for c in (p.tiny, p.config()):\n"
        "    p.data(c), p.output(c), [i.describe() for i in p.inputs(c).values()]\n"
        f"print(*[m for m in {HEAVY_MODULES} if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", program, plugin.name],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    require_that(
        done.returncode == 0,
        f"a fresh process cannot load it: {done.stderr.strip().splitlines()[-1:]}",
    )
    heavy = done.stdout.split()
    require_that(
        not heavy,
        f"importing the plugin imports {', '.join(heavy)}; "
        "import them (and modules that do) inside `build`",
    )


def config_is_strict(plugin: Plugin[Any]) -> None:
    """The config is frozen, fully defaulted, refuses unknown keys; all presets survive JSON."""
    kind = plugin.config
    require_that(issubclass(kind, Config), f"{kind.__name__} is not a ganzoo.config.Config")
    require_that(
        kind.__struct_config__.frozen,
        f"declare it `class {kind.__name__}(Config, frozen=True, kw_only=True)`",
    )
    bare = [field.name for field in msgspec.structs.fields(kind) if field.required]
    require_that(not bare, f"give {', '.join(bare)} the paper's default")
    for where, config in {"its defaults": kind(), "tiny": plugin.tiny, **plugin.presets}.items():
        require_that(
            type(config) is kind, f"{where}: a {type(config).__name__}, not a {kind.__name__}"
        )
        again = convert(msgspec.json.decode(msgspec.json.encode(config)), kind, where)
        require_that(again == config, f"{where}: comes back from JSON as {again}")
    try:
        convert({**plain(plugin.tiny), "no_such_setting": 1}, kind, "tiny")
    except ConfigError:
        return
    raise Nonconforming(f"{kind.__name__} accepts unknown keys; leave `forbid_unknown_fields` on")


def config_is_bounded(plugin: Plugin[Any]) -> None:
    """Every number and every list has an upper bound: no small file can ask for a giant network."""
    found = list(_list_unbounded(msgspec.json.schema(plugin.config)))
    require_that(
        not found,
        f"without upper bounds: {', '.join(found)}; "
        "use ganzoo.config.Width and its kin, or msgspec.Meta(le=...)",
    )


def adapt_gives_a_config(plugin: Plugin[Any]) -> None:
    """`adapt` returns a valid config, and the same one when called again with the same facts."""
    facts = describe_data(plugin.data(plugin.tiny))
    adapted = plugin.adapt(plugin.tiny, facts)
    require_that(
        type(adapted) is plugin.config,
        f"adapt returns a {type(adapted).__name__}, not a {plugin.config.__name__}",
    )
    convert(plain(adapted), plugin.config, "adapted")
    require_that(
        plugin.adapt(adapted, facts) == adapted,
        "adapt, given the same facts again, changes its own result",
    )


def inputs_follow_their_rows(plugin: Plugin[Any]) -> None:
    """Examples have one row a sample, on the CPU; row i does not depend on the other rows."""
    for name, spec in plugin.inputs(plugin.tiny).items():
        require_that(
            name.isidentifier(),
            f"input {name!r}: use a Python identifier, it is a keyword of `sample`",
        )
        whole, part = (
            spec.example(name, Rows(3, CHECKED_ROWS)),
            spec.example(name, Rows(3, 2, start=2, total=CHECKED_ROWS)),
        )
        require_that(
            len(whole) == CHECKED_ROWS and len(part) == 2,
            f"input {name!r}: {len(whole)} rows for {CHECKED_ROWS} samples",
        )
        require_that(
            whole.device.type == "cpu", f"input {name!r}: drawn on {whole.device}; draw on the CPU"
        )
        same = torch.equal(whole[2:4], part)
        require_that(
            same,
            f"input {name!r}: row 2 depends on the rows drawn with it; "
            "draw each row from `rows.streams(name)`",
        )


def _list_unbounded(node: Any, where: str = "") -> Iterator[str]:
    """Fields of a JSON schema: numbers without maximum, lists without maximal length."""
    if isinstance(node, list):
        for part in node:
            yield from _list_unbounded(part, where)
    if not isinstance(node, dict):
        return
    bounds = {"maximum", "exclusiveMaximum", "enum"}
    number = node.get("type") in ("integer", "number") and bounds.isdisjoint(node)
    if number or (node.get("type") == "array" and "maxItems" not in node):
        yield where
    for name, part in node.get("properties", {}).items():
        yield from _list_unbounded(part, f"{where}.{name}".lstrip("."))
    for part in node.get("$defs", {}).values():
        yield from _list_unbounded(part, where)
    for key in ("anyOf", "items", "prefixItems", "additionalProperties"):
        yield from _list_unbounded(node.get(key), where)
