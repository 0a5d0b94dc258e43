"""Conformance checks: does an architecture keep the contract of a plugin?

    from ganzoo.testing import check_plugin
    check_plugin("mygan")    # raises Nonconforming, which lists what to change

A check is a function of a plugin that returns or raises Nonconforming. Checks use the `tiny` config
and synthetic data, on the CPU.
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
"""A conformance check; its name says what must hold."""


@dataclass(frozen=True)
class Result:
    """Result of a check. `detail`: what to change; empty when it passed."""

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


def run_checks(name: str) -> list[Result]:
    """Run every check of the plugin called `name`. Raises what `registry.get` raises."""
    plugin = registry.get(name)
    return [run_check(check, plugin) for check in checks()]


def run_check(check: Check, plugin: Plugin[Any]) -> Result:
    """Run one check; torch's random state is restored."""
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            check(plugin)
    except Nonconforming as error:
        return Result(check.__name__, False, str(error))
    except Exception as error:  # a plugin may raise anything
        return Result(check.__name__, False, f"{type(error).__name__}: {error}")
    return Result(check.__name__, True)


def check_plugin(name: str) -> None:
    """Run every check of a plugin; raises Nonconforming, which lists the failed ones."""
    failed = [result for result in run_checks(name) if not result.passed]
    if failed:
        lines = "".join(f"\n  {result.name}: {result.detail}" for result in failed)
        count = f"{len(failed)} of {len(checks())} checks"
        raise Nonconforming(f"plugin {name!r} breaks the contract in {count}:{lines}")
