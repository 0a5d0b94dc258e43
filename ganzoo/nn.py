"""What architectures share: initialisation, adversarial losses, penalties, DCGAN-shaped stacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

Adversarial = Literal["bce", "least-squares", "hinge"]


def init_normal(module: nn.Module, std: float = 0.02) -> nn.Module:
    """Convolutions and linear layers N(0, std), BatchNorm scales N(1, std), biases 0 (Radford et al. 2016, section 4)."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, std)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, std)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return module


def spectral(module: nn.Module) -> nn.Module:
    """Every convolution and linear layer divided by its largest singular value (Miyato et al. 2018)."""
    for layer in list(module.modules()):
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            spectral_norm(layer)
    return module


def discriminator_loss(
    kind: Adversarial, real: Tensor, fake: Tensor, real_target: float | Tensor = 1.0, fake_target: float | Tensor = 0.0
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
    """mean((|grad of critic at a mix| - 1)^2), Gulrajani et al. 2017, eq. 3.

    `share`: (n,) uniform in [0, 1), how much of `real` each mix holds. Norm in float32.
    """
    share = share.view(-1, *[1] * (real.ndim - 1))
    mixed = (share * real + (1 - share) * fake).detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    norm: Tensor = gradient.float().flatten(1).norm(dim=1)
    return (norm - 1).square().mean()


def kl_to_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, I)) of each row, (n,), in nats (Kingma and Welling 2014, appendix B)."""
    mean, log_variance = mean.float(), log_variance.float()
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(dim=1)


def _distance(kind: Adversarial) -> Callable[[Tensor, Tensor], Tensor]:
    return F.binary_cross_entropy_with_logits if kind == "bce" else F.mse_loss


def _target(value: float | Tensor, like: Tensor) -> Tensor:
    return value.to(like) if isinstance(value, Tensor) else torch.full_like(like, value)
