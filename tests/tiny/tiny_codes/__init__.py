"""A small InfoGAN: the trunk and the generator each belong to two players."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from ganzoo.config import Channels, Config, Count, Pixels, Positive, Rate, Width
from ganzoo.data.spec import Data, Picture
from ganzoo.inputs import Codes, Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from tiny_codes.model import TinyCodes


class TinyCodesConfig(Config, frozen=True, kw_only=True):
    channels: Channels = 1
    size: Pixels = 28
    category: Annotated[int, Meta(ge=2, le=100)] = 10
    continuous: Annotated[int, Meta(ge=1, le=16)] = 2
    latent: Width = 8
    width: Width = 32
    information: Positive = 1.0
    lr: Rate = 2e-3
    steps: Count = 20
    batch: Count = 8


def build(config: TinyCodesConfig) -> TinyCodes:
    from tiny_codes.model import TinyCodes

    return TinyCodes(config)


plugin = Plugin(
    name="tiny_codes",
    summary="InfoGAN of small perceptrons",
    paper="https://arxiv.org/abs/1606.03657",
    config=TinyCodesConfig,
    tiny=TinyCodesConfig(size=8, category=3, width=8, latent=4),
    data=lambda c: Data({"image": Picture(c.channels, c.size)}),
    inputs=lambda c: {"latent": Latent(c.latent), "code": Codes((c.category,), c.continuous)},
    output=lambda c: Picture(c.channels, c.size),
    build=build,
)
