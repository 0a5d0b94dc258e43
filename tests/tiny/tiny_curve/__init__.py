"""A small Wasserstein GAN of curves: several critic steps a generator step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from ganzoo.config import Config, Count, Positive, Rate, Width, override
from ganzoo.data.spec import Curve, Data, Facts
from ganzoo.inputs import Latent
from ganzoo.plugin import Plugin

if TYPE_CHECKING:
    from tiny_curve.model import TinyCurve

Place = Annotated[float, Meta(ge=-1e6, le=1e6)]


class TinyCurveConfig(Config, frozen=True, kw_only=True):
    length: Width = 64
    low: Place = -1.0
    high: Place = 1.0
    latent: Width = 4
    width: Width = 32
    critic_steps: Annotated[int, Meta(ge=1, le=100)] = 2
    penalty: Positive = 10.0
    lr: Rate = 1e-3
    steps: Count = 20
    batch: Count = 8


def adapt(config: TinyCurveConfig, facts: Facts) -> TinyCurveConfig:
    facts.require("curves")
    return override(
        config, {"length": facts.dims, "low": facts.low, "high": facts.high}, f"data {facts.name!r}"
    )


def build(config: TinyCurveConfig) -> TinyCurve:
    from tiny_curve.model import TinyCurve

    return TinyCurve(config)


plugin = Plugin(
    name="tiny_curve",
    summary="Wasserstein GAN of curves with gradient penalty",
    paper="https://arxiv.org/abs/1704.00028",
    config=TinyCurveConfig,
    tiny=TinyCurveConfig(length=12, latent=2, width=8),
    data=lambda c: Data({"curve": Curve(c.length, c.low, c.high)}),
    adapt=adapt,
    inputs=lambda c: {"latent": Latent(c.latent, law="uniform")},
    output=lambda c: Curve(c.length, c.low, c.high),
    build=build,
)
