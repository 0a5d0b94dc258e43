"""Building blocks for architectures: stacks, layers, losses, penalties, an image pool."""

from __future__ import annotations

from ganzoo.nn.layers import NearestConvolution, Projection
from ganzoo.nn.losses import (
    Adversarial,
    bce,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    kl_to_normal,
    r1_penalty,
    scores,
)
from ganzoo.nn.pool import query_pool
from ganzoo.nn.stacks import (
    Bias,
    Norm,
    Start,
    downsampling,
    evaluating,
    halvings,
    head,
    init_normal,
    normalization,
    random_crop,
    smallest_maps,
    spectral,
    upsampling,
)

__all__ = [
    "Adversarial",
    "Bias",
    "NearestConvolution",
    "Norm",
    "Projection",
    "Start",
    "bce",
    "discriminator_loss",
    "downsampling",
    "evaluating",
    "generator_loss",
    "gradient_penalty",
    "halvings",
    "head",
    "init_normal",
    "kl_to_normal",
    "normalization",
    "query_pool",
    "r1_penalty",
    "random_crop",
    "scores",
    "smallest_maps",
    "spectral",
    "upsampling",
]
