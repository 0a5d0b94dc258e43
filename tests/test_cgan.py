"""cgan: class conditions, losses against hand-written ones, class names, and training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.utils.parametrize import is_parametrized

import ganzoo
from ganzoo.config import convert, override
from ganzoo.errors import ConfigError, DataError
from ganzoo.gan import Step, Update
from ganzoo.inputs import Label
from ganzoo.spec import Facts
from ganzoo.training import artifacts
from ganzoo.training.run import train
from ganzoo.zoo import registry

PLUGIN: Any = registry.get("cgan")
CONDITIONS = ("concatenation", "embedding", "projection", "none")
LABELS = torch.tensor([0, 2, 1, 2])


def build_gan(**settings: Any) -> Any:
    torch.manual_seed(0)
    return PLUGIN.build(override(PLUGIN.tiny, {"classifier": 0, **settings}))


def random_images(size: int = 28, n: int = 4) -> Tensor:
    return torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1


def play_step(gan: Any) -> tuple[list[Update], list[Any]]:
    """Updates of one step without moving weights, and the discriminator's outputs in order."""
    verdicts: list[Any] = []
    hook = gan.discriminator.register_forward_hook(
        lambda module, inputs, verdict: verdicts.append(verdict)
    )
    step = Step(0, "train", 10, torch.Generator().manual_seed(0))
    updates = list(gan.losses({"image": random_images(), "label": LABELS}, step))
    hook.remove()
    return updates, verdicts


def log_sigmoid(raw: Tensor) -> np.ndarray:
    return -np.log1p(np.exp(-raw.detach().double().numpy()))


def negative_log_likelihood(raw: Tensor) -> float:
    """Mean of -log softmax at LABELS."""
    logits = raw.detach().double().numpy()
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return float(
        -np.mean([np.log(line[label]) for line, label in zip(shares, LABELS.tolist(), strict=True)])
    )


# ---- networks


@pytest.mark.parametrize("size", [28, 32, 64])
@pytest.mark.parametrize("network", ["convolution", "mlp"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_shapes(size: int, network: str, condition: str) -> None:
    learned = "embedding" if condition == "embedding" else "concatenation"
    gan = build_gan(
        size=size,
        channels=3,
        network=network,
        discriminator_condition=condition,
        generator_condition=learned,
        classifier=1,
        generator="8,8",
        discriminator="8,8",
        embedding=5,
    )
    images = gan.generator(torch.zeros(4, 4), LABELS)
    assert images.shape == (4, 3, size, size)
    verdict = gan.discriminator(images, LABELS)
    assert (verdict.score.shape, verdict.classes.shape) == ((4,), (4, 3))
    assert build_gan().discriminator(random_images(), LABELS).classes.shape == (4, 0)


@pytest.mark.parametrize("network", ["convolution", "mlp"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_label_is_seen(network: str, condition: str) -> None:
    gan = build_gan(
        network=network, discriminator_condition=condition, classifier=int(condition == "none")
    ).eval()
    first, second = (
        gan.discriminator(random_images(), torch.full((4,), label)).score for label in (0, 1)
    )
    assert torch.equal(first, second) == (condition == "none")
    for learned in ("concatenation", "embedding"):
        generator = build_gan(network=network, generator_condition=learned).eval().generator
        latent = torch.zeros(1, 4)
        assert not torch.equal(generator(latent, LABELS[:1]), generator(latent, LABELS[1:2]))


def test_a_label_is_one_plane_of_ones_beside_the_image() -> None:
    gan = build_gan(discriminator_condition="concatenation")
    seen: list[Tensor] = []
    gan.discriminator.trunk.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    gan.discriminator(random_images(), LABELS)
    assert torch.equal(seen[0][:, :1], random_images())
    for planes, label in zip(seen[0][:, 1:], LABELS.tolist(), strict=True):
        assert [plane.unique().tolist() for plane in planes] == [
            [float(place == label)] for place in range(3)
        ]


@pytest.mark.parametrize("network", ["convolution", "mlp"])
def test_projection_is_an_inner_product_with_the_class(network: str) -> None:
    """Miyato and Koyama 2018, eq. 3: f(x, y) = y V phi(x) + psi(phi(x)), y one-hot."""
    discriminator = build_gan(
        network=network, discriminator_condition="projection"
    ).discriminator.eval()
    seen = random_images() if network == "convolution" else random_images().flatten(1)
    phi = discriminator.trunk(seen).flatten(1).detach().double().numpy()
    v, psi = discriminator.projection, discriminator.score
    one_hot = np.eye(3)[LABELS.numpy()]
    matrix, line = (layer.weight.detach().flatten(1).double().numpy() for layer in (v, psi))
    expected = (
        (one_hot * (phi @ matrix.T + v.bias.detach().numpy())).sum(axis=1)
        + phi @ line[0]
        + psi.bias.item()
    )
    np.testing.assert_allclose(
        discriminator(random_images(), LABELS).score.detach().numpy(),
        expected,
        rtol=1e-4,
        atol=1e-6,
    )


# ---- losses


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("classifier", [0, 0.5])
def test_losses_are_the_papers(condition: str, classifier: float) -> None:
    if condition == "none" and not classifier:
        return
    gan = build_gan(
        discriminator_condition=condition,
        classifier=classifier,
        classifier_data="all",
        real_target=1,
    )
    (discriminator, generator), (real, fake, again) = play_step(gan)
    assert (discriminator.player, generator.player) == ("discriminator", "generator")
    source = -(log_sigmoid(real.score).mean() + log_sigmoid(-fake.score).mean())
    classes = (
        negative_log_likelihood(real.classes) + negative_log_likelihood(fake.classes)
        if classifier
        else 0
    )
    assert discriminator.loss.item() == pytest.approx(source + classifier * classes, rel=1e-5)
    mistake = negative_log_likelihood(again.classes) if classifier else 0
    assert generator.loss.item() == pytest.approx(
        -log_sigmoid(again.score).mean() + classifier * mistake, rel=1e-5
    )
    expected = {"score/real", "score/fake"} | (
        {"class/real", "class/fake"} if classifier else set()
    )
    assert set(discriminator.log) == expected


def test_the_classifier_may_learn_from_real_pictures_alone() -> None:
    (discriminator, _), (real, fake, _) = play_step(
        build_gan(classifier=2, classifier_data="real", real_target=1)
    )
    source = -(log_sigmoid(real.score).mean() + log_sigmoid(-fake.score).mean())
    assert discriminator.loss.item() == pytest.approx(
        source + 2 * negative_log_likelihood(real.classes), rel=1e-5
    )


def test_the_share_of_classes_named_is_logged() -> None:
    (discriminator, _), (real, fake, _) = play_step(build_gan(classifier=1))
    for name, verdict in (("class/real", real), ("class/fake", fake)):
        right = [
            line.argmax().item() == label
            for line, label in zip(verdict.classes, LABELS.tolist(), strict=True)
        ]
        assert discriminator.log[name].item() == pytest.approx(np.mean(right))


def test_smoothing_is_one_sided() -> None:
    (discriminator, _), (real, fake, _) = play_step(build_gan(real_target=0.9))
    expected = (
        -(0.9 * log_sigmoid(real.score) + 0.1 * log_sigmoid(-real.score)).mean()
        - log_sigmoid(-fake.score).mean()
    )
    assert discriminator.loss.item() == pytest.approx(expected, rel=1e-5)


def test_presets() -> None:
    assert set(PLUGIN.presets) == {"mlp", "concatenation", "embedding", "projection", "acgan"}
    for preset in PLUGIN.presets.values():
        gan = PLUGIN.build(
            override(
                preset, {"width": 4, "generator": "8", "discriminator": "8", "classes": "a,b,c"}
            )
        )
        assert all(torch.isfinite(update.loss) for update in play_step(gan)[0])
    assert {name for name, preset in PLUGIN.presets.items() if preset.classifier} == {"acgan"}
    assert PLUGIN.presets["acgan"].classifier_data == "all"
    spectral = PLUGIN.build(override(PLUGIN.presets["projection"], {"width": 4})).discriminator
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in spectral.modules())
    assert is_parametrized(spectral.projection)


# ---- data and configuration


def test_class_names_and_shape_come_from_the_data() -> None:
    facts = Facts(name="pets", kind="images", count=9, channels=3, size=50, classes=("cat", "dog"))
    config = PLUGIN.adapt(PLUGIN.config(), facts)
    assert (config.classes, config.channels, config.size) == (("cat", "dog"), 3, 32)
    assert PLUGIN.inputs(config)["label"] == Label(("cat", "dog"))


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing would tie an image to its class"):
        convert({"discriminator_condition": "none", "classifier": 0.0}, PLUGIN.config, "--set")
    with pytest.raises(DataError, match="holds points, and images are asked for"):
        train("cgan", "gaussians", out=tmp_path / "points", device="cpu")
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="asks for labels"):
        train("cgan", str(tmp_path), out=tmp_path / "run", device="cpu")


def test_the_class_is_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two classes, each bright on one side of the image."""
    for constant, value in {"FIXED": 4, "ESTIMATE_BATCHES": 4, "ESTIMATE_SIZE": 16}.items():
        monkeypatch.setattr(artifacts, constant, value)
    for name in ("left", "right"):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for number in range(16):
            levels = np.random.default_rng(number).integers(0, 40, size=(28, 28)).astype(np.uint8)
            levels[:, slice(0, 14) if name == "left" else slice(14, 28)] += 200
            Image.fromarray(levels).save(folder / f"{number}.png")
    settings = {"width": 8, "latent": 8, "ema": 0.9, "lr_generator": 2e-3, "lr_discriminator": 2e-3}
    out = tmp_path / "run"
    run = train(
        "cgan",
        str(tmp_path / "data"),
        settings=settings,
        steps=80,
        batch_size=16,
        out=out,
        device="cpu",
        sample_every=0,
    )
    model = ganzoo.load(run)
    for name, sign in (("left", 1), ("right", -1)):
        made = model.sample(16, seed=0, label=name).tensor
        tilt = made[..., :14].mean(dim=(1, 2, 3)) - made[..., 14:].mean(dim=(1, 2, 3))
        assert (sign * tilt > 0.5).float().mean() > 0.9
