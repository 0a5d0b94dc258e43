"""First-party architectures: parameter counts, shapes, targets, simple data."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn

import ganzoo
from ganzoo.config import override
from ganzoo.errors import ConfigError
from ganzoo.gan import Step
from ganzoo.spec import Facts
from ganzoo.training.run import train
from ganzoo.zoo import registry


def build_gan(name: str, **settings: Any) -> Any:
    plugin = registry.get(name)
    return plugin.build(override(plugin.config(), settings))


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_dcgan_has_the_parameters_of_the_well_known_example() -> None:
    gan = build_gan("dcgan", channels=3, size=64, width=64)
    convolutions = [
        m for m in gan.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.ConvTranspose2d))
    ]
    biases = sum(m.bias.numel() for m in convolutions if m.bias is not None)
    assert count(gan.generator) + count(gan.discriminator) - biases == 3_576_704 + 2_765_568


@pytest.mark.parametrize("size", [28, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_dcgan_shapes(size: int, channels: int) -> None:
    gan = build_gan("dcgan", size=size, channels=channels, width=4)
    images = gan.generator(torch.zeros(2, 100))
    assert images.shape == (2, channels, size, size)
    assert gan.discriminator(images).shape == (2,)


@pytest.mark.parametrize("start", ["convolution", "linear", "linear-half"])
@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_dcgan_with_a_hidden_layer_on_both_sides(norm: str, start: str) -> None:
    gan = build_gan("dcgan", size=64, width=4, hidden=6, start=start, discriminator_norm=norm)
    images = gan.generator(torch.zeros(2, 100))
    assert images.shape == (2, 3, 64, 64)
    assert gan.discriminator(images).shape == (2,)
    assert [type(layer) for layer in gan.generator.layers[:3]] == [
        nn.Linear,
        nn.BatchNorm1d,
        nn.ReLU,
    ]
    between = [
        nn.Flatten,
        nn.Linear,
        *([nn.BatchNorm1d] if norm == "batch" else []),
        nn.LeakyReLU,
        nn.Linear,
    ]
    last = list(gan.discriminator.layers[-len(between) :])
    assert all(isinstance(layer, kind) for layer, kind in zip(last, between, strict=True))
    mixed = any(
        isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)) for layer in gan.discriminator.modules()
    )
    assert mixed == (norm == "batch")


def test_r1_reaches_through_the_hidden_layer() -> None:
    gan = build_gan("dcgan", size=28, width=4, hidden=6, discriminator_norm="none", r1=10.0)
    step = Step(0, "train", 10, torch.Generator().manual_seed(0))
    update = next(gan.losses({"image": torch.rand(4, 3, 28, 28) * 2 - 1}, step))
    assert float(update.log["penalty"].detach()) > 0


def test_data_of_28_pixels_are_learnt_with_a_hidden_layer_unless_a_preset_says_otherwise() -> None:
    plugin = registry.get("dcgan")

    def adapted(config: Any, size: int, channels: int = 1) -> Any:
        return plugin.adapt(
            config, Facts(name="x", kind="images", count=1, channels=channels, size=size)
        )

    assert adapted(plugin.config(), 28) == plugin.presets["digits"]
    assert adapted(plugin.config(), 28, 3) == override(plugin.presets["digits"], {"channels": 3})
    for size in (32, 64, 128):
        assert adapted(plugin.config(), size, 3) == override(plugin.config(), {"size": size})
    for name in set(plugin.presets) - {"digits", "celeba-32"}:  # celeba-32 knows no 28 pixels
        assert adapted(plugin.presets[name], 28) == override(
            plugin.presets[name], {"size": 28, "channels": 1}
        )


def test_settings_have_the_last_word_and_stored_configurations_have_no_hidden_layer(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        Image.new("L", (28, 28), 50 * number).save(folder / f"{number}.png")
    options: dict[str, Any] = {"steps": 1, "batch_size": 4, "device": "cpu", "sample_every": 0}
    run = train(
        "dcgan",
        str(folder),
        settings={"hidden": "0", "width": "4"},
        out=tmp_path / "run",
        **options,
    )
    model = ganzoo.load(run)
    assert (model.gan.config.hidden, model.gan.config.size) == (0, 28)
    stored = json.loads((run / "config.json").read_text("utf-8"))
    del stored["config"]["hidden"], stored["config"]["new_latent"]
    (run / "config.json").write_text(json.dumps(stored), encoding="utf-8")
    assert torch.equal(ganzoo.load(run).sample(2, seed=0).tensor, model.sample(2, seed=0).tensor)


def test_dcgan_starts_as_the_paper_says() -> None:
    torch.manual_seed(0)
    gan = build_gan("dcgan", size=64)
    weights = gan.generator.layers[3].weight
    assert float(weights.detach().mean()) == pytest.approx(0, abs=1e-3)
    assert float(weights.detach().std()) == pytest.approx(0.02, rel=0.02)
    assert float(gan.generator.layers[1].weight.detach().mean()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("size", [(28, 28), (30, 28), (32, 32), (96, 64), (500, 128), (8, 28)])
def test_dcgan_takes_the_size_of_the_data(size: tuple[int, int]) -> None:
    plugin = registry.get("dcgan")
    adapted = plugin.adapt(
        plugin.config(), Facts(name="x", kind="images", count=1, channels=1, size=size[0])
    )
    assert (adapted.size, adapted.channels) == (size[1], 1)


@pytest.mark.parametrize(("law", "mean"), [("uniform", 0.5), ("beta", 1 / 6), ("none", 0.0)])
def test_label_noise_follows_its_law(law: str, mean: float) -> None:
    gan = build_gan("dcgan", size=28, width=4, label_noise=law, noise=1.0)
    noise = gan._draw_label_noise(Step(0, "train", 1, torch.Generator().manual_seed(0)), 100_000)
    assert float(noise.mean()) == pytest.approx(mean, abs=0.005)
    if law == "beta":
        assert float((noise < 0.1).float().mean()) == pytest.approx(1 - 0.9**5, abs=0.01)


def test_r1_is_added_at_every_so_many_steps_and_so_many_times() -> None:
    real = torch.rand(4, 3, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def loss(index: int, **settings: Any) -> torch.Tensor:
        torch.manual_seed(0)
        gan = build_gan("dcgan", size=28, width=4, discriminator_norm="none", **settings)
        step = Step(index, "train", 10, torch.Generator().manual_seed(0))
        return next(gan.losses({"image": real}, step)).loss.detach()

    torch.manual_seed(0)
    discriminator = build_gan("dcgan", size=28, width=4, discriminator_norm="none").discriminator
    alone = [one.clone()[None].requires_grad_() for one in real]
    gradients = [torch.autograd.grad(discriminator(one), one)[0].detach() for one in alone]
    expected = 1e4 / 2 * sum(float(gradient.square().sum()) for gradient in gradients) / 4
    assert float(loss(0, r1=1e4) - loss(0)) == pytest.approx(expected, rel=0.01)
    lazy = [float(loss(index, r1=1e4, r1_every=3) - loss(index)) for index in range(4)]
    assert lazy == pytest.approx([3 * expected, 0, 0, 3 * expected], rel=0.01)


def test_spectral_normalization_holds_every_layer_of_the_discriminator() -> None:
    torch.manual_seed(0)
    judge = build_gan("dcgan", size=28, width=4, discriminator_norm="spectral").discriminator
    for _ in range(100):  # one turn of the power iteration each
        judge(torch.rand(2, 3, 28, 28))
    found = [
        layer.weight.detach().flatten(1)
        for layer in judge.modules()
        if isinstance(layer, torch.nn.Conv2d)
    ]
    assert [float(torch.linalg.matrix_norm(weight, 2)) for weight in found] == pytest.approx(
        [1] * 3, rel=0.01
    )
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in judge.modules())


def test_r1_is_refused_where_pictures_are_mixed() -> None:
    with pytest.raises(ConfigError, match="set discriminator_norm to spectral or none"):
        build_gan("dcgan", r1=10.0)


def test_vanilla_learns_the_sine(tmp_path: Path) -> None:
    run = train(
        "vanilla",
        "sine",
        preset="sine",
        steps=2_000,
        out=tmp_path / "run",
        device="cpu",
        sample_every=0,
    )
    points = ganzoo.load(run).sample(1000, seed=0).tensor
    distance = (points[:, 1] - points[:, 0].sin()).abs().mean()
    assert float(distance) < 0.25
    low, high = points[:, 0].quantile(torch.tensor([0.05, 0.95])).tolist()
    assert -0.5 < low < 1.2
    assert 5 < high < 2 * math.pi + 0.5
