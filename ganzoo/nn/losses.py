"""Adversarial losses, gradient penalties and the KL divergence, all in float32."""

from __future__ import annotations

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
    """The discriminator's loss from its logits for real and generated examples.

    bce: Goodfellow et al. 2014, eq. 1. least-squares: Mao et al. 2017, eq. 2, with b =
    `real_target` and a = `fake_target`, without the factors 1/2. hinge: Lim and Ye 2017; targets
    are ignored.
    """
    real, fake = real.float(), fake.float()
    if kind == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    return _distance(kind, real, real_target) + _distance(kind, fake, fake_target)


def generator_loss(kind: Adversarial, fake: Tensor, target: float | Tensor = 1.0) -> Tensor:
    """The generator's loss from the discriminator's logits; bce is the non-saturating form."""
    fake = fake.float()
    return -fake.mean() if kind == "hinge" else _distance(kind, fake, target)


def bce(raw: Tensor, target: float | Tensor) -> Tensor:
    """Mean binary cross-entropy of logits; `target` is one for all or one for each."""
    return generator_loss("bce", raw, target)


def scores(kind: Adversarial, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """`score/real` and `score/fake` for the log: mean probabilities for any loss."""

    def probability(raw: Tensor) -> Tensor:
        raw = raw.detach().float()
        return raw.clamp(0, 1).mean() if kind == "least-squares" else raw.sigmoid().mean()

    return {"score/real": probability(real), "score/fake": probability(fake)}


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """mean((|grad of critic at a mix| - 1)^2), Gulrajani et al. 2017, eq. 3, also under autocast.

    `share`: (n,) uniform in [0, 1), the weight of `real` in each mix.
    """
    share = share.view(-1, *[1] * (real.ndim - 1))
    gradient = _gradient(critic, share * real + (1 - share) * fake)
    norm: Tensor = torch.linalg.vector_norm(gradient, dim=tuple(range(1, gradient.ndim)))
    return (norm - 1).square().mean()


def r1_penalty(discriminator: nn.Module, real: Tensor) -> Tensor:
    """mean(|grad of discriminator at real|^2), Mescheder et al. 2018, eq. 9 without gamma / 2."""
    return _gradient(discriminator, real).square().sum() / len(real)


def kl_to_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, I)), (n,), in nats (Kingma and Welling 2014, appendix B)."""
    mean, log_variance = mean.float(), log_variance.float()
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(dim=1)


def _distance(kind: Adversarial, raw: Tensor, target: float | Tensor) -> Tensor:
    like = target.to(raw) if isinstance(target, Tensor) else torch.full_like(raw, target)
    if kind == "bce":
        return F.binary_cross_entropy_with_logits(raw, like)
    return F.mse_loss(raw, like)


def _gradient(network: nn.Module, at: Tensor) -> Tensor:
    """Gradient of the summed output at `at`, of its shape; float32, differentiable."""
    at = at.detach().float().requires_grad_(True)
    with torch.autocast(at.device.type, enabled=False):
        (gradient,) = torch.autograd.grad(network(at).sum(), at, create_graph=True)
    return gradient
