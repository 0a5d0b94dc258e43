"""Every plugin keeps the contract, and every check notices when one does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from ganzoo import testing
from ganzoo.config import Config, Count, Width, override
from ganzoo.errors import UnknownPlugin
from ganzoo.gan import GAN, MEANING, Phase, Player, Update
from ganzoo.inputs import Input, Rows
from ganzoo.plugin import Plugin
from ganzoo.spec import Picture
from ganzoo.zoo import registry

TinyText: Any = type(registry.get("tiny_text").build(registry.get("tiny_text").tiny))
CHECKS = {check.__name__: check for check in testing.checks()}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", registry.list_names())
def test_every_plugin_keeps_the_contract(name: str, check: str) -> None:
    result = testing.run_check(CHECKS[check], registry.get(name))
    assert result.passed, result.detail


# ---- broken on purpose: (check, words its finding must hold, the broken record)


def variant(
    name: str, after: Callable[[GAN[Any]], object] | None = None, **members: Any
) -> Plugin[Any]:
    """The plugin `name` with some members of its GAN replaced, and `after` run on each that is
    built."""
    plugin = registry.get(name)

    def build(config: Any) -> GAN[Any]:
        gan = plugin.build(config)
        gan.__class__ = type("Broken", (type(gan),), members)
        if after:
            after(gan)
        return gan

    return replace(plugin, build=build)


def record(name: str = "tiny_class", /, **changes: Any) -> Plugin[Any]:
    return replace(registry.get(name), **changes)


def configured(kind: type[Config]) -> Plugin[Any]:
    return record(config=kind, tiny=kind(), presets={})


class Thawed(Config, frozen=False, kw_only=True):  # type: ignore[misc]
    width: Width = 1


class Bare(Config, frozen=True, kw_only=True):
    width: Width


class Lax(Config, frozen=True, kw_only=True, forbid_unknown_fields=False):
    width: Width = 1


class Outside(Config, frozen=True, kw_only=True):
    steps: Count = 0


class Changing(Config, frozen=True, kw_only=True):
    width: Any = (1, 2)


class Boundless(Config, frozen=True, kw_only=True):
    width: int = 8
    depth: Width = 2
    rate: float | None = None
    widths: tuple[Width, ...] = ()


class Part(msgspec.Struct, frozen=True):
    size: int = 1


class Nested(Config, frozen=True, kw_only=True):
    part: Part = Part()


class OneStream(Input, frozen=True):
    """All rows from the first row's stream."""

    def draw(self, name: str, rows: Rows) -> torch.Tensor:
        return torch.from_numpy(next(rows.streams(name)).standard_normal((rows.count, 2)))

    parse = draw  # type: ignore[assignment]

    def describe(self) -> str:
        return "two numbers"


class TooFew(OneStream):  # type: ignore[misc]
    def draw(self, name: str, rows: Rows) -> torch.Tensor:
        return torch.zeros(1, 2)


def widen(config: Any, facts: object) -> Any:
    return override(config, {"width": config.width + 1})


def with_phases(**changes: Any) -> Plugin[Any]:
    """tiny_class with other arguments of its only phase."""
    return variant(
        "tiny_class",
        phases=lambda self: (Phase(**{"steps": 4, "batch": 8, "players": {}, **changes}),),
    )


def unseeded(gan: GAN[Any]) -> None:
    nn.init.normal_(
        gan.get_submodule("generator.layers.0").weight,  # type: ignore[arg-type]
        generator=torch.Generator().manual_seed(torch.seed()),
    )


def wrapped(gan: GAN[Any]) -> None:
    gan.critic = nn.Sequential()
    gan.critic.module = nn.Linear(1, 1)


def growing(gan: GAN[Any]) -> None:
    gan.get_submodule("generator").extra = nn.Parameter(torch.zeros(3, device="cpu"))


def stale(self: Any, batch: Any, step: Any) -> Iterator[Update]:
    """The generator's loss is computed before the discriminator moves."""
    fake = self.generator(step.noise(len(batch["image"]), self.config.latent), batch["label"])
    judged = self.discriminator(fake, batch["label"]).mean()
    yield Update("discriminator", self.discriminator(fake.detach(), batch["label"]).mean())
    yield Update("generator", -judged)


def meddling(self: Any, batch: Any, step: Any) -> Iterator[Update]:
    """WGAN's clipping done by hand."""
    for parameter in self.discriminator.parameters():
        parameter.data.clamp_(-0.01, 0.01)
    yield from whole(self, batch, step)


def _parent(gan: Any) -> Any:
    return type(gan).__bases__[0]


def whole(self: Any, batch: Any, step: Any) -> Iterator[Update]:
    return _parent(self).losses(self, batch, step)


def each(change: Callable[[Update], Update]) -> Callable[..., Iterator[Update]]:
    def losses(self: Any, batch: Any, step: Any) -> Iterator[Update]:
        for update in whole(self, batch, step):
            yield change(update)

    return losses


def drawing(draw: Callable[[], object]) -> Callable[..., Iterator[Update]]:
    def losses(self: Any, batch: Any, step: Any) -> Iterator[Update]:
        draw()
        yield from whole(self, batch, step)

    return losses


def only(player: str) -> Callable[..., Iterator[Update]]:
    def losses(self: Any, batch: Any, step: Any) -> Iterator[Update]:
        return (update for update in whole(self, batch, step) if update.player == player)

    return losses


def half(self: Any, batch: Any, step: Any) -> Iterator[Update]:
    """A mean taken in bf16 under autocast."""
    yield Update("autoencoder", (self.decoder(self.encoder(batch["image"])[:, :2])).mean())


def dimmed(self: Any, inputs: Any) -> Any:
    """Other pictures where the vector of a sentence is given."""
    made = dict(TinyText.sample(self, inputs))
    return made | {"sample": made["sample"] / (1 + (MEANING in inputs))}


def idle_encoder(self: Any, batch: Any, step: Any) -> Iterator[Update]:
    yield Update("autoencoder", self.decoder(step.noise(4, 2)).square().mean())


def remembering(self: Any, batch: Any, step: Any) -> Iterator[Update]:
    """A running mean that is no buffer."""
    self.__dict__["memory"] = 0.5 * self.__dict__.get("memory", 1.0) + float(batch["image"].mean())
    for update in whole(self, batch, step):
        yield replace(update, loss=update.loss * self.__dict__["memory"])


def sampling(change: Callable[..., Any], name: str = "tiny_vae", after: Any = None) -> Plugin[Any]:
    """`sample` passed through `change(made, inputs, self)`."""

    def sample(self: Any, inputs: Any) -> Any:
        return change(_parent(self).sample(self, inputs), inputs, self)

    return variant(name, after, sample=sample)


def counting(made: torch.Tensor, inputs: Any, self: Any) -> torch.Tensor:
    self.count += 1
    return made


def overwriting(made: torch.Tensor, inputs: Any, self: Any) -> torch.Tensor:
    inputs["latent"].zero_()
    return made


def counter(gan: GAN[Any]) -> None:
    gan.register_buffer("count", torch.zeros(()))


def scale(gan: GAN[Any]) -> None:
    gan.register_buffer("scale", torch.rand(()))


BROKEN: list[tuple[str, str, Callable[[], Plugin[Any]]]] = [
    ("record_and_entry_point_agree", "another record", lambda: record()),
    ("record_and_entry_point_agree", "use a-z", lambda: record(name="Tiny-Class")),
    ("record_and_entry_point_agree", "one line", lambda: record(summary="two\nlines")),
    ("record_and_entry_point_agree", "give a link", lambda: record(paper="Goodfellow 2014")),
    ("record_and_entry_point_agree", "no plugin", lambda: record(name="nobody")),
    ("import_is_light", "cannot load", lambda: record(name="nobody")),
    ("config_is_strict", "frozen=True", lambda: configured(Thawed)),
    ("config_is_strict", "default", lambda: record(config=Bare, tiny=Bare(width=1))),
    ("config_is_strict", "unknown keys", lambda: configured(Lax)),
    ("config_is_strict", "its defaults: Expected `int` >= 1", lambda: configured(Outside)),
    ("config_is_strict", "back from JSON", lambda: configured(Changing)),
    ("config_is_strict", "not a ganzoo.config.Config", lambda: record(config=Part, tiny=Part())),
    ("config_is_strict", "odd: a Nested", lambda: record(presets={"odd": Nested()})),
    ("config_is_bounded", "width, rate, widths;", lambda: configured(Boundless)),
    ("config_is_bounded", "size", lambda: configured(Nested)),
    ("adapt_gives_a_config", "returns a Nested", lambda: record(adapt=lambda c, f: Nested())),
    ("adapt_gives_a_config", "its own result", lambda: record(adapt=widen)),
    (
        "inputs_follow_their_rows",
        "rows.streams",
        lambda: record(inputs=lambda c: {"latent": OneStream()}),
    ),
    (
        "inputs_follow_their_rows",
        "1 rows for 5",
        lambda: record(inputs=lambda c: {"latent": TooFew()}),
    ),
    (
        "inputs_follow_their_rows",
        "identifier",
        lambda: record(inputs=lambda c: {"my latent": OneStream()}),
    ),
    (
        "build_is_repeatable",
        "generator.layers.0.weight differ",
        lambda: variant("tiny_class", unseeded),
    ),
    ("build_is_repeatable", "take memory", lambda: variant("tiny_class", growing)),
    (
        "build_is_repeatable",
        "GAN.config",
        lambda: variant("tiny_class", lambda gan: setattr(gan, "config", None)),
    ),
    ("state_names_are_plain", "critic.module.weight", lambda: variant("tiny_class", wrapped)),
    (
        "state_names_are_plain",
        "GAN itself",
        lambda: variant("tiny_class", lambda g: setattr(g, "w", nn.Parameter(torch.ones(1)))),
    ),
    ("phases_name_networks", "empty", lambda: variant("tiny_class", phases=lambda self: ())),
    ("phases_name_networks", "no players", lambda: with_phases()),
    (
        "phases_name_networks",
        "moves no network",
        lambda: with_phases(players={"x": Player(networks=())}),
    ),
    (
        "phases_name_networks",
        "'critc', which is no child",
        lambda: with_phases(players={"x": Player(networks=("critc",))}),
    ),
    ("phases_name_networks", "out of range", lambda: with_phases(ema=1.0)),
    (
        "phases_name_networks",
        "no player of any phase",
        lambda: with_phases(players={"x": Player(networks=("discriminator",))}),
    ),
    (
        "phases_name_networks",
        "'gen', which is no child",
        lambda: variant("tiny_class", ema=("gen",)),
    ),
    ("only_the_player_moves", "moved since", lambda: variant("tiny_class", losses=stale)),
    (
        "only_the_player_moves",
        "changed weights of discriminator",
        lambda: variant("tiny_class", losses=meddling),
    ),
    (
        "only_the_player_moves",
        "has no update in",
        lambda: variant("tiny_class", losses=only("discriminator")),
    ),
    (
        "only_the_player_moves",
        "does not depend on encoder",
        lambda: variant("tiny_vae", losses=idle_encoder),
    ),
    (
        "losses_are_finite",
        "the loss is nan",
        lambda: variant("tiny_vae", losses=each(lambda u: replace(u, loss=u.loss * np.nan))),
    ),
    (
        "losses_are_finite",
        "reduce it",
        lambda: variant("tiny_vae", losses=each(lambda u: replace(u, loss=u.loss.expand(2)))),
    ),
    (
        "losses_are_finite",
        "its players are",
        lambda: variant("tiny_vae", losses=each(lambda u: replace(u, player="decoder"))),
    ),
    (
        "losses_are_finite",
        "no weights",
        lambda: variant("tiny_vae", losses=each(lambda u: replace(u, loss=u.loss.detach()))),
    ),
    (
        "losses_are_finite",
        "logs 'kl'",
        lambda: variant("tiny_vae", losses=each(lambda u: replace(u, log={"kl": torch.ones(2)}))),
    ),
    (
        "losses_draw_from_the_step",
        "step.noise",
        lambda: variant("tiny_vae", losses=drawing(lambda: torch.randn(1))),
    ),
    (
        "losses_draw_from_the_step",
        "step.noise",
        lambda: variant("tiny_vae", losses=drawing(lambda: np.random.rand())),
    ),
    ("bf16_is_finite", "bfloat16", lambda: variant("tiny_vae", losses=half)),
    (
        "samples_are_as_declared",
        "declares",
        lambda: record("tiny_vae", output=lambda c: Picture(3, c.size)),
    ),
    ("samples_are_as_declared", "[-1, 1]", lambda: sampling(lambda made, *_: made + 2)),
    ("samples_are_as_declared", "finite", lambda: sampling(lambda made, *_: made / 0)),
    (
        "samples_are_as_declared",
        "without 'sample'",
        lambda: sampling(lambda made, *_: {"picture": made}),
    ),
    (
        "samples_are_as_declared",
        "view 'half' has 2",
        lambda: sampling(lambda made, *_: {"sample": made, "half": made[:2]}),
    ),
    (
        "rows_are_independent",
        "mix rows",
        lambda: sampling(lambda made, *_: made - made.mean(dim=0)),
    ),
    (
        "rows_are_independent",
        "mix rows",
        lambda: sampling(lambda made, *_: made + made.cumsum(dim=0) / 100),
    ),
    (
        "sample_changes_nothing",
        "make it an input",
        lambda: sampling(lambda made, *_: made + torch.randn(())),
    ),
    ("sample_changes_nothing", "inputs latent", lambda: sampling(overwriting)),
    ("sample_changes_nothing", "changes count", lambda: sampling(counting, after=counter)),
    (
        "encode_gives_inputs",
        "'latent'",
        lambda: variant(
            "tiny_vae", encode=lambda self, images, known: {"latent": images.flatten(1)}
        ),
    ),
    (
        "encode_gives_inputs",
        "z, which",
        lambda: variant("tiny_vae", encode=lambda self, images, known: {"z": images}),
    ),
    (
        "encode_gives_inputs",
        "raise InputError",
        lambda: variant("tiny_class", encode=lambda self, images, known: {"label": known["label"]}),
    ),
    (
        "meaning_stands_for_text",
        "shape [5]",
        lambda: variant("tiny_text", meaning=lambda self, tokens: self.text(tokens).sum(1)),
    ),
    ("meaning_stands_for_text", "differ by", lambda: variant("tiny_text", sample=dimmed)),
    (
        "weights_survive_a_round_trip",
        "outside",
        lambda: sampling(lambda made, _, self: made * self.scale, after=scale),
    ),
    (
        "a_restart_changes_nothing",
        "registered buffers",
        lambda: variant("tiny_vae", losses=remembering),
    ),
]


@pytest.mark.parametrize(
    ("check", "words", "plugin"), BROKEN, ids=[f"{check}-{words}" for check, words, _ in BROKEN]
)
def test_a_broken_plugin_is_found_out(
    check: str, words: str, plugin: Callable[[], Plugin[Any]]
) -> None:
    result = testing.run_check(CHECKS[check], plugin())
    assert not result.passed
    assert words in result.detail


def test_every_check_has_been_seen_to_fail() -> None:
    assert set(CHECKS) == {check for check, _, _ in BROKEN}


def test_a_record_that_imports_torch_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "heavy-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: heavy\nVersion: 1\n")
    (folder / "entry_points.txt").write_text("[ganzoo.plugins]\nheavy = heavy_plugin:plugin\n")
    (tmp_path / "heavy_plugin.py").write_text(
        "import torch\nfrom dataclasses import replace\nimport tiny_vae\n"
        "plugin = replace(tiny_vae.plugin, name='heavy')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    result = testing.run_check(CHECKS["import_is_light"], registry.get("heavy"))
    assert not result.passed
    assert "imports torch" in result.detail
    with pytest.raises(
        testing.Nonconforming,
        match=r"'heavy' breaks the contract in 1 of .* checks:\n  import_is_light: ",
    ):
        testing.check_plugin("heavy")


def test_results_of_a_good_plugin() -> None:
    results = testing.run_checks("tiny_curve")
    assert [result.name for result in results] == list(CHECKS)
    assert all(result.passed and not result.detail for result in results)


def test_an_unknown_plugin_is_the_users_mistake() -> None:
    with pytest.raises(UnknownPlugin, match="tiny_class"):
        testing.check_plugin("tiny_clas")


def test_a_check_that_crashes_is_a_finding() -> None:
    result = testing.run_check(
        CHECKS["samples_are_as_declared"], variant("tiny_vae", sample=lambda *_: 1 / 0)
    )
    assert (result.passed, result.detail) == (False, "ZeroDivisionError: division by zero")


def test_checks_leave_torchs_generator_alone() -> None:
    before = torch.get_rng_state()
    testing.run_checks("tiny_vae")
    assert torch.equal(before, torch.get_rng_state())


def test_pytest_is_not_needed() -> None:
    program = "import sys, ganzoo.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
