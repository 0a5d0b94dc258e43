"""A small CycleGAN: two domains, an image and a direction as inputs, pools as state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from ganzoo.config import Channels, Config, Count, Pixels, Positive, Rate, Width, override
from ganzoo.data.spec import Data, Facts, Picture
from ganzoo.inputs import Choice, Image
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from tiny_unpaired.model import TinyUnpaired


class TinyUnpairedConfig(Config, frozen=True, kw_only=True):
    domains: tuple[str, str] = ("A", "B")
    channels: Channels = 3
    size: Pixels = 32
    width: Width = 8
    pool: Annotated[int, Meta(ge=1, le=500)] = 50
    cycle: Positive = 10.0
    lr: Rate = 2e-3
    steps: Count = 20
    batch: Count = 2


def adapt(config: TinyUnpairedConfig, facts: Facts) -> TinyUnpairedConfig:
    facts.require("images")
    return override(
        config, {"domains": facts.domains} if facts.domains else {}, f"data {facts.name!r}"
    )


def directions(config: TinyUnpairedConfig) -> tuple[str, str]:
    a, b = config.domains
    return (f"{a}2{b}", f"{b}2{a}")


def build(config: TinyUnpairedConfig) -> TinyUnpaired:
    from tiny_unpaired.model import TinyUnpaired

    return TinyUnpaired(config)


plugin = Plugin(
    name="tiny_unpaired",
    summary="CycleGAN of a few convolutions",
    paper="https://arxiv.org/abs/1703.10593",
    config=TinyUnpairedConfig,
    tiny=TinyUnpairedConfig(size=8, width=4, pool=3),
    data=lambda c: Data(
        {domain: Picture(c.channels, c.size) for domain in c.domains}, unpaired=True
    ),
    adapt=adapt,
    inputs=lambda c: {"image": Image(c.channels, halo=2), "direction": Choice(directions(c))},
    output=lambda c: Picture(c.channels),
    build=build,
)
