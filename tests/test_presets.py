"""Presets of published recipes: parameter counts, training, particulars."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import ganzoo
from ganzoo.config import convert, override
from ganzoo.errors import ConfigError
from ganzoo.gan import Step, Update
from ganzoo.nn import bce
from ganzoo.spec import Facts
from ganzoo.training import artifacts
from ganzoo.training.run import train
from ganzoo.zoo import registry

# (plugin, preset): shape of an example, parameters of generator and discriminator in the source
RECIPES: dict[tuple[str, str], tuple[tuple[int, ...], int, int]] = {
    ("vanilla", "mnist-keras"): ((1, 28, 28), 1_493_520, 533_505),
    ("vanilla", "mnist-two-steps"): ((1, 28, 28), 1_493_520, 533_505),
    ("vanilla", "mnist-dropout"): ((1, 28, 28), 114_800, 110_849),
    ("vanilla", "sine"): ((2,), 658, 41_985),
    ("vanilla", "mnist"): ((1, 28, 28), 1_486_352, 1_460_225),
    ("vanilla", "sinusoids"): ((64,), 70_272, 8_385),
    ("conv", "cifar-airplanes"): ((3, 32, 32), 1_007_363, 522_497),
    ("vanilla", "mnist-minimal"): ((1, 28, 28), 114_064, 100_609),
    ("conv", "fashion"): ((1, 28, 28), 2_155_137, 1_113_345),
    ("vanilla", "mnist-sgd"): ((1, 28, 28), 1_493_520, 533_505),
    ("dcgan", "anime"): ((3, 64, 64), 3_807_043, 2_766_657),
    ("dcgan", "celeba-32"): ((3, 32, 32), 2_963_328, 663_297),
    ("dcgan", "celeba-tensorflow"): ((3, 64, 64), 5_137_283, 1_083_969),
}
WITH_STATISTICS = {"mnist-keras", "mnist-two-steps", "mnist-sgd", "celeba-tensorflow"}
"""Keras and TensorFlow count BatchNorm's running mean and variance as parameters."""


def preset(plugin: str, name: str) -> Any:
    return registry.get(plugin).presets[name]


def build_gan(plugin: str, name: str, **settings: Any) -> Any:
    torch.manual_seed(0)
    return registry.get(plugin).build(override(preset(plugin, name), settings))


def count(network: nn.Module, name: str) -> int:
    tensors = [
        t
        for key, t in network.state_dict(keep_vars=True).items()
        if not key.endswith("num_batches_tracked")
    ]
    return sum(t.numel() for t in tensors if isinstance(t, nn.Parameter) or name in WITH_STATISTICS)


def layers(network: Any, kind: type[nn.Module] = nn.Module) -> list[Any]:
    return [layer for layer in network.layers if isinstance(layer, kind)]


def step(phase: str = "train") -> Step:
    return Step(0, phase, 10, torch.Generator().manual_seed(0))


def updates(gan: Any, **batch: Tensor) -> list[Update]:
    """Updates of one step without moving weights."""
    return list(gan.losses(batch, step()))


def record_scores(gan: Any, **batch: Tensor) -> list[Tensor]:
    """Inputs of the discriminator in one step, in order."""
    seen: list[Tensor] = []
    with_hook = gan.discriminator.register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0].detach())
    )
    updates(gan, **batch)
    with_hook.remove()
    return seen


def random_images(folder: Path, shape: tuple[int, ...]) -> Path:
    """Eight images of noise."""
    channels, size, _ = shape
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(8):
        levels = rng.integers(
            256, size=(size, size, 3) if channels == 3 else (size, size), dtype=np.uint8
        )
        Image.fromarray(levels).save(folder / f"{number}.png")
    return folder


def test_all_presets_are_here_but_the_variants_of_dcgan() -> None:
    names = {
        (plugin, name)
        for plugin in ("vanilla", "dcgan", "conv")
        for name in registry.get(plugin).presets
    }
    assert names - set(RECIPES) == {
        ("dcgan", name) for name in ("digits", "least-squares", "hinge", "smooth", "r1")
    }


@pytest.mark.parametrize(("plugin", "name"), RECIPES)
def test_parameters_are_those_of_the_source(plugin: str, name: str) -> None:
    with torch.device("meta"):
        gan = build_gan(plugin, name)
    assert (count(gan.generator, name), count(gan.discriminator, name)) == RECIPES[plugin, name][1:]


@pytest.mark.parametrize(("plugin", "name"), RECIPES)
def test_every_preset_trains_and_samples(
    plugin: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for constant, value in {"FIXED": 4, "ESTIMATE_BATCHES": 2, "ESTIMATE_SIZE": 4}.items():
        monkeypatch.setattr(artifacts, constant, value)
    shape = RECIPES[plugin, name][0]
    data = {1: {2: "sine", 64: "sinusoids"}.get(shape[0], ""), 3: str(tmp_path / "pictures")}[
        len(shape)
    ]
    if len(shape) == 3:
        random_images(tmp_path / "pictures", shape)
    options: dict[str, Any] = {
        "steps": 2,
        "batch_size": 4,
        "device": "cpu",
        "sample_every": 0,
        "log_every": 1,
    }
    run = train(plugin, data, preset=name, out=tmp_path / "run", **options)
    config = json.loads((run / "config.json").read_text("utf-8"))["config"]
    assert convert(config, registry.get(plugin).config, name) == preset(plugin, name)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert [row["phase"] for row in rows] == ["pretrain"] * 2 * (name == "cifar-airplanes") + [
        "train"
    ] * 2
    assert all(("loss/generator" in row) == (row["phase"] == "train") for row in rows)
    sample = ganzoo.load(run).sample(2, seed=0).tensor
    assert tuple(sample.shape) == (2, *shape)
    assert torch.isfinite(sample).all()


# ---- vanilla


@pytest.mark.parametrize(
    ("name", "players"),
    [
        ("mnist", "DG"),
        ("mnist-keras", "DDG"),
        ("mnist-two-steps", "DDGG"),
        ("mnist-dropout", "DG"),
        ("mnist-minimal", "DDG"),
        ("mnist-sgd", "DDG"),
    ],
)
def test_vanilla_moves_its_players_as_the_recipe_says(name: str, players: str) -> None:
    moved = [
        update.player
        for update in updates(build_gan("vanilla", name), real=torch.zeros(4, 1, 28, 28))
    ]
    assert "".join(player[0].upper() for player in moved) == players


def test_split_updates_are_the_two_halves_of_the_loss() -> None:
    real = torch.rand(4, 1, 28, 28) * 2 - 1
    whole = updates(build_gan("vanilla", "mnist-keras", split_updates=False), real=real)[0].loss
    halves = [update.loss for update in updates(build_gan("vanilla", "mnist-keras"), real=real)[:2]]
    torch.testing.assert_close(whole, halves[0] + halves[1])


@pytest.mark.parametrize(
    ("name", "fakes"),
    [
        ("mnist-minimal", 1),
        ("mnist-keras", 2),
        ("mnist-two-steps", 3),
        ("mnist-dropout", 2),
        ("mnist", 2),
        ("mnist-sgd", 2),
    ],
)
def test_the_generator_is_judged_by_new_examples_where_the_recipe_says_so(
    name: str, fakes: int
) -> None:
    gan, latents = build_gan("vanilla", name), []
    gan.generator.register_forward_pre_hook(lambda module, inputs: latents.append(inputs[0]))
    updates(gan, real=torch.zeros(4, 1, 28, 28))
    assert len({tuple(one.flatten().tolist()) for one in latents}) == len(latents) == fakes


def test_sine_draws_new_latents_for_the_generator_and_stored_configurations_do_not() -> None:
    assert preset("vanilla", "sine").new_latent
    assert not registry.get("vanilla").config().new_latent
    _, _, first = record_scores(build_gan("vanilla", "sine"), real=torch.zeros(4, 2))
    _, seen, same = record_scores(
        build_gan("vanilla", "sine", new_latent=False), real=torch.zeros(4, 2)
    )
    assert torch.equal(seen, same)
    assert not torch.equal(seen, first)


@pytest.mark.parametrize("name", ["mnist-keras", "mnist-two-steps", "mnist-sgd"])
def test_recipes_of_keras_show_the_discriminator_what_predict_gives(name: str) -> None:
    gan, modes = build_gan("vanilla", name), []
    norms = layers(gan.generator, nn.BatchNorm1d)
    norms[0].register_forward_pre_hook(lambda module, inputs: modes.append(module.training))
    before = norms[0].running_mean.clone()
    steps = gan.losses({"real": torch.zeros(4, 1, 28, 28)}, step())
    next(steps)
    assert float(next(steps).loss.detach()) > 0
    assert torch.equal(norms[0].running_mean, before)
    assert len(list(steps)) == len(modes) - 1
    assert (modes[0], set(modes[1:])) == (False, {True})
    assert not torch.equal(norms[0].running_mean, before)
    assert all(module.training for module in gan.generator.modules())


@pytest.mark.parametrize("settings", [{"new_latent": "false"}, {"batch_norm": "false"}])
def test_fakes_without_gradient_are_not_what_the_generator_learns_from(
    settings: dict[str, str],
) -> None:
    with pytest.raises(ConfigError, match="set batch_norm and new_latent too"):
        build_gan("vanilla", "mnist-keras", **settings)


def test_sinusoids_come_from_one_bank_of_latents_within_five() -> None:
    gan, fed = build_gan("vanilla", "sinusoids"), []
    gan.generator.layers.register_forward_pre_hook(lambda module, inputs: fed.append(inputs[0]))
    updates(gan, real=torch.zeros(512, 64))
    assert (round(float(fed[0].min())), round(float(fed[0].max()))) == (-5, 5)
    assert float(fed[0].std()) == pytest.approx(10 / 12**0.5, rel=0.01)
    other, again = (
        build_gan("vanilla", "sinusoids"),
        Step(3, "train", 10, torch.Generator().manual_seed(5)),
    )
    bank = {tuple(row) for row in gan._bank.tolist()}
    assert len(bank) == 32_768
    assert {tuple(row) for row in other._draw_latents(again, 64).tolist()} <= bank
    assert sum(tensor.numel() for tensor in gan.state_dict().values()) == 70_272 + 8_385


@pytest.mark.parametrize(
    ("name", "momentum"), [("mnist-keras", 0.2), ("mnist-two-steps", 0.3), ("mnist-sgd", 0.2)]
)
def test_keras_order_and_batch_norm(name: str, momentum: float) -> None:
    generator = build_gan("vanilla", name).generator
    assert [type(layer) for layer in layers(generator)] == [
        nn.Linear,
        nn.LeakyReLU,
        nn.BatchNorm1d,
    ] * 3 + [nn.Linear]
    assert {(norm.momentum, norm.eps) for norm in layers(generator, nn.BatchNorm1d)} == {
        (momentum, 1e-3)
    }


def test_optimizers_are_the_recipes() -> None:
    def players(name: str) -> set[tuple[str, float, tuple[float, float]]]:
        return {
            (p.optimizer, p.lr, p.betas)
            for p in build_gan("vanilla", name).phases()[0].players.values()
        }

    assert {(optimizer, rate) for optimizer, rate, _ in players("mnist-sgd")} == {("sgd", 0.01)}
    assert players("mnist-keras") == {("adam", 2e-4, (0.5, 0.999))}
    assert players("mnist-minimal") == {("adam", 1e-4, (0.9, 0.999)), ("adam", 1e-3, (0.9, 0.999))}


def test_the_players_of_sinusoids_have_their_own_activations() -> None:
    gan = build_gan("vanilla", "sinusoids")
    assert [type(layer) for layer in layers(gan.generator)] == [nn.Linear, nn.LeakyReLU] * 2 + [
        nn.Linear
    ]
    assert [type(layer) for layer in layers(gan.discriminator)] == [
        nn.Linear,
        nn.ReLU,
        nn.Dropout,
    ] * 2 + [nn.Linear]


# ---- dcgan


def test_default_networks_of_dcgan_keep_their_state_names() -> None:
    gan = registry.get("dcgan").build(registry.get("dcgan").tiny)
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    generator = [
        "layers.0.weight",
        *(f"layers.1.{n}" for n in norm),
        "layers.3.weight",
        *(f"layers.4.{n}" for n in norm),
    ]
    assert list(gan.generator.state_dict()) == [*generator, "layers.6.weight", "layers.6.bias"]
    discriminator = [
        "layers.0.weight",
        "layers.0.bias",
        "layers.2.weight",
        *(f"layers.3.{n}" for n in norm),
    ]
    assert list(gan.discriminator.state_dict()) == [
        *discriminator,
        "layers.5.weight",
        "layers.5.bias",
    ]


@pytest.mark.parametrize("start", ["convolution", "linear", "linear-half"])
@pytest.mark.parametrize("kernel", [4, 5])
@pytest.mark.parametrize("size", [28, 32, 64, 128])
def test_dcgan_shapes_of_every_start_and_kernel(size: int, kernel: int, start: str) -> None:
    settings = {
        "size": size,
        "kernel": kernel,
        "start": start,
        "width": 4,
        "discriminator_width": 6,
    }
    if (size, start) == (28, "linear-half"):
        with pytest.raises(ConfigError, match="not possible at size 28"):
            build_gan("dcgan", "hinge", **settings)
        return
    gan = build_gan("dcgan", "hinge", **settings)
    images = gan.generator(torch.zeros(2, 100))
    assert images.shape == (2, 3, size, size)
    assert gan.discriminator(images).shape == (2,)


@pytest.mark.parametrize(("size", "expected"), [(28, 32), (32, 32), (64, 64)])
def test_celeba_32_takes_digits_too(size: int, expected: int) -> None:
    adapted = registry.get("dcgan").adapt(
        preset("dcgan", "celeba-32"), Facts(name="x", kind="images", count=1, channels=1, size=size)
    )
    assert (adapted.size, adapted.channels) == (expected, 1)


def test_anime_judges_a_sigmoid_by_squares_with_noise_for_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gan = build_gan("dcgan", "anime", width=4)
    monkeypatch.setattr(gan, "_draw_label_noise", lambda step, n: torch.full((n,), 0.25))
    real = torch.rand(4, 3, 64, 64) * 2 - 1
    seen = record_scores(gan, image=real)
    on_real, on_fake, again = (gan.discriminator(one).sigmoid() for one in seen)
    discriminator, generator = updates(gan, image=real)
    torch.testing.assert_close(
        discriminator.loss, (on_real - 0.75).square().mean() + (on_fake - 0.25).square().mean()
    )
    torch.testing.assert_close(generator.loss, (again - 0.75).square().mean())


def test_anime_has_batch_norm_everywhere_and_celeba_32_none_after_its_first_layer() -> None:
    anime, faces = build_gan("dcgan", "anime", width=4), build_gan("dcgan", "celeba-32", width=4)
    assert [type(layer) for layer in layers(anime.discriminator)][:3] == [
        nn.Conv2d,
        nn.BatchNorm2d,
        nn.LeakyReLU,
    ]
    assert [type(layer) for layer in layers(faces.generator)][:3] == [
        nn.Linear,
        nn.Unflatten,
        nn.ConvTranspose2d,
    ]
    assert layers(faces.generator)[1].unflattened_size[1:] == (2, 2)
    with_bias = [
        layer
        for net in (faces.generator, faces.discriminator)
        for layer in layers(net, nn.Conv2d)
        if layer.bias is not None
    ]
    assert with_bias == [layers(faces.discriminator)[-1]]


def test_scales_of_batch_norm_start_at_one_in_celeba_32_alone() -> None:
    for name, spread in (("celeba-32", False), ("anime", True)):
        norms = [
            layer
            for layer in build_gan("dcgan", name, width=4).modules()
            if isinstance(layer, nn.BatchNorm2d)
        ]
        assert norms
        assert all((float(norm.weight.detach().std()) > 0) == spread for norm in norms)


# ---- conv


def test_pretraining_shows_uniform_noise_and_moves_the_discriminator_alone() -> None:
    gan = build_gan("conv", "cifar-airplanes")
    first, game = gan.phases()
    assert (first.name, first.steps, set(first.players)) == ("pretrain", 20, {"discriminator"})
    assert (game.steps, set(game.players)) == (38_400, {"discriminator", "generator"})
    seen: list[Tensor] = []
    gan.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    gan.generator.register_forward_pre_hook(
        lambda module, inputs: pytest.fail("the generator is at work")
    )
    made = list(gan.losses({"image": torch.zeros(64, 3, 32, 32)}, step("pretrain")))
    assert [update.player for update in made] == ["discriminator"] * 2
    noise = seen[1]
    assert (round(float(noise.min()), 2), round(float(noise.max()), 2)) == (-1, 1)
    assert float(noise.std()) == pytest.approx(3**-0.5, rel=0.01)


def test_fashion_has_noisy_targets_for_the_discriminator_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    targets: list[float | Tensor] = []

    def record_target(raw: Tensor, target: float | Tensor) -> Tensor:
        targets.append(target)
        return bce(raw, target)

    monkeypatch.setattr("ganzoo_conv.model.bce", record_target)
    updates(build_gan("conv", "fashion"), image=torch.zeros(8, 1, 28, 28))
    on_real, on_fake, of_generator = targets
    assert isinstance(on_real, Tensor)
    assert isinstance(on_fake, Tensor)
    assert 0.85 < float(on_real.min()) < float(on_real.max()) <= 1
    assert 0 <= float(on_fake.min()) < float(on_fake.max()) < 0.15
    assert of_generator == 1


def test_fashion_has_no_dropout_where_the_generator_learns() -> None:
    gan, modes = build_gan("conv", "fashion"), []
    dropouts = layers(gan.discriminator, nn.Dropout)
    dropouts[0].register_forward_pre_hook(lambda module, inputs: modes.append(module.training))
    dropouts[1].eval()  # as a frozen layer is
    updates(gan, image=torch.zeros(4, 1, 28, 28))
    assert modes == [True, True, False]
    assert [layer.training for layer in dropouts] == [True, False, True, True, True]


@pytest.mark.parametrize(
    ("plugin", "name", "shape", "new"),
    [
        ("conv", "fashion", (1, 28, 28), True),
        ("conv", "cifar-airplanes", (3, 32, 32), True),
        ("dcgan", "anime", (3, 64, 64), True),
        ("dcgan", "celeba-32", (3, 32, 32), True),
        ("dcgan", "celeba-tensorflow", (3, 64, 64), False),
        ("dcgan", "smooth", (3, 64, 64), False),
    ],
)
def test_who_draws_new_latents_for_the_generator(
    plugin: str, name: str, shape: tuple[int, ...], new: bool
) -> None:
    gan, latents = build_gan(plugin, name, **({"width": 4} if plugin == "dcgan" else {})), []
    gan.generator.register_forward_pre_hook(lambda module, inputs: latents.append(inputs[0]))
    updates(gan, image=torch.zeros(4, *shape))
    assert len({tuple(one.flatten().tolist()) for one in latents}) == len(latents) == 1 + new


def test_reversed_labels_are_the_same_game_with_the_sign_changed() -> None:
    raw, target = torch.randn(100), torch.rand(100)
    torch.testing.assert_close(bce(raw, target), bce(-raw, 1 - target))


@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", range(1, 8))
def test_conv_shapes_of_every_kernel(kernel: int, padding: str, upsampling: str) -> None:
    settings = {
        "generator": f"4k{kernel}s2,4k{kernel}",
        "discriminator": f"4k{kernel},4k{kernel}s2",
    }
    gan = build_gan(
        "conv", "fashion", padding=padding, upsampling=upsampling, last_kernel=kernel, **settings
    )
    images = gan.generator(torch.zeros(2, 128))
    assert images.shape == (2, 1, 28, 28)
    assert gan.discriminator(images).shape == (2,)


REFUSALS = [
    ({"size": "30"}, "size 30 is not a multiple of 4"),
    ({"size": "16"}, "the discriminator's maps vanish at size 16: their sides are 12, 8, 4, 0"),
    ({"size": "96"}, "more than 65,536 numbers"),
    ({"discriminator": "513k3"}, "more than 512 channels"),
    ({"discriminator": "9999k3"}, "discriminator"),
    ({"generator": "64k9"}, "generator"),
    ({"generator": "64k3s4"}, "generator"),
]


@pytest.mark.parametrize(("settings", "words"), REFUSALS)
def test_conv_refuses_layers_that_cannot_be(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build_gan("conv", "fashion", **settings)


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [("fashion", 32, 32), ("fashion", 8, 28), ("cifar-airplanes", 28, 32)],
)
def test_conv_takes_the_size_of_the_data_where_its_layers_allow(
    name: str, size: int, expected: int
) -> None:
    adapted = registry.get("conv").adapt(
        preset("conv", name), Facts(name="x", kind="images", count=1, channels=4, size=size)
    )
    assert (adapted.size, adapted.channels) == (expected, 4)
