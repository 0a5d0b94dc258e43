"""The contract of an architecture: its networks, how they are trained, how they are sampled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal

import torch
from torch import Tensor, nn

from ganzoo.config import C

MEANING = "meaning"
"""Key under which `sample` accepts text embeddings instead of the tokens of a `Text` input."""


@dataclass(frozen=True, kw_only=True)
class Player:
    """One side of the game: the networks that it updates, and its optimizer.

    `schedule` "linear": the learning rate is constant for the first half of the phase and falls to
    0 at its end (CycleGAN). `clip_weights`: weights are clamped to [-c, c] after each step (WGAN).
    `clip_grad`: largest gradient norm.
    """

    networks: tuple[str, ...]
    optimizer: Literal["adam", "rmsprop", "sgd"] = "adam"
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 0.0
    schedule: Literal["constant", "linear"] = "constant"
    clip_weights: float | None = None
    clip_grad: float | None = None


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A part of training. Networks that none of its players updates are frozen, in eval mode.

    `batch`: examples per step and process. `ema`: decay of the averaged weights, reached as
    min(ema, (1 + i) / (10 + i)) at step i.
    """

    name: str = "train"
    steps: int
    batch: int
    players: Mapping[str, Player]
    ema: float = 0.999


@dataclass(frozen=True)
class Step:
    """The current step, and the only source of randomness of `losses`, on the batch's device.

    `index` counts from 0 within the phase, which has `steps` steps.
    """

    index: int
    phase: str
    steps: int
    rng: torch.Generator

    def noise(self, *shape: int) -> Tensor:
        """N(0, 1)."""
        return torch.randn(shape, generator=self.rng, device=self.rng.device)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Uniform in [low, high)."""
        return torch.rand(shape, generator=self.rng, device=self.rng.device) * (high - low) + low

    def integers(self, high: int, *shape: int) -> Tensor:
        """int64, uniform in [0, high)."""
        return torch.randint(high, shape, generator=self.rng, device=self.rng.device)

    def permutation(self, n: int) -> Tensor:
        """The numbers 0 to n - 1 in random order."""
        return torch.randperm(n, generator=self.rng, device=self.rng.device)


@dataclass(frozen=True)
class Update:
    """A player's scalar loss to minimize now, and scalars to log with it (detached or not)."""

    player: str
    loss: Tensor
    log: Mapping[str, Tensor] = field(default_factory=dict)


class Views(Mapping[str, Tensor]):
    """Views that `sample` gives beside "sample".

    A view given as a function is computed at its first use, so that unused views cost nothing.
    """

    def __init__(self, **views: Tensor | Callable[[], Tensor]) -> None:
        self._views = views

    def __getitem__(self, name: str) -> Tensor:
        view = self._views[name]
        if not isinstance(view, Tensor):
            view = self._views[name] = view()
        return view

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)


class GAN(nn.Module, ABC, Generic[C]):
    """An architecture. Its children are its networks; its own buffers are state kept by a restart.

    Networks are called through `forward` only. The core owns devices, files, output and optimizers.
    """

    ema: tuple[str, ...] = ("generator",)
    """Networks that `sample` and `encode` use, published averaged in model.safetensors."""

    def __init__(self, config: C) -> None:
        super().__init__()
        self.config = config

    @property
    def has_encoder(self) -> bool:
        """Whether the architecture implements `encode`."""
        return type(self).encode is not GAN.encode

    @property
    def has_text_embedding(self) -> bool:
        """Whether the architecture implements `meaning`."""
        return type(self).meaning is not GAN.meaning

    @abstractmethod
    def phases(self) -> tuple[Phase, ...]:
        """The phases of training in order; most architectures have one."""

    @abstractmethod
    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        """Yield each player's loss in turn. The core updates that player before the next yield.

        `batch` holds the fields of the plugin's `data`. Log keys `score/real` and `score/fake` are
        the mean probabilities that the discriminator gives to real and generated examples.
        """

    @abstractmethod
    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor | Mapping[str, Tensor]:
        """Images (n, channels, height, width) in [-1, 1], points (n, d) or curves (n, length).

        Or a mapping with these as "sample" and views as other entries. All randomness comes from
        `inputs`.
        """

    def encode(self, images: Tensor, known: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Inputs of `sample` from images (n, channels, height, width) in [-1, 1]. Optional.

        `known`: inputs that the encoder may need, such as a label; they are returned too, so that
        `sample` can reconstruct the images. Raises InputError for a missing one.
        """
        raise NotImplementedError(f"{type(self).__name__} has no encoder")

    def meaning(self, tokens: Tensor) -> Tensor:
        """Text embeddings (n, d) of token ids (n, length). Optional.

        `sample` then accepts such vectors, and interpolations of them, as `inputs[MEANING]` instead
        of the `Text` input: `sample({**inputs, MEANING: meaning(inputs["text"])})` without "text"
        equals `sample(inputs)`.
        """
        raise NotImplementedError(f"{type(self).__name__} gives no text embeddings")
