"""A small class-conditional GAN: the label is an input, class names come from the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from ganzoo.config import Channels, Config, Count, Pixels, Rate, Width, override
from ganzoo.data.spec import Data, Facts, Labels, Picture
from ganzoo.inputs import Label, Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from tiny_class.model import TinyClass


class TinyClassConfig(Config, frozen=True, kw_only=True):
    channels: Channels = 1
    size: Pixels = 28
    classes: Annotated[tuple[str, ...], Meta(min_length=1, max_length=1000)] = tuple("0123456789")
    latent: Width = 8
    width: Width = 32
    lr: Rate = 2e-3
    steps: Count = 20
    batch: Count = 8


def adapt(config: TinyClassConfig, facts: Facts) -> TinyClassConfig:
    facts.require("images")
    known = {"channels": facts.channels, "size": facts.size, "classes": facts.classes}
    return override(
        config, {name: value for name, value in known.items() if value}, f"data {facts.name!r}"
    )


def build(config: TinyClassConfig) -> TinyClass:
    from tiny_class.model import TinyClass

    return TinyClass(config)


plugin = Plugin(
    name="tiny_class",
    summary="Class-conditional GAN of two small perceptrons",
    paper="https://arxiv.org/abs/1411.1784",
    config=TinyClassConfig,
    tiny=TinyClassConfig(size=8, classes=("circle", "cross", "square"), width=8, latent=4),
    presets={"wide": TinyClassConfig(width=64)},
    data=lambda c: Data({"image": Picture(c.channels, c.size), "label": Labels(len(c.classes))}),
    adapt=adapt,
    inputs=lambda c: {"latent": Latent(c.latent), "label": Label(c.classes)},
    output=lambda c: Picture(c.channels, c.size),
    build=build,
)
