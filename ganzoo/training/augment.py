"""Differentiable augmentation of discriminator inputs (DiffAugment, Zhao et al. 2020).

Works on the networks of any plugin, which need not know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.errors import UsageError, did_you_mean, near

Transform = Callable[[Tensor, Tensor], Tensor]
DRAWS = 3
"""Uniform numbers in [0, 1) that a transform gets for each image."""


def color(images: Tensor, draws: Tensor) -> Tensor:
    """Change brightness by -0.5 .. 0.5, saturation by 0 .. 2 times, contrast by 0.5 .. 1.5 times.

    Images (n, channels, height, width), `draws` (3, n). The result may leave [-1, 1].
    """
    brightness, saturation, contrast = draws.view(3, -1, 1, 1, 1)
    images = images + (brightness - 0.5)
    grey = images.mean(dim=1, keepdim=True)
    images = (images - grey) * (2 * saturation) + grey
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    changed: Tensor = (images - mean) * (contrast + 0.5) + mean
    return changed


def translation(images: Tensor, draws: Tensor) -> Tensor:
    """Shift by up to an eighth of each side, in whole pixels; grey (0) fills the border."""
    down = _draw_shift(draws[0], images.shape[2] // 8)
    right = _draw_shift(draws[1], images.shape[3] // 8)
    moved: Tensor = Shift.apply(images, down, right)
    return moved


def cutout(images: Tensor, draws: Tensor) -> Tensor:
    """Turn a rectangle of half of each side grey (0), centred anywhere in the image."""
    height, width = images.shape[2:]
    rows = _draw_window(draws[0], height)[:, None, :, None]
    columns = _draw_window(draws[1], width)[:, None, None, :]
    return images * ~(rows & columns)


TRANSFORMS: dict[str, Transform] = {"color": color, "translation": translation, "cutout": cutout}


def parse_transforms(names: str | Iterable[str]) -> tuple[str, ...]:
    """The names in "color,translation", without repeats. UsageError for an unknown one."""
    parts = names.split(",") if isinstance(names, str) else names
    found = [name.strip() for name in parts]
    for name in found:
        if name not in TRANSFORMS:
            hint = did_you_mean(near(name, TRANSFORMS))
            raise UsageError(
                f"--augment: no augmentation {name!r}{hint} (there are: {', '.join(TRANSFORMS)})"
            )
    return tuple(dict.fromkeys(found))


class Augment:
    """Hooks on networks: in training mode, images of a call are augmented, all of them alike.

    An image is any 4-D float tensor. Numbers come from torch's generator, which the engine seeds
    for each step, so a restart needs no state. `missed`: networks were called, never with images.
    """

    def __init__(self, networks: Iterable[nn.Module], names: Iterable[str]) -> None:
        self.transforms = [TRANSFORMS[name] for name in parse_transforms(names)]
        self.called = self.reached = False
        if self.transforms:
            for network in networks:
                network.register_forward_pre_hook(self._hook, with_kwargs=True)

    @property
    def missed(self) -> bool:
        return self.called and not self.reached

    # a compiled network gets augmented images: the compiler would draw other numbers
    @torch.compiler.disable  # type: ignore[untyped-decorator, unused-ignore]
    def _hook(
        self, network: nn.Module, args: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]] | None:
        if not network.training:
            return None
        images = [value for value in (*args, *named.values()) if _is_image(value)]
        self.called, self.reached = True, self.reached or bool(images)
        if not images:
            return None
        count, device = len(images[0]), images[0].device
        draws = [torch.rand(DRAWS, count, device=device) for _ in self.transforms]

        def augment(value: Any) -> Any:
            if not _is_image(value):
                return value
            changed = value
            for transform, numbers in zip(self.transforms, draws, strict=True):
                changed = transform(changed, numbers)
            return changed.to(value.dtype)

        changed = {name: augment(value) for name, value in named.items()}
        return tuple(augment(value) for value in args), changed


class Shift(torch.autograd.Function):
    """A linear map whose adjoint is the shift back: differentiable any number of times."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, down: Tensor, right: Tensor) -> Tensor:
        ctx.save_for_backward(down, right)
        rows, row_inside = _find_sources(down, images.shape[2])
        columns, column_inside = _find_sources(right, images.shape[3])
        batch = torch.arange(len(images), device=images.device)[:, None, None]
        moved = images[batch, :, rows[:, :, None], columns[:, None, :]]  # (n, height, width, c)
        inside = row_inside[:, :, None] & column_inside[:, None, :]
        return (moved * inside.unsqueeze(-1)).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        down, right = ctx.saved_tensors
        back: Tensor = Shift.apply(gradients[0], -down, -right)
        return back, None, None


def _find_sources(shift: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Source of each place of a shifted side, (n, side), and whether it lies inside."""
    places = torch.arange(side, device=shift.device) - shift[:, None]
    return places.clamp(0, side - 1), (places >= 0) & (places < side)


def _draw_shift(draws: Tensor, most: int) -> Tensor:
    """Integers, uniform in [-most, most]."""
    return (draws * (2 * most + 1)).long() - most


def _draw_window(draws: Tensor, side: int) -> Tensor:
    """Mask (n, side) of a window of half the side around a random centre."""
    start = (draws * (side + 1)).long() - side // 4
    places = torch.arange(side, device=draws.device)
    return (places >= start[:, None]) & (places < start[:, None] + (side + 1) // 2)


def _is_image(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4 and value.is_floating_point()
