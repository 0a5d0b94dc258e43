"""Conformance: does an architecture keep the contract? The same checks for the project's plugins and for yours.

    from ganzoo.testing import check_plugin
    check_plugin("mygan")                            # raises Nonconforming, which lists what to change

Each check is a plain function of a plugin's record that returns, or raises Nonconforming. They use the record's `tiny`
configuration and made-up data, on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ganzoo.plugin import Plugin
from ganzoo.testing import networks, record, samples, training
from ganzoo.testing.finding import Nonconforming as Nonconforming
from ganzoo.zoo import registry

Check = Callable[[Plugin[Any]], None]
"""A conformance check; its name says what is kept."""


@dataclass(frozen=True)
class Result:
    """How one check went. `detail`: what to change, empty when it passed."""

    name: str
    passed: bool
    detail: str = ""


def checks() -> tuple[Check, ...]:
    """All conformance checks, cheap ones first."""
    return (
        record.record_and_entry_point_agree,
        record.import_is_light,
        record.config_is_strict,
        record.config_is_bounded,
        record.adapt_gives_a_config,
        record.inputs_follow_their_rows,
        networks.build_is_repeatable,
        networks.state_names_are_plain,
        networks.phases_name_networks,
        training.only_the_player_moves,
        training.losses_are_finite,
        training.losses_draw_from_the_step,
        training.bf16_is_finite,
        samples.samples_are_as_declared,
        samples.rows_are_independent,
        samples.sample_changes_nothing,
        samples.encode_gives_inputs,
        samples.meaning_stands_for_text,
        networks.weights_survive_a_round_trip,
        training.a_restart_changes_nothing,
    )


def run(name: str) -> list[Result]:
    """Every check of the plugin called `name`, whether or not others fail. Raises what `registry.get` raises."""
    return examine(registry.get(name))


def examine(plugin: Plugin[Any]) -> list[Result]:
    """Every check of a record."""
    return [outcome(check, plugin) for check in checks()]


def outcome(check: Check, plugin: Plugin[Any]) -> Result:
    """One check of one record, with torch's random state kept as it was."""
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            check(plugin)
    except Nonconforming as error:
        return Result(check.__name__, False, str(error))
    except Exception as error:  # whatever a stranger's code raises is this check's finding
        return Result(check.__name__, False, f"{type(error).__name__}: {error}")
    return Result(check.__name__, True)


def check_plugin(name: str) -> None:
    """Raises Nonconforming, listing every failed check, unless the plugin called `name` keeps the whole contract."""
    failed = [result for result in run(name) if not result.passed]
    if failed:
        lines = "".join(f"\n  {result.name}: {result.detail}" for result in failed)
        raise Nonconforming(
            f"plugin {name!r} breaks the contract in {len(failed)} of {len(checks())} checks:{lines}"
        )
