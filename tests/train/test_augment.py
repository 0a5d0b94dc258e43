"""Augmentation: what each transform does, its derivatives, where it is applied, restarts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from ganzoo.errors import UsageError
from ganzoo.training.augment import (
    DRAWS,
    TRANSFORMS,
    Augment,
    color,
    cutout,
    parse_transforms,
    translation,
)
from ganzoo.training.engine import Engine
from ganzoo.training.loop import Trainer
from ganzoo.training.recipe import Recipe
from ganzoo.zoo import registry
from tests.train.test_loop import Noise


def pictures(n: int = 3, channels: int = 3, height: int = 16, width: int = 24) -> Tensor:
    made = torch.Generator().manual_seed(0)
    return torch.rand(n, channels, height, width, generator=made, dtype=torch.float64) * 2 - 1


def draws(n: int = 3, seed: int = 0) -> Tensor:
    return torch.rand(DRAWS, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("shape", [(3, 3, 16, 24), (2, 1, 9, 9), (1, 4, 8, 8)])
def test_shapes_are_kept_and_draws_decide(name: str, shape: tuple[int, ...]) -> None:
    images = pictures(*shape)
    one, again, other = (TRANSFORMS[name](images, draws(shape[0], seed)) for seed in (1, 1, 2))
    assert one.shape == images.shape
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    if name != "color":
        assert one.abs().max() <= 1


@pytest.mark.parametrize("name", TRANSFORMS)
def test_derivatives_agree_with_finite_differences(name: str) -> None:
    images, numbers = pictures(2, 2, 8, 9).requires_grad_(), draws(2)
    assert torch.autograd.gradcheck(lambda x: TRANSFORMS[name](x, numbers), (images,))
    assert torch.autograd.gradgradcheck(lambda x: TRANSFORMS[name](x, numbers).square(), (images,))


def test_a_second_derivative_goes_through() -> None:
    """A gradient penalty: the norm of a gradient by augmented images, differentiated by weights."""
    critic = nn.Sequential(
        nn.Flatten(), nn.Linear(3 * 16 * 24, 4), nn.Tanh(), nn.Linear(4, 1)
    ).double()
    images = pictures().requires_grad_()

    def penalty() -> Tensor:
        seen = images
        for name in TRANSFORMS:
            seen = TRANSFORMS[name](seen, draws())
        (gradient,) = torch.autograd.grad(critic(seen).sum(), images, create_graph=True)
        return gradient.square().sum()

    weight = critic[1].weight
    (found,) = torch.autograd.grad(penalty(), weight)  # type: ignore[arg-type]
    at, step = (1, int(found[1].abs().argmax())), 1e-5
    with torch.no_grad():
        weight[at] += step
    above = penalty().item()
    with torch.no_grad():
        weight[at] -= 2 * step
    assert found[at].item() == pytest.approx((above - penalty().item()) / (2 * step), rel=1e-4)


def test_color_by_its_formula() -> None:
    images, numbers = (
        pictures(2),
        torch.tensor([[0.5, 0.9], [0.5, 0.5], [0.5, 0.5]], dtype=torch.float64),
    )
    made = color(images, numbers)
    assert torch.allclose(made[0], images[0]), "the middle of every range changes nothing"
    assert torch.allclose(made[1], images[1] + 0.4)
    assert made.max() > 1, "it may leave [-1, 1]"
    grey = color(images, torch.tensor([[0.5] * 2, [0.0] * 2, [0.5] * 2], dtype=torch.float64))
    assert torch.allclose(grey, images.mean(1, keepdim=True).expand_as(images))
    contrast = color(images, torch.tensor([[0.5] * 2, [0.5] * 2, [0.0] * 2], dtype=torch.float64))
    assert torch.allclose(contrast.std(dim=(1, 2, 3)), images.std(dim=(1, 2, 3)) / 2)


def test_translation_moves_whole_pixels() -> None:
    images = pictures(2)  # 16 x 24: up to 2 rows, up to 3 columns
    numbers = torch.tensor([[0.999, 0.0], [0.0, 0.5], [0.0, 0.0]], dtype=torch.float64)
    made = translation(images, numbers)
    assert torch.equal(made[0, :, 2:, :-3], images[0, :, :-2, 3:])
    assert not made[0, :, :2].any()
    assert not made[0, :, :, -3:].any()
    assert torch.equal(made[1, :, :-2], images[1, :, 2:])
    assert not made[1, :, -2:].any()


def test_cutout_turns_a_window_grey() -> None:
    images = pictures(3).abs() + 0.1
    gone = (
        cutout(
            images,
            torch.tensor([[0.5, 0.0, 0.999], [0.5, 0.0, 0.999], [0.0] * 3], dtype=torch.float64),
        )
        == 0
    )
    assert gone[0].sum() == 3 * 8 * 12
    assert gone[0, :, 4:12, 6:18].all()
    assert gone[1].sum() == 3 * 4 * 6, "half outside at the corner"
    assert gone[2, :, -4:, -6:].all()


def test_names() -> None:
    assert parse_transforms("color, cutout,color") == ("color", "cutout")
    assert parse_transforms(["translation"]) == ("translation",)
    assert parse_transforms(()) == ()
    with pytest.raises(UsageError, match="no augmentation 'colour'; did you mean color"):
        parse_transforms("colour")


class Seen(nn.Module):
    """Keeps what it was called with."""

    def forward(
        self, image: Tensor, other: Tensor | None = None, label: Tensor | None = None
    ) -> Tensor:
        self.kept = (image, other, label)
        return image.mean()


def test_hooks_reach_pictures_of_networks_in_training_and_nothing_else() -> None:
    critic, images, label = Seen(), pictures().float(), torch.arange(3)
    made = Augment([critic], ("color", "cutout"))
    torch.manual_seed(0)
    critic(images, images, label=label)
    first, second, third = critic.kept
    assert not torch.equal(first, images)
    message = "two images of one call are changed alike"
    assert torch.equal(first, second), message  # type: ignore[arg-type]
    assert third is label
    critic(image=images)
    assert not torch.equal(critic.kept[0], first), "each call draws anew"
    torch.manual_seed(0)
    critic(images.bfloat16())
    assert critic.kept[0].dtype == torch.bfloat16
    assert torch.allclose(critic.kept[0].float(), first, atol=0.05)
    assert not made.missed


def test_a_network_in_eval_mode_sees_pictures_as_they_are() -> None:
    """Nor does it count as reached: what is in training mode may still be called with none."""
    critic, images = Seen(), pictures().float()
    made = Augment([critic], ("color",))
    critic.eval()
    critic(images)
    assert critic.kept[0] is images
    assert not made.missed
    critic.train()
    critic(images.flatten(1))
    assert made.missed


def test_without_augmentation_there_is_no_hook() -> None:
    critic = Seen()
    Augment([critic], ())
    assert not critic._forward_pre_hooks


def test_networks_that_see_no_pictures_are_an_error(tmp_path: Path) -> None:
    from ganzoo.training.run import train

    options: dict[str, Any] = {
        "preset": "sine",
        "steps": 2,
        "device": "cpu",
        "out": tmp_path / "run",
    }
    with pytest.raises(UsageError, match="--augment: 'vanilla' does not train on images here"):
        train("vanilla", "sine", augment="color", **options)
    assert not (tmp_path / "run").exists()


def test_plugins_without_a_critic_are_an_error(tmp_path: Path) -> None:
    from ganzoo.training.run import finetune, train

    options: dict[str, Any] = {"steps": 1, "batch_size": 2, "device": "cpu", "sample_every": 0}
    data = tmp_path / "data"
    data.mkdir()
    for shade in range(4):
        Image.new("L", (8, 8), 60 * shade).save(data / f"{shade}.png")
    parent = train("tiny_vae", str(data), out=tmp_path / "parent", **options)
    with pytest.raises(UsageError, match="--augment: 'tiny_vae' has no discriminator"):
        train("tiny_vae", str(data), out=tmp_path / "run", augment="color", **options)
    with pytest.raises(UsageError, match="--freeze: 'tiny_vae' has no discriminator"):
        finetune(parent, str(data), out=tmp_path / "run", freeze=1, **options)
    assert not (tmp_path / "run").exists()


def test_critics_that_take_no_pictures_are_an_error(tmp_path: Path) -> None:
    """Networks called with flat rows: continuing silently would leave the augmentation out."""
    plugin = registry.get("vanilla")
    gan = plugin.build(plugin.tiny)
    gan.discriminator.register_forward_pre_hook(lambda network, args: (args[0].flatten(1),))
    with pytest.raises(UsageError, match="--augment: no discriminator is called with images"):
        Trainer(
            gan, gan.phases(), Noise(), Engine("cpu", "fp32"), tmp_path, Recipe(augment=["color"])
        ).run()
