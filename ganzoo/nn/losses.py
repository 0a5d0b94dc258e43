"""Adversarial losses, gradient penalties and the KL divergence, in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Adversarial = Literal["bce", "least-squares", "hinge"]


def discriminator_loss(
    kind: Adversarial,
    real: Tensor,
    fake: Tensor,
    real_target: float | Tensor = 1.0,
    fake_target: float | Tensor = 0.0,
) -> Tensor:
    """The discriminator's loss from its raw outputs (logits) on real and generated examples.

    bce: minimax value, Goodfellow et al. 2014, eq. 1. least-squares: Mao et al. 2017, eq. 2 with b = `real_target`,
    a = `fake_target`, halves left out. hinge: Lim and Ye 2017, targets have no meaning. Computed in float32.
    """
    real, fake = real.float(), fake.float()
    if kind == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    distance = _distance(kind)
    return distance(real, _target(real_target, real)) + distance(fake, _target(fake_target, fake))


def generator_loss(kind: Adversarial, fake: Tensor, target: float | Tensor = 1.0) -> Tensor:
    """The generator's loss from the discriminator's raw output on what it made; bce is the non-saturating form."""
    fake = fake.float()
    return -fake.mean() if kind == "hinge" else _distance(kind)(fake, _target(target, fake))


def bce(raw: Tensor, target: float | Tensor) -> Tensor:
    """Mean binary cross-entropy of raw outputs (logits) and one target for all or one for each, in float32."""
    return generator_loss("bce", raw, target)


def scores(kind: Adversarial, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """`score/real` and `score/fake` for the log: mean probabilities, whatever the loss."""

    def probability(raw: Tensor) -> Tensor:
        raw = raw.detach().float()
        return raw.clamp(0, 1).mean() if kind == "least-squares" else raw.sigmoid().mean()

    return {"score/real": probability(real), "score/fake": probability(fake)}


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """mean((|grad of critic at a mix| - 1)^2), Gulrajani et al. 2017, eq. 3, in float32 even under autocast.

    `share`: (n,) uniform in [0, 1), how much of `real` each mix holds.
    """
    share = share.view(-1, *[1] * (real.ndim - 1))
    gradient = _gradient(critic, share * real + (1 - share) * fake)
    norm: Tensor = torch.linalg.vector_norm(gradient, dim=tuple(range(1, gradient.ndim)))
    return (norm - 1).square().mean()


def r1_penalty(discriminator: nn.Module, real: Tensor) -> Tensor:
    """mean(|grad of discriminator at real|^2), Mescheder et al. 2018, eq. 9 without its gamma / 2; in float32 even under
    autocast."""
    return _gradient(discriminator, real).square().sum() / len(real)


def kl_to_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, I)) of each row, (n,), in nats (Kingma and Welling 2014, appendix B)."""
    mean, log_variance = mean.float(), log_variance.float()
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(dim=1)


def _distance(kind: Adversarial) -> Callable[[Tensor, Tensor], Tensor]:
    return F.binary_cross_entropy_with_logits if kind == "bce" else F.mse_loss


def _target(value: float | Tensor, like: Tensor) -> Tensor:
    return value.to(like) if isinstance(value, Tensor) else torch.full_like(like, value)


def _gradient(network: nn.Module, at: Tensor) -> Tensor:
    """Of the summed output of `network` at `at`, of its shape; float32, differentiable."""
    at = at.detach().float().requires_grad_(True)
    with torch.autocast(at.device.type, enabled=False):
        (gradient,) = torch.autograd.grad(network(at).sum(), at, create_graph=True)
    return gradient
