"""wgan against its papers: algorithms in plain numbers, order of updates, critics."""

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
from ganzoo.config import override
from ganzoo.errors import ConfigError
from ganzoo.gan import Step, Update
from ganzoo.pictures import plots
from ganzoo.spec import Facts
from ganzoo.training import artifacts
from ganzoo.training.engine import Engine
from ganzoo.training.optim import Mover
from ganzoo.training.run import train
from ganzoo.zoo import registry

N, LATENT = 5, 6
PRESETS = tuple(registry.get("wgan").presets)


def build_gan(preset: str = "penalty", **settings: Any) -> Any:
    torch.manual_seed(0)
    plugin = registry.get("wgan")
    small = {"channels": 1, "size": 28, "width": 4, "latent": LATENT}
    return plugin.build(override(plugin.presets[preset], small | settings))


def step(index: int = 0) -> Step:
    return Step(index, "train", 10, torch.Generator().manual_seed(7))


def random_images(channels: int = 1, size: int = 28) -> Tensor:
    return torch.rand(N, channels, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1


def updates(gan: Any, index: int = 0) -> list[Update]:
    return list(gan.losses({"image": random_images()}, step(index)))


@pytest.mark.parametrize(
    "settings", [{}, {"constraint": "spectral", "critic_norm": "none"}, {"critic_norm": "instance"}]
)
def test_a_hidden_layer_on_either_side_mixes_no_pictures_in_the_critic(
    settings: dict[str, str],
) -> None:
    gan = build_gan(hidden=6, **settings)
    images = gan.sample({"latent": torch.randn(3, LATENT)})
    assert images.shape == (3, 1, 28, 28)
    assert [type(layer) for layer in gan.generator.layers[:3]] == [
        nn.Linear,
        nn.BatchNorm1d,
        nn.ReLU,
    ]
    assert not any(
        isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in gan.critic.modules()
    )
    gan.eval()  # spectral normalization stands still
    torch.testing.assert_close(
        gan.critic(images), torch.cat([gan.critic(image[None]) for image in images])
    )
    critic, generator = updates(gan.train(), index=gan.config.critic_steps - 1)
    assert torch.isfinite(critic.loss)
    assert torch.isfinite(generator.loss)


@pytest.mark.parametrize("size", [28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes(size: int, channels: int) -> None:
    gan = build_gan(size=size, channels=channels, critic_width=8)
    images = gan.sample({"latent": torch.zeros(2, LATENT)})
    assert images.shape == (2, channels, size, size)
    assert gan.critic(images).shape == (2,)
    assert gan.critic.layers[0].out_channels == 8


@pytest.mark.parametrize("norm", ["layer", "instance", "none"])
def test_the_critics_loss_is_that_of_algorithm_1_of_the_second_paper(norm: str) -> None:
    """Gulrajani et al. 2017, lines 4 to 8, example by example."""
    gan, real = build_gan(critic_norm=norm, penalty=10.0), random_images()
    rng = torch.Generator().manual_seed(7)
    latent, share = torch.randn(N, LATENT, generator=rng), torch.rand(N, generator=rng)
    fake = gan.generator(latent).detach()
    losses, distances = [], []
    for i in range(N):
        mixed = (share[i] * real[i] + (1 - share[i]) * fake[i])[None].requires_grad_()
        (gradient,) = torch.autograd.grad(gan.critic(mixed), mixed)
        slope = float(np.sqrt((gradient.double().numpy() ** 2).sum()))
        distances.append(float((gan.critic(real[i][None]) - gan.critic(fake[i][None])).detach()))
        losses.append(-distances[-1] + 10 * (slope - 1) ** 2)
    (update,) = updates(gan)
    assert update.player == "critic"
    assert float(update.loss.detach()) == pytest.approx(np.mean(losses), rel=1e-4)
    assert float(update.log["wasserstein"].detach()) == pytest.approx(
        np.mean(distances), rel=1e-3, abs=1e-6
    )


def test_one_step_of_algorithm_1_of_the_first_paper() -> None:
    """Arjovsky et al. 2017, lines 2 to 7: gradient of the mean difference, RMSProp, clipping."""
    gan = build_gan("clip", critic_norm="none", clip=0.02, lr_critic=0.005)
    phase = gan.phases()[0]
    (update,) = updates(gan)
    before = [parameter.detach().numpy().copy() for parameter in gan.critic.parameters()]
    on_real, on_fake = (
        gan.critic(random_images()),
        gan.critic(gan.generator(torch.randn(N, LATENT, generator=step().rng)).detach()),
    )
    gradients = torch.autograd.grad(on_real.mean() - on_fake.mean(), list(gan.critic.parameters()))
    Engine("cpu", "fp32").move(Mover(gan, phase.players["critic"], phase), update.loss, 0)
    for parameter, old, gradient in zip(gan.critic.parameters(), before, gradients, strict=True):
        g = gradient.numpy()
        ascended = old + 0.005 * g / (np.sqrt(0.01 * g**2) + 1e-8)
        np.testing.assert_allclose(
            parameter.detach().numpy(), np.clip(ascended, -0.02, 0.02), rtol=1e-3, atol=1e-5
        )
    assert max(
        float(parameter.detach().abs().max()) for parameter in gan.critic.parameters()
    ) == pytest.approx(0.02)


def test_the_generator_moves_after_every_so_many_batches() -> None:
    gan = build_gan(critic_steps=3)
    moved = ["".join(update.player[0] for update in updates(gan, index)) for index in range(6)]
    assert moved == ["c", "c", "cg"] * 2


def test_the_generator_raises_the_critics_value_of_new_examples() -> None:
    gan = build_gan("clip", critic_steps=1, critic_norm="none")
    rng = torch.Generator().manual_seed(7)
    _, second = torch.randn(N, LATENT, generator=rng), torch.randn(N, LATENT, generator=rng)
    expected = -float(gan.critic(gan.generator(second)).mean().detach())
    assert float(updates(gan)[1].loss.detach()) == pytest.approx(expected, rel=1e-4)


def test_the_generators_gradient_survives_its_pass_without_one_under_bf16() -> None:
    """Autocast caches cast weights; a pass without gradients must not leave them to the next."""
    gan, engine = build_gan(critic_steps=1), Engine("cpu", "bf16")
    update = list(engine.drive(gan.losses({"image": random_images()}, step())))[1]
    gradients = torch.autograd.grad(update.loss, list(gan.generator.parameters()))
    assert all(float(gradient.abs().sum()) > 0 for gradient in gradients)


def test_spectral_normalization_holds_every_layer_of_the_critic() -> None:
    gan = build_gan("spectral")
    for _ in range(100):  # one turn of the power iteration each
        gan.critic(random_images())
    found = [
        layer.weight.detach().flatten(1)
        for layer in gan.critic.modules()
        if isinstance(layer, nn.Conv2d)
    ]
    assert len(found) == 3
    assert [float(torch.linalg.matrix_norm(weight, 2)) for weight in found] == pytest.approx(
        [1] * 3, rel=0.01
    )


@pytest.mark.parametrize(
    ("preset", "optimizer", "rates", "betas", "clip"),
    [
        ("clip", "rmsprop", {5e-5}, None, 0.01),
        ("penalty", "adam", {1e-4}, (0, 0.9), None),
        ("spectral", "adam", {2e-4}, (0, 0.9), None),
    ],
)
def test_presets_learn_as_their_papers_say(
    preset: str,
    optimizer: str,
    rates: set[float],
    betas: tuple[float, float] | None,
    clip: float | None,
) -> None:
    gan = build_gan(preset)
    players = gan.phases()[0].players
    assert {player.optimizer for player in players.values()} == {optimizer}
    assert {player.lr for player in players.values()} == rates
    assert betas is None or {player.betas for player in players.values()} == {betas}
    assert (players["critic"].clip_weights, players["generator"].clip_weights) == (clip, None)
    assert (gan.config.critic_steps, gan.config.batch) == (5, 64)


def test_the_critic_of_a_penalty_mixes_no_pictures() -> None:
    gan, real = build_gan(), random_images()
    torch.testing.assert_close(gan.critic(real)[2:3], gan.critic(real[2:3]))
    assert not any(
        isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in gan.critic.modules()
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"critic_norm": "batch"}, "set critic_norm to layer, instance or none"),
        ({"constraint": "spectral"}, "set critic_norm=none"),
        ({"size": 128}, "size"),
        ({"critic_steps": 0}, "critic_steps"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build_gan(**settings)


@pytest.mark.parametrize(
    ("size", "expected"), [(28, 28), (30, 28), (32, 32), (64, 64), (218, 64), (8, 28)]
)
def test_the_size_follows_the_data(size: int, expected: int) -> None:
    plugin = registry.get("wgan")
    adapted = plugin.adapt(
        plugin.config(), Facts(name="x", kind="images", count=1, channels=1, size=size)
    )
    assert (adapted.size, adapted.channels) == (expected, 1)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_trains_samples_and_logs_the_distance(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for constant, value in {"FIXED": 4, "ESTIMATE_BATCHES": 2, "ESTIMATE_SIZE": 4}.items():
        monkeypatch.setattr(artifacts, constant, value)
    (tmp_path / "pictures").mkdir()
    for number in range(8):
        levels = np.random.default_rng(number).integers(256, size=(28, 28), dtype=np.uint8)
        Image.fromarray(levels).save(tmp_path / "pictures" / f"{number}.png")
    run = train(
        "wgan",
        str(tmp_path / "pictures"),
        preset=preset,
        settings={"width": "4", "critic_steps": "2"},
        steps=4,
        batch_size=4,
        out=tmp_path / "run",
        device="cpu",
        sample_every=0,
        log_every=1,
    )
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert [("loss/generator" in row, "wasserstein" in row) for row in rows] == [
        (False, True),
        (True, True),
    ] * 2
    lost = [-row["wasserstein"] + 10 * row.get("penalty", 0) for row in rows]
    assert [row["loss/critic"] for row in rows] == pytest.approx(lost, rel=1e-4, abs=1e-6)
    expected = {
        "loss": ["loss/critic", "loss/generator"],
        "penalty": ["penalty"],
        "wasserstein": ["wasserstein"],
    }
    assert plots.group_keys(rows) == {
        name: keys for name, keys in expected.items() if name != "penalty" or preset == "penalty"
    }
    assert ganzoo.load(run).sample(2, seed=0).tensor.shape == (2, 1, 28, 28)
