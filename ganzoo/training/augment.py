"""Differentiable augmentation of what the critics see (Zhao et al. 2020, DiffAugment), for any plugin and unknown to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.errors import UsageError, did_you_mean, near

Transform = Callable[[Tensor, Tensor], Tensor]
DRAWS = 3
"""Uniform numbers in [0, 1) that a transform gets for each picture."""


def color(images: Tensor, draws: Tensor) -> Tensor:
    """Brightness moved by -0.5 .. 0.5, distances from grey times 0 .. 2, from the picture's mean times 0.5 .. 1.5.

    Pictures (n, channels, height, width), `draws` (3, n). The result may leave [-1, 1]."""
    brightness, saturation, contrast = draws.view(3, -1, 1, 1, 1)
    images = images + (brightness - 0.5)
    grey = images.mean(dim=1, keepdim=True)
    images = (images - grey) * (2 * saturation) + grey
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    contrasted: Tensor = (images - mean) * (contrast + 0.5) + mean
    return contrasted


def translation(images: Tensor, draws: Tensor) -> Tensor:
    """Moved by up to an eighth of each side, in whole pixels; grey (0) comes in."""
    moved: Tensor = _Shift.apply(
        images, _whole(draws[0], images.shape[2] // 8), _whole(draws[1], images.shape[3] // 8)
    )
    return moved


def cutout(images: Tensor, draws: Tensor) -> Tensor:
    """A rectangle of half of each side turns grey (0); its centre lies anywhere in the picture."""
    height, width = images.shape[2:]
    inside = _near(draws[0], height)[:, None, :, None] & _near(draws[1], width)[:, None, None, :]
    return images * ~inside


TRANSFORMS: dict[str, Transform] = {"color": color, "translation": translation, "cutout": cutout}


def parse_transforms(names: str | Iterable[str]) -> tuple[str, ...]:
    """The names of "color,translation", in their order. UsageError for one that is not known."""
    found = [name.strip() for name in (names.split(",") if isinstance(names, str) else names)]
    for name in found:
        if name not in TRANSFORMS:
            hint = did_you_mean(near(name, TRANSFORMS))
            raise UsageError(
                f"--augment: no augmentation {name!r}{hint} (there are: {', '.join(TRANSFORMS)})"
            )
    return tuple(dict.fromkeys(found))


class Augment:
    """Hooks on networks: in training, every 4-D float that one is called with is augmented; pictures of one call alike.

    Drawn from torch's generator, which the engine seeds for each step, so a restart needs no state of it. `missed`: the
    networks were called in training, and never with a picture."""

    def __init__(self, networks: Iterable[nn.Module], names: Iterable[str]) -> None:
        self.transforms = [TRANSFORMS[name] for name in parse_transforms(names)]
        self.called = self.reached = False
        for network in networks if self.transforms else ():
            network.register_forward_pre_hook(self._hook, with_kwargs=True)

    @property
    def missed(self) -> bool:
        return self.called and not self.reached

    # a compiled network takes its pictures augmented: the compiler would draw other numbers
    @torch.compiler.disable  # type: ignore[untyped-decorator, unused-ignore]
    def _hook(
        self, network: nn.Module, args: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]] | None:
        if not network.training:
            return None
        pictures = [value for value in (*args, *named.values()) if _is_picture(value)]
        self.called, self.reached = True, self.reached or bool(pictures)
        if not pictures:
            return None
        draws = [
            torch.rand(DRAWS, len(pictures[0]), device=pictures[0].device) for _ in self.transforms
        ]
        changed = {name: self._applied(value, draws) for name, value in named.items()}
        return tuple(self._applied(value, draws) for value in args), changed

    def _applied(self, value: Any, draws: list[Tensor]) -> Any:
        if not _is_picture(value):
            return value
        images = value
        for transform, numbers in zip(self.transforms, draws, strict=True):
            images = transform(images, numbers)
        return images.to(value.dtype)


class _Shift(torch.autograd.Function):
    """Linear, and its adjoint is the shift back: differentiable as often as one likes, without scattering."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, down: Tensor, right: Tensor) -> Tensor:
        ctx.save_for_backward(down, right)
        (rows, seen), (columns, visible) = (
            _source(down, images.shape[2]),
            _source(right, images.shape[3]),
        )
        batch = torch.arange(len(images), device=images.device)[:, None, None]
        moved = images[
            batch, :, rows[:, :, None], columns[:, None, :]
        ]  # (n, height, width, channels)
        return (moved * (seen[:, :, None] & visible[:, None, :]).unsqueeze(-1)).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        down, right = ctx.saved_tensors
        back: Tensor = _Shift.apply(gradients[0], -down, -right)
        return back, None, None


def _source(shift: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Where each place of a shifted side comes from, (n, side), and whether that lies inside."""
    places = torch.arange(side, device=shift.device) - shift[:, None]
    return places.clamp(0, side - 1), (places >= 0) & (places < side)


def _whole(draws: Tensor, most: int) -> Tensor:
    """Whole numbers in [-most, most], all alike probable."""
    return (draws * (2 * most + 1)).long() - most


def _near(draws: Tensor, side: int) -> Tensor:
    """(n, side): the places of a window of half the side around a random centre."""
    start = (draws * (side + 1)).long() - side // 4
    places = torch.arange(side, device=draws.device)
    return (places >= start[:, None]) & (places < start[:, None] + (side + 1) // 2)


def _is_picture(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4 and value.is_floating_point()
