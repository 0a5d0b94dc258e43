"""The contract of an architecture: its networks, how they learn, how they are sampled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal

import torch
from torch import Tensor, nn

from ganzoo.config import C

MEANING = "meaning"
"""What `sample` may be given in place of a `Text` input: vectors that the architecture's `meaning` made of sentences."""


@dataclass(frozen=True, kw_only=True)
class Player:
    """One side of the game: the networks it moves and its own optimizer.

    `schedule` "linear": the rate is constant for the first half of the phase and falls to 0 at its end (CycleGAN).
    `clip_weights`: weights are clamped to [-c, c] after each step (WGAN). `clip_grad`: largest gradient norm.
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
    """A stretch of training. Networks that none of its players moves are frozen and in eval mode.

    `batch`: examples a step and process; `ema`: decay of the averaged weights, reached as min(ema, (1 + i) / (10 + i)).
    """

    name: str = "train"
    steps: int
    batch: int
    players: Mapping[str, Player]
    ema: float = 0.999


@dataclass(frozen=True)
class Step:
    """Where training stands, and the only source of randomness of `losses`, on the device of the batch.

    `index` counts from 0 within the phase of `steps` steps.
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
        """The numbers 0 .. n - 1 in random order."""
        return torch.randperm(n, generator=self.rng, device=self.rng.device)


@dataclass(frozen=True)
class Update:
    """A player's scalar loss, to be minimised now, and what to log beside it (scalars, detached or not)."""

    player: str
    loss: Tensor
    log: Mapping[str, Tensor] = field(default_factory=dict)


class Views(Mapping[str, Tensor]):
    """What `sample` gives beside "sample". A view that is a function is made when it is first asked for: a photograph in tiles is
    spared the work of those that nobody looks at."""

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
    """An architecture. Its children are its networks; its own buffers are state that a restart must keep.

    Networks are called through `forward` only. No device, file, print or optimizer in here: the core owns them.
    """

    ema: tuple[str, ...] = ("generator",)
    """Networks that `sample` (and `encode`) use; published averaged, in model.safetensors."""

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
        """Training from start to end; most architectures have one phase."""

    @abstractmethod
    def losses(self, batch: Mapping[str, Tensor], step: Step) -> Iterator[Update]:
        """Yield each player's loss in turn. Between two yields the core has moved that player's weights.

        `batch` holds what the record's `data` asks for. Log keys `score/real` and `score/fake` are the mean probability
        the discriminator gives to real and generated examples.
        """

    @abstractmethod
    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor | Mapping[str, Tensor]:
        """Images in [-1, 1], shape (n, channels, height, width), points (n, d) or curves (n, length); or a mapping whose
        entry "sample" is that and whose other entries are views. All randomness comes in through `inputs`."""

    def encode(self, images: Tensor, known: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Inputs of `sample` back from images (n, channels, height, width) in [-1, 1], for architectures that can.

        `known`: inputs that the caller knows of these images, a label say, and an encoder may need: InputError for one that
        is missing. It returns them too, so that `sample` has all it needs for a reconstruction."""
        raise NotImplementedError(f"{type(self).__name__} has no encoder")

    def meaning(self, tokens: Tensor) -> Tensor:
        """Vectors (n, d) of sentences, token ids (n, length), for architectures that read them and can.

        `sample` then takes such vectors, and what lies between two of them, as `inputs[MEANING]` where the `Text` input is
        missing: `sample({**inputs, MEANING: meaning(inputs["text"])})` without "text" is `sample(inputs)`."""
        raise NotImplementedError(f"{type(self).__name__} gives no vectors of sentences")
