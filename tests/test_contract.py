"""The plugin contract, tested with six small architectures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, replace
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor, nn

from ganzoo.config import convert, override
from ganzoo.errors import ConfigError, DataError
from ganzoo.gan import GAN, Phase, Step
from ganzoo.inputs import Label, Rows, Text
from ganzoo.plugin import Plugin, keep
from ganzoo.sampling.assembly import model_config
from ganzoo.sampling.feed import batch_inputs
from ganzoo.sampling.generation import generate
from ganzoo.spec import Captions, Curve, Data, Facts, Labels, Picture
from ganzoo.testing.synthetic import Synthetic
from ganzoo.text import PAD, UNKNOWN, encode, list_words, vocabulary, words
from ganzoo.zoo import registry, weights


def build_gan(name: str, **settings: Any) -> GAN[Any]:
    torch.manual_seed(0)
    plugin = registry.get(name)
    return plugin.build(override(plugin.tiny, settings))


def batch(gan: GAN[Any], size: int = 8, position: int = 0) -> dict[str, Tensor]:
    name = type(gan).__module__.partition(".")[0]
    return Synthetic(registry.get(name).data(gan.config)).take(position, size, 0)


def step(phase: Phase, index: int = 0, seed: int = 0) -> Step:
    return Step(index, phase.name, phase.steps, torch.Generator().manual_seed(seed))


def test_unused_views_are_not_computed() -> None:
    """Sample sheets of a translator do not compute the way back."""
    gan, calls = build_gan("cyclegan").eval(), list[str]()
    for name in ("a_to_b", "b_to_a"):
        gan.get_submodule(name).register_forward_hook(
            lambda module, given, said, name=name: calls.append(name)
        )
    feed = {"image": torch.zeros(1, 3, 16, 16), "direction": torch.tensor([0])}
    assert list(generate(gan, [feed], torch.device("cpu"), "fp32", ("sample",))) == ["sample"]
    assert calls == ["a_to_b"]
    assert "returned" in generate(gan, [feed], torch.device("cpu"), "fp32")
    assert calls == ["a_to_b", "a_to_b", "b_to_a"]


def list_players(gan: GAN[Any], phase: Phase, index: int = 0) -> list[str]:
    """Players in the order of a step's updates."""
    return [update.player for update in gan.losses(batch(gan), step(phase, index))]


def make_inputs(
    gan: GAN[Any], given: Mapping[str, Any], n: int = 4, seed: int = 0
) -> dict[str, Tensor]:
    name = type(gan).__module__.partition(".")[0]
    return next(batch_inputs(registry.get(name).inputs(gan.config), given, Rows(seed, n), n))


# ---- class-conditional


def test_class_names_travel_from_the_data_to_config_json_to_label() -> None:
    plugin = registry.get("tiny_class")
    facts = Facts(name="pets", kind="images", count=9, channels=3, size=16, classes=("cat", "dog"))
    config = plugin.adapt(plugin.config(), facts)
    assert plugin.data(config) == Data({"image": Picture(3, 16), "label": Labels(2)})
    recorded = json.loads(msgspec.json.encode(model_config(plugin, plugin.build(config))))
    again = convert(recorded["config"], plugin.config, "config.json")
    assert plugin.inputs(again)["label"] == Label(("cat", "dog"))
    assert make_inputs(plugin.build(again), {"label": "dog"})["label"].tolist() == [1] * 4


def test_labels_reach_the_sample() -> None:
    gan = build_gan("tiny_class").eval()
    assert not torch.equal(
        gan.sample(make_inputs(gan, {"label": "circle"})),  # type: ignore[arg-type]
        gan.sample(make_inputs(gan, {"label": "cross"})),  # type: ignore[arg-type]
    )


def test_adapt_refuses_data_of_another_kind_and_values_out_of_bounds() -> None:
    plugin = registry.get("tiny_class")
    with pytest.raises(DataError, match="'rings' holds points, and images are asked for"):
        plugin.adapt(plugin.tiny, Facts(name="rings", kind="points", count=9, dims=2))
    with pytest.raises(ConfigError, match=r"data 'huge': .*<= 1024"):
        plugin.adapt(plugin.tiny, Facts(name="huge", kind="images", count=9, channels=3, size=5000))


# ---- a network of two players


def test_a_network_may_belong_to_several_players() -> None:
    gan = build_gan("tiny_codes")
    (phase,) = gan.phases()
    assert list_players(gan, phase) == ["discriminator", "generator", "information"]
    shared = set(phase.players["discriminator"].networks) & set(
        phase.players["information"].networks
    )
    assert shared == {"trunk"}
    for update in gan.losses(batch(gan), step(phase)):
        networks = phase.players[update.player].networks
        parameters = [p for name in networks for p in gan.get_submodule(name).parameters()]
        assert all(
            bool(grad.any())
            for grad in torch.autograd.grad(update.loss, parameters, retain_graph=True)
        )


# ---- phases


def test_each_phase_has_its_own_players() -> None:
    gan = build_gan("tiny_text")
    assert [phase.name for phase in gan.phases()] == ["text", "stage1", "stage2"]
    assert [list_players(gan, phase) for phase in gan.phases()] == [
        ["matcher"],
        ["critic1", "stage1"],
        ["critic2", "stage2"],
    ]
    moved = [
        {name for player in phase.players.values() for name in player.networks}
        for phase in gan.phases()
    ]
    assert set().union(*moved) >= set(gan.ema)
    assert not moved[2] & {"text", "stage1"}


def test_the_vocabulary_comes_from_the_captions() -> None:
    plugin = registry.get("tiny_text")
    facts = Facts(
        name="birds",
        kind="images",
        count=2,
        sentences=(("a red bird", "a bird"), ("a small bird",)),
    )
    config = plugin.adapt(plugin.config(words=4), facts)
    assert list_words(config.vocabulary) == ["a", "bird", "red", "small"]
    assert config.vocabulary[:4] == ("a", "bird", "red", "small"), (
        "words come before pieces of words"
    )
    assert plugin.data(config).fields["caption"] == Captions(config.vocabulary, 4)
    assert plugin.inputs(config)["text"] == Text(config.vocabulary, 4)
    assert (
        make_inputs(plugin.build(config), {"text": "Small bird?"})["text"].tolist()
        == [[5, 3, 0, 0]] * 4
    )


def test_views_stand_beside_the_sample() -> None:
    gan = build_gan("tiny_text").eval()
    found = gan.sample(make_inputs(gan, {"text": "a red circle"}))
    assert isinstance(found, Mapping)
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == {
        "sample": (4, 3, 8, 8),
        "stage1": (4, 3, 4, 4),
        "stages": (4, 3, 16, 8),
    }
    other = gan.sample(make_inputs(gan, {"text": "a blue square"}))
    assert isinstance(other, Mapping)
    assert not torch.equal(found["sample"], other["sample"])


# ---- unpaired domains, memory


def test_domains_are_fields_and_directions() -> None:
    plugin = registry.get("tiny_unpaired")
    assert plugin.data(plugin.tiny) == Data({"A": Picture(3, 8), "B": Picture(3, 8)}, unpaired=True)
    config = plugin.adapt(
        plugin.tiny, Facts(name="s", kind="images", count=9, domains=("summer", "winter"))
    )
    assert list(plugin.data(config).fields) == ["summer", "winter"]
    assert plugin.inputs(config)["direction"].describe() == "one of summer2winter, winter2summer"
    with pytest.raises(ConfigError, match="of length 2"):
        plugin.adapt(plugin.tiny, Facts(name="s", kind="images", count=9, domains=("a", "b", "c")))


def test_memory_is_state_of_the_run_and_never_published() -> None:
    gan = build_gan("tiny_unpaired")
    (phase,) = gan.phases()
    pools = {"pool_a", "pool_b"}
    assert pools <= set(gan.state_dict())
    for index in range(2):
        assert len(list_players(gan, phase, index)) == 3
    assert all(bool(gan.get_buffer(name).any()) for name in pools)
    published = weights.collect_tensors(gan, [name for name, _ in gan.named_children()])
    assert not any(name.startswith("pool") for name in published)


def test_the_pool_gives_back_what_it_held_and_keeps_the_new() -> None:
    gan: Any = build_gan("tiny_unpaired", pool=1)
    pool, old, new = gan.pool_a, torch.full((3, 8, 8), 0.5), torch.full((1, 3, 8, 8), 0.25)
    shown = set()
    for seed in range(20):
        pool[0] = old
        (image,) = gan._remember(pool, new, step(gan.phases()[0], seed=seed))
        assert torch.equal(pool[0], new[0])
        shown.add(float(image.unique()))
    assert shown == {0.5, 0.25}


def test_the_direction_chooses_the_translator() -> None:
    gan: Any = build_gan("tiny_unpaired").eval()
    image = torch.rand(2, 3, 8, 12)
    there = gan.sample(make_inputs(gan, {"image": image, "direction": "A2B"}, n=2))
    assert torch.equal(there["sample"], gan.a_to_b(image))
    assert torch.equal(there["cycle"], gan.b_to_a(gan.a_to_b(image)))
    back = gan.sample(make_inputs(gan, {"image": image, "direction": "B2A"}, n=2))
    assert torch.equal(back["sample"], gan.b_to_a(image))


# ---- one player, an encoder


def test_pictures_have_inputs_where_there_is_an_encoder() -> None:
    gan = build_gan("tiny_vae").eval()
    assert gan.ema == ("encoder", "decoder")
    images = gan.sample(make_inputs(gan, {}))
    assert isinstance(images, Tensor)
    latent = gan.encode(images, {})["latent"]
    assert latent.shape == (4, 2)
    assert torch.equal(make_inputs(gan, {"latent": latent})["latent"], latent)
    with pytest.raises(NotImplementedError, match="TinyCurve has no encoder"):
        build_gan("tiny_curve").encode(images, {})


# ---- several critic steps, curves


def test_the_critic_plays_more_often() -> None:
    gan = build_gan("tiny_curve", critic_steps=3)
    (phase,) = gan.phases()
    assert [list_players(gan, phase, index) for index in range(3)] == [
        ["critic"],
        ["critic"],
        ["critic", "generator"],
    ]


def test_curves_take_length_and_domain_from_the_data() -> None:
    plugin = registry.get("tiny_curve")
    config = plugin.adapt(
        plugin.tiny, Facts(name="sines", kind="curves", count=9, dims=20, low=0.0, high=6.28)
    )
    assert plugin.output(config) == Curve(20, 0.0, 6.28) == plugin.data(config).fields["curve"]
    assert plugin.build(config).sample({"latent": torch.zeros(3, 2)}).shape == (3, 20)


# ---- the contract's own parts


def test_a_step_is_all_randomness() -> None:
    (phase,) = build_gan("tiny_vae").phases()

    def draws() -> list[Tensor]:
        s = step(phase)
        return [
            s.noise(3, 2),
            s.uniform(1000, low=-2, high=4),
            s.integers(5, 1000),
            s.permutation(7),
        ]

    before = torch.get_rng_state()
    noise, uniform, integers, permutation = draws()
    assert all(
        torch.equal(a, b)
        for a, b in zip(draws(), (noise, uniform, integers, permutation), strict=True)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert noise.shape == (3, 2)
    assert -2 <= float(uniform.min()) < -1.9
    assert 3.9 < float(uniform.max()) < 4
    assert integers.unique().tolist() == [0, 1, 2, 3, 4]
    assert permutation.sort().values.tolist() == list(range(7))


def test_a_gan_without_losses_cannot_be_made() -> None:
    class Half(GAN[Any]):
        def phases(self) -> tuple[Phase, ...]:
            return ()

    with pytest.raises(TypeError, match="abstract"):
        Half(None)  # type: ignore[abstract]


def test_records_are_frozen_and_take_nothing_from_the_data_by_default() -> None:
    plugin: Plugin[Any] = registry.get("tiny_vae")
    with pytest.raises(FrozenInstanceError):
        plugin.name = "other"  # type: ignore[misc]
    assert plugin.adapt is keep
    assert plugin.adapt(plugin.tiny, Facts(name="x", kind="points", count=1)) is plugin.tiny
    assert replace(plugin, name="other").name == "other"


def test_children_are_the_networks() -> None:
    for name in ("tiny_class", "tiny_text"):
        gan = build_gan(name)
        assert all(isinstance(child, nn.Module) for _, child in gan.named_children())
        assert set(gan.ema) <= {child for child, _ in gan.named_children()}


def test_facts() -> None:
    facts = Facts(name="x", kind="images", count=2, sentences=(("one", "two"), ("three",)))
    assert list(facts.captions()) == ["one", "two", "three"]
    assert list(Facts(name="x", kind="images", count=2).captions()) == []
    facts.require("images")
    with pytest.raises(DataError, match="'x' holds images, and curves are asked for"):
        facts.require("curves")


def test_words_and_vocabularies() -> None:
    assert words("A small, red BIRD's (nest)…") == ["a", "small", "red", "bird", "s", "nest"]
    assert words("STRASSE straße") == ["strasse", "strasse"]
    sentences = ["b a", "a c", "c b", "a d"]
    assert list_words(vocabulary(sentences)) == ["a", "b", "c", "d"]
    assert vocabulary(sentences, limit=2) == ("a", "b")
    assert vocabulary([]) == ()
    assert encode("d z a", ("a", "b", "c", "d"), 5) == [5, UNKNOWN, 2, PAD, PAD]
    assert encode("a b c d", ("a", "b", "c", "d"), 2) == [2, 3]
