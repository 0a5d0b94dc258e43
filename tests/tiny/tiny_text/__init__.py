"""A small StackGAN: three phases, a vocabulary from the captions, a view of stage 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from ganzoo.config import Config, Count, Pixels, Rate, Width, override
from ganzoo.data.spec import Captions, Data, Facts, Picture
from ganzoo.inputs import Latent, Text
from ganzoo.plugin import Plugin
from ganzoo.text import vocabulary

if TYPE_CHECKING:
    from tiny_text.model import TinyText


class TinyTextConfig(Config, frozen=True, kw_only=True):
    size: Pixels = 32
    vocabulary: Annotated[tuple[str, ...], Meta(max_length=5000)] = ()
    words: Annotated[int, Meta(ge=1, le=64)] = 8
    meaning: Width = 16
    latent: Width = 8
    width: Width = 32
    lr: Rate = 2e-3
    steps: Count = 20
    batch: Count = 8

    def __post_init__(self) -> None:
        if self.size % 2:
            raise ValueError(f"size {self.size} is odd; stage 1 is half of it")


def adapt(config: TinyTextConfig, facts: Facts) -> TinyTextConfig:
    return override(
        config, {"vocabulary": vocabulary(facts.captions(), limit=5000)}, f"data {facts.name!r}"
    )


def build(config: TinyTextConfig) -> TinyText:
    from tiny_text.model import TinyText

    return TinyText(config)


plugin = Plugin(
    name="tiny_text",
    summary="StackGAN of small perceptrons",
    paper="https://arxiv.org/abs/1612.03242",
    config=TinyTextConfig,
    tiny=TinyTextConfig(
        size=8,
        vocabulary=("a", "blue", "circle", "red", "square"),
        words=4,
        meaning=4,
        latent=4,
        width=8,
        steps=4,
    ),
    data=lambda c: Data({"image": Picture(3, c.size), "caption": Captions(c.vocabulary, c.words)}),
    adapt=adapt,
    inputs=lambda c: {"latent": Latent(c.latent), "text": Text(c.vocabulary, c.words)},
    output=lambda c: Picture(3, c.size),
    build=build,
)
