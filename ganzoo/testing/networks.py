"""Checks of what `build` returns: weights, names, phases."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from ganzoo.plugin import Plugin
from ganzoo.sampling.assembly import model_config
from ganzoo.testing.finding import equal_bits, list_first, require_that
from ganzoo.testing.synthetic import CHECKED_ROWS, build_tiny, draw_inputs, draw_samples
from ganzoo.zoo import weights


def build_is_repeatable(plugin: Plugin[Any]) -> None:
    """torch's seed decides the weights; on the meta device no memory is used; `config` is kept."""
    first, second = build_tiny(plugin), build_tiny(plugin)
    state, again = first.state_dict(), second.state_dict()
    differ = list_first(name for name in state if not equal_bits(state[name], again[name]))
    hint = "draw initial weights from torch's generator only"
    require_that(not differ, f"built twice under one seed, {differ} differ; {hint}")
    hint = "call super().__init__(config)"
    require_that(first.config == plugin.tiny, f"GAN.config is not what it was built from; {hint}")
    with torch.device("meta"):
        outline = plugin.build(plugin.tiny)
    expected = {name: tensor.shape for name, tensor in state.items()}
    shapes = {name: tensor.shape for name, tensor in outline.state_dict().items()}
    message = "built on the meta device, its tensors have other names or shapes"
    require_that(shapes == expected, message)
    real = list_first(name for name, tensor in outline.named_parameters() if not tensor.is_meta)
    hint = "let torch's current device decide"
    require_that(not real, f"built on the meta device, {real} take memory; {hint}")


def state_names_are_plain(plugin: Plugin[Any]) -> None:
    """Parameters belong to named child networks; no name has the prefix of a wrapper."""
    gan = build_tiny(plugin)
    wrapped = [name for name in gan.state_dict() if {"module", "_orig_mod"} & set(name.split("."))]
    hint = "leave DataParallel and torch.compile to the core"
    require_that(not wrapped, f"{list_first(wrapped)}: {hint}")
    loose = list_first(name for name, _ in gan.named_parameters(recurse=False))
    require_that(not loose, f"parameters {loose} lie on the GAN itself; put them into a network")


def phases_name_networks(plugin: Plugin[Any]) -> None:
    """Phases have players; players and `ema` name networks; each averaged network learns."""
    gan = build_tiny(plugin)
    children, phases = dict(gan.named_children()), gan.phases()
    known = f"(networks: {', '.join(children)})"
    require_that(bool(phases), "phases() is empty")
    require_that(len({phase.name for phase in phases}) == len(phases), "two phases have one name")
    moved: set[str] = set()
    for phase in phases:
        where = f"phase {phase.name!r}"
        valid = phase.steps >= 1 and phase.batch >= 1 and 0 <= phase.ema < 1
        require_that(valid, f"{where}: steps, batch or ema out of range")
        require_that(bool(phase.players), f"{where} has no players")
        for title, player in phase.players.items():
            who = f"player {title!r} of {where}"
            require_that(bool(player.networks), f"{who} moves no network")
            moved.update(player.networks)
            for name in player.networks:
                require_that(
                    name in children, f"{who} names network {name!r}, which is no child {known}"
                )
                learns = any(True for _ in children[name].parameters())
                require_that(learns, f"{who} names network {name!r}, which has no parameters")
    hint = "name the networks that `sample` uses, as a tuple"
    require_that(isinstance(gan.ema, tuple) and bool(gan.ema), f"ema is empty: {hint}")
    for name in gan.ema:
        require_that(name in children, f"ema names network {name!r}, which is no child {known}")
        learns = name in moved or not list(children[name].parameters())
        require_that(learns, f"ema names network {name!r}, which no player of any phase moves")


def weights_survive_a_round_trip(plugin: Plugin[Any]) -> None:
    """The `ema` networks, saved and strictly loaded into a new GAN, are all that `sample` needs."""
    gan, other = build_tiny(plugin, seed=0), build_tiny(plugin, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, weights.MODEL)
        metadata = weights.build_metadata(model_config(plugin, gan))
        weights.save_tensors(path, weights.collect_tensors(gan, gan.ema), metadata, half=False)
        weights.load_tensors(path, weights.collect_tensors(other, other.ema))
    inputs = draw_inputs(plugin, CHECKED_ROWS)
    expected, actual = draw_samples(gan, inputs), draw_samples(other, inputs)
    differ = list_first(name for name in expected if not torch.equal(expected[name], actual[name]))
    hint = f"`sample` uses state outside the networks {gan.ema}"
    require_that(not differ, f"loaded from its weights file, {differ} differ: {hint}")
