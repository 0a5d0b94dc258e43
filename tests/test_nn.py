"""Shared mathematics against independent references."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from ganzoo.gan import Step
from ganzoo.nn import (
    Adversarial,
    Norm,
    discriminator_loss,
    downsampling,
    generator_loss,
    gradient_penalty,
    head,
    init_normal,
    kl_to_normal,
    normalization,
    r1_penalty,
    random_crop,
    scores,
    smallest_maps,
    upsampling,
)

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(size=(2, 7, 3)) * 3
KINDS: tuple[Adversarial, ...] = ("bce", "least-squares", "hinge")


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def bce(logits: np.ndarray, target: float) -> float:
    p = sigmoid(logits)
    return float(-(target * np.log(p) + (1 - target) * np.log(1 - p)).mean())


def tensors() -> tuple[Tensor, Tensor]:
    return torch.tensor(REAL), torch.tensor(FAKE)


@pytest.mark.parametrize(
    ("kind", "targets", "expected"),
    [
        ("bce", (1.0, 0.0), bce(REAL, 1) + bce(FAKE, 0)),
        ("bce", (0.9, 0.1), bce(REAL, 0.9) + bce(FAKE, 0.1)),
        ("least-squares", (1.0, 0.0), ((REAL - 1) ** 2).mean() + (FAKE**2).mean()),
        ("least-squares", (0.5, -1.0), ((REAL - 0.5) ** 2).mean() + ((FAKE + 1) ** 2).mean()),
        ("hinge", (1.0, 0.0), np.maximum(0, 1 - REAL).mean() + np.maximum(0, 1 + FAKE).mean()),
    ],
)
def test_discriminator_losses(
    kind: Adversarial, targets: tuple[float, float], expected: float
) -> None:
    assert float(discriminator_loss(kind, *tensors(), *targets)) == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("bce", -np.log(sigmoid(FAKE)).mean()),
        ("least-squares", ((FAKE - 1) ** 2).mean()),
        ("hinge", -FAKE.mean()),
    ],
)
def test_generator_losses(kind: Adversarial, expected: float) -> None:
    assert float(generator_loss(kind, tensors()[1])) == pytest.approx(expected, rel=1e-5)


def test_targets_may_differ_by_example() -> None:
    real, fake = tensors()
    smooth = torch.rand(7, 3, dtype=torch.float64)
    expected = (
        np.mean([(REAL[i, j] - float(smooth[i, j])) ** 2 for i in range(7) for j in range(3)])
        + (FAKE**2).mean()
    )
    assert float(discriminator_loss("least-squares", real, fake, smooth)) == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize("kind", KINDS)
def test_losses_of_bf16_outputs_are_float32(kind: Adversarial) -> None:
    real, fake = (tensor.bfloat16() for tensor in tensors())
    assert (
        discriminator_loss(kind, real, fake).dtype
        == generator_loss(kind, fake).dtype
        == torch.float32
    )
    expected = discriminator_loss(kind, real.double(), fake.double())
    assert float(discriminator_loss(kind, real, fake)) == pytest.approx(float(expected), rel=1e-5)


def test_bce_does_not_overflow() -> None:
    large = torch.tensor([[200.0]])
    assert float(discriminator_loss("bce", -large, large)) == pytest.approx(400)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_detached_probabilities(kind: Adversarial) -> None:
    real, fake = (tensor.requires_grad_() for tensor in tensors())
    found = scores(kind, real, fake)
    probability = (lambda x: np.clip(x, 0, 1)) if kind == "least-squares" else sigmoid
    assert set(found) == {"score/real", "score/fake"}
    assert float(found["score/real"]) == pytest.approx(probability(REAL).mean(), rel=1e-5)
    assert float(found["score/fake"]) == pytest.approx(probability(FAKE).mean(), rel=1e-5)
    assert not found["score/real"].requires_grad


def test_the_penalty_of_a_linear_critic_and_its_gradient_are_known() -> None:
    critic = nn.Linear(3, 1, bias=False)
    share = torch.rand(7)
    penalty = gradient_penalty(critic, *(tensor.float() for tensor in tensors()), share)  # type: ignore[call-arg]
    weight = critic.weight.detach()
    norm = weight.norm()
    assert float(penalty.detach()) == pytest.approx(float((norm - 1) ** 2), rel=1e-5)
    penalty.backward()
    assert critic.weight.grad is not None
    assert torch.allclose(critic.weight.grad, 2 * (norm - 1) * weight / norm, rtol=1e-4)


class Cubic(nn.Module):
    """sum of a x^3 over an image; its gradient is 3 a x^2."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(0.7))

    def forward(self, image: Tensor) -> Tensor:
        return (self.a * image**3).flatten(1).sum(dim=1, keepdim=True)


def test_the_penalty_is_taken_at_each_examples_own_mix() -> None:
    real, fake = torch.randn(2, 5, 2, 4, 4)
    share = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
    norms = []
    for i in range(5):
        mixed = float(share[i]) * real[i].numpy() + (1 - float(share[i])) * fake[i].numpy()
        norms.append(np.sqrt(((3 * 0.7 * mixed**2) ** 2).sum()))
    critic, norm = Cubic(), np.array(norms)
    penalty = gradient_penalty(critic, real, fake, share)
    assert float(penalty.detach()) == pytest.approx(np.mean((norm - 1) ** 2), rel=1e-5)
    penalty.backward()
    assert critic.a.grad is not None
    assert float(critic.a.grad) == pytest.approx(np.mean(2 * (norm - 1) * norm / 0.7), rel=1e-5)


def test_a_critic_under_the_penalty_finds_the_distance_of_two_points() -> None:
    """max over slopes s of s d - weight (s - 1)^2 is at s = 1 + d / (2 weight), just above 1."""
    critic = nn.Linear(2, 1, bias=False)
    real, fake = torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)
    optimizer = torch.optim.SGD(critic.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        distance = critic(real).mean() - critic(fake).mean()
        (10 * gradient_penalty(critic, real, fake, torch.rand(1)) - distance).backward()
        optimizer.step()
    assert float((critic(real) - critic(fake)).detach()) == pytest.approx(
        5 * (1 + 5 / 20), rel=1e-3
    )


def test_r1_is_the_mean_square_of_the_gradient_at_real_examples() -> None:
    real, critic = torch.randn(5, 2, 4, 4), Cubic()
    squares = np.array([((3 * 0.7 * one.numpy() ** 2) ** 2).sum() for one in real])
    penalty = r1_penalty(critic, real)
    assert float(penalty.detach()) == pytest.approx(squares.mean(), rel=1e-5)
    penalty.backward()
    assert critic.a.grad is not None
    assert float(critic.a.grad) == pytest.approx(2 * squares.mean() / 0.7, rel=1e-5)
    assert real.grad is None


def test_penalties_are_float32_under_autocast() -> None:
    torch.manual_seed(0)
    critic = init_normal(nn.Sequential(*downsampling(3, 32, 4, norm="layer"), head(32, 4)), 0.1)
    (real, fake), share = torch.randn(2, 6, 3, 32, 32), torch.rand(6)
    expected = gradient_penalty(critic, real, fake, share), r1_penalty(critic, real)
    with torch.autocast("cpu", torch.bfloat16):
        assert critic(real).dtype == torch.bfloat16
        found = gradient_penalty(critic, real, fake, share), r1_penalty(critic, real)
    torch.testing.assert_close(found, expected)


def test_the_penalty_does_not_reach_the_generator() -> None:
    real, fake = torch.randn(2, 4, 3)
    fake.requires_grad_()
    gradient_penalty(
        nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)), real, fake, torch.rand(4)
    ).backward()
    assert fake.grad is None


def test_kl_against_torch_distributions() -> None:
    mean, log_variance = torch.randn(2, 6, 4, dtype=torch.float64)
    law = Normal(mean, (log_variance / 2).exp())
    expected = kl_divergence(law, Normal(torch.zeros_like(mean), torch.ones_like(mean))).sum(dim=1)
    assert torch.allclose(kl_to_normal(mean, log_variance).double(), expected, rtol=1e-5)
    assert kl_to_normal(torch.zeros(2, 3), torch.zeros(2, 3)).tolist() == [0, 0]


def test_initialisation() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(16, 32, 4),
        nn.BatchNorm2d(4096),
        nn.ConvTranspose2d(32, 16, 4, bias=False),
        nn.Linear(64, 64),
    )
    nn.init.ones_(network[1].bias)  # type: ignore[arg-type]
    assert init_normal(network.requires_grad_(False), std=0.05) is network
    for layer in (network[0], network[2], network[3]):
        assert float(layer.weight.std()) == pytest.approx(0.05, rel=0.05)
        assert abs(float(layer.weight.mean())) < 0.003
    assert float(network[1].weight.mean()) == pytest.approx(1, abs=0.005)
    assert float(network[1].weight.std()) == pytest.approx(0.05, rel=0.05)
    assert all(float(layer.bias.abs().sum()) == 0 for layer in (network[0], network[1], network[3]))


# ---- stacks


@pytest.mark.parametrize("norm", ["batch", "instance", "layer", "none"])
@pytest.mark.parametrize("size", [28, 32, 64, 128])
def test_stacks_meet_at_the_smallest_maps(size: int, norm: Norm) -> None:
    images = upsampling(7, 3, size, 4, norm=norm)(torch.zeros(2, 7, 1, 1))
    assert images.shape == (2, 3, size, size)
    trunk = downsampling(3, size, 4, norm=norm, first_norm=True)
    channels, side = smallest_maps(size, 4)
    assert trunk(images).shape == (2, channels, side, side)
    assert head(size, 4, outputs=10)(trunk(images)).shape == (2, 10, 1, 1)


@pytest.mark.parametrize("kernel", [3, 4, 5, 6, 7])
def test_every_kernel_halves_and_doubles(kernel: int) -> None:
    images = upsampling(7, 1, 28, 4, kernel=kernel)(torch.zeros(2, 7, 1, 1))
    assert images.shape == (2, 1, 28, 28)
    assert downsampling(1, 28, 4, kernel=kernel)(images).shape == (2, 8, 7, 7)


@pytest.mark.parametrize(
    ("norm", "bias", "expected"),
    [
        (
            "batch",
            "needed",
            [True, False, True],
        ),  # the first layer has no norm, the last stands alone
        ("instance", "needed", [True, False, True]),
        ("layer", "needed", [True, True, True]),
        ("none", "needed", [True, True, True]),
        ("batch", "all", [True, True, True]),
        ("none", "linear", [False, False, True]),
    ],
)
def test_a_bias_stands_where_no_norm_takes_it_away(
    norm: Norm, bias: Any, expected: list[bool]
) -> None:
    network = nn.Sequential(*downsampling(1, 28, 4, norm=norm, bias=bias), head(28, 4))
    assert [layer.bias is not None for layer in network if isinstance(layer, nn.Conv2d)] == expected


@pytest.mark.parametrize(
    ("norm", "axes"), [("layer", (1, 2, 3)), ("instance", (2, 3)), ("batch", (0, 2, 3))]
)
def test_norms_against_numpy(norm: Norm, axes: tuple[int, ...]) -> None:
    maps = RNG.normal(2, 3, size=(4, 5, 6, 6))
    (layer,) = normalization(norm, 5)
    expected = (maps - maps.mean(axes, keepdims=True)) / np.sqrt(
        maps.var(axes, keepdims=True) + 1e-5
    )
    torch.testing.assert_close(
        layer(torch.tensor(maps).float()), torch.tensor(expected).float(), rtol=1e-4, atol=1e-5
    )
    assert sum(parameter.numel() for parameter in layer.parameters()) == 2 * 5


def test_squares_are_cut_at_every_place_of_their_own() -> None:
    side, size, n = 6, 4, 200
    images = torch.arange(side * side).float().view(1, 1, side, side).expand(n, 1, side, side)
    cut = random_crop(images, size, Step(0, "train", 1, torch.Generator().manual_seed(0)))
    corners = cut[:, 0, 0, 0]
    assert {(int(c) // side, int(c) % side) for c in corners} == {
        (r, c) for r in range(3) for c in range(3)
    }
    square = (torch.arange(size)[:, None] * side + torch.arange(size)).float()
    torch.testing.assert_close(cut, corners.view(n, 1, 1, 1) + square)
    assert random_crop(images, side, Step(0, "train", 1, torch.Generator())) is images
