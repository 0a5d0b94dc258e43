"""Checks of what `build` makes: weights, names, phases, bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from ganzoo.plugin import Plugin
from ganzoo.sampling.assembly import model_config
from ganzoo.testing.finding import few, must, same
from ganzoo.testing.synthetic import ROWS, built, inputs_of, sampled
from ganzoo.zoo import weights


def build_is_repeatable(plugin: Plugin[Any]) -> None:
    """torch's seed decides the weights, the meta device costs no memory and has the same shapes, `config` is kept."""
    first, second = built(plugin), built(plugin)
    differ = [
        name
        for name, tensor in first.state_dict().items()
        if not same(tensor, second.state_dict()[name])
    ]
    must(
        not differ,
        f"built twice under one seed, {few(differ)} differ; draw initial weights from torch's generator only",
    )
    must(
        first.config == plugin.tiny,
        "GAN.config is not what it was built from; call super().__init__(config)",
    )
    with torch.device("meta"):
        outline = plugin.build(plugin.tiny)
    shapes = [
        {name: tuple(tensor.shape) for name, tensor in gan.state_dict().items()}
        for gan in (first, outline)
    ]
    must(shapes[0] == shapes[1], "built on the meta device, its tensors have other names or shapes")
    real = [name for name, tensor in outline.named_parameters() if not tensor.is_meta]
    must(
        not real,
        f"built on the meta device, {few(real)} take memory; let torch's current device decide",
    )


def state_names_are_plain(plugin: Plugin[Any]) -> None:
    """What is learned belongs to a named child network, and no name carries a wrapper's prefix."""
    gan = built(plugin)
    wrapped = [name for name in gan.state_dict() if {"module", "_orig_mod"} & set(name.split("."))]
    must(not wrapped, f"{few(wrapped)}: leave DataParallel and torch.compile to the core")
    loose = [name for name, _ in gan.named_parameters(recurse=False)]
    must(not loose, f"parameters {few(loose)} lie on the GAN itself; put them into a network")


def phases_name_networks(plugin: Plugin[Any]) -> None:
    """Phases have players, players and `ema` name networks, and each averaged network learns in some phase."""
    gan = built(plugin)
    children, phases = dict(gan.named_children()), gan.phases()
    known = f"(networks: {', '.join(children)})"
    must(bool(phases), "phases() is empty")
    must(len({phase.name for phase in phases}) == len(phases), "two phases have one name")
    for phase in phases:
        must(
            phase.steps >= 1 and phase.batch >= 1 and 0 <= phase.ema < 1,
            f"phase {phase.name!r}: steps, batch or ema out of range",
        )
        must(bool(phase.players), f"phase {phase.name!r} has no players")
        for title, player in phase.players.items():
            who = f"player {title!r} of phase {phase.name!r}"
            must(bool(player.networks), f"{who} moves no network")
            for name in player.networks:
                must(name in children, f"{who} names network {name!r}, which is no child {known}")
                must(
                    any(True for _ in children[name].parameters()),
                    f"{who} names network {name!r}, which has no parameters",
                )
    must(
        isinstance(gan.ema, tuple) and bool(gan.ema),
        "ema is empty: name the networks that `sample` uses, as a tuple",
    )
    moved = {
        name for phase in phases for player in phase.players.values() for name in player.networks
    }
    for name in gan.ema:
        must(name in children, f"ema names network {name!r}, which is no child {known}")
        learns = name in moved or not list(children[name].parameters())
        must(learns, f"ema names network {name!r}, which no player of any phase moves")


def weights_survive_a_round_trip(plugin: Plugin[Any]) -> None:
    """The `ema` networks, saved and strictly loaded into a newly built GAN, are all that `sample` needs."""
    gan, other = built(plugin, seed=0), built(plugin, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, weights.MODEL)
        weights.save(
            path,
            weights.networks(gan, gan.ema),
            weights.metadata(model_config(plugin, gan)),
            half=False,
        )
        weights.load(path, weights.networks(other, other.ema))
    inputs = inputs_of(plugin, ROWS)
    expected, actual = sampled(gan, inputs), sampled(other, inputs)
    differ = [name for name in expected if not torch.equal(expected[name], actual[name])]
    must(
        not differ,
        f"loaded from its weights file, {few(differ)} differ: `sample` uses state outside the networks {gan.ema}",
    )
