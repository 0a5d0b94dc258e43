"""The folded copy makes the same pictures and leaves the original alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganzoo import load
from ganzoo.gan import GAN
from ganzoo.inputs import Rows
from ganzoo.nn.layers import NearestConvolution
from ganzoo.pictures.images import to_uint8
from ganzoo.sampling.fold import Doubling, fold_batch_norms
from ganzoo.sampling.generation import generate
from ganzoo.zoo.registry import get


class Holder(GAN[Any]):
    """Any network as a generator."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(None)
        self.generator = network

    def phases(self) -> Any:
        return ()

    def losses(self, batch: Any, step: Any) -> Any:
        raise NotImplementedError

    def sample(self, inputs: Any) -> Tensor:
        made: Tensor = self.generator(inputs["x"])
        return made


def trained(network: nn.Module) -> Holder:
    """With statistics and affine weights as far from their start as training brings them."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)) and module.running_mean is not None:
            module.running_mean.normal_()
            module.running_var.uniform_(0.2, 3)  # type: ignore[union-attr]
            if module.affine:
                nn.init.normal_(module.weight, 1, 0.3)
                nn.init.normal_(module.bias)
    return Holder(network.eval().requires_grad_(False))


def same(network: nn.Module, *shape: int) -> GAN[Any]:
    """The folded copy, after it gave what the network gives."""
    holder, x = trained(network), torch.randn(3, *shape)
    fast = fold_batch_norms(holder)
    expected, made = holder.sample({"x": x}), fast.sample({"x": x})
    assert torch.allclose(made, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))  # type: ignore[arg-type]
    return fast


@pytest.mark.parametrize("channels", [1, 3, 4, 5])
@pytest.mark.parametrize("bias", [True, False])
def test_a_doubling_of_few_channels(channels: int, bias: bool) -> None:
    fast = same(nn.Sequential(nn.ConvTranspose2d(6, channels, 4, 2, 1, bias=bias)), 6, 5, 7)
    assert isinstance(fast.generator[0], Doubling) == (channels < 5)  # type: ignore[index]


@pytest.mark.parametrize(("channels", "form"), [(3, Doubling), (8, nn.ConvTranspose2d)])
@pytest.mark.parametrize("bias", [True, False])
def test_nearest_neighbours_and_a_convolution(
    channels: int, form: type[nn.Module], bias: bool
) -> None:
    fast = same(
        nn.Sequential(
            nn.Identity(), NearestConvolution(6, channels, 3, bias), nn.BatchNorm2d(channels)
        ),
        6,
        5,
        7,
    )
    assert type(fast.generator[1]) is form  # type: ignore[index]
    assert type(fast.generator[2]) is nn.Identity  # type: ignore[index]


@pytest.mark.parametrize("kernel", [1, 3])
def test_nearest_neighbours_and_a_convolution_with_mirrored_borders(kernel: int) -> None:
    layer = NearestConvolution(6, 8, kernel, mirrored=True)
    fast = same(nn.Sequential(layer, nn.BatchNorm2d(8)), 6, 5, 7)
    assert not any(isinstance(module, NearestConvolution) for module in fast.modules())


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("side", [1, 3])
def test_a_latent_spread_out(bias: bool, side: int) -> None:
    fast = same(
        nn.Sequential(nn.ConvTranspose2d(5, 7, (4, 3), bias=bias), nn.BatchNorm2d(7), nn.ReLU()),
        5,
        side,
        side,
    )
    assert isinstance(fast.generator[1], nn.Identity)  # type: ignore[index]


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 3, 1),
            nn.BatchNorm2d(3),
        ),
        nn.Sequential(nn.ConvTranspose2d(3, 8, 4, 2, 1, groups=1), nn.BatchNorm2d(8, affine=False)),
        nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), nn.Tanh()),
        nn.Sequential(nn.ConvTranspose2d(3, 3, 4, 2, 1, groups=3), nn.BatchNorm2d(3)),
        nn.Sequential(nn.ConvTranspose2d(3, 3, 4, 2, 1, output_padding=1)),
        nn.Sequential(nn.ConvTranspose2d(3, 3, 3, 1, 1)),
    ],
)
def test_what_is_folded_gives_the_same(network: nn.Module) -> None:
    same(network, 3, 6, 6)


def test_norms_that_must_stay() -> None:
    shared = nn.BatchNorm2d(4)
    without = nn.BatchNorm2d(4, track_running_stats=False)
    hooked = nn.Conv2d(4, 4, 1)
    hooked.register_forward_hook(lambda module, given, made: made * 2)
    spectral = nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 1))
    for layers in (
        [nn.Conv2d(4, 4, 1), shared, nn.Conv2d(4, 4, 1), shared],
        [nn.Conv2d(4, 4, 1), without],
        [hooked, nn.BatchNorm2d(4)],
        [spectral, nn.BatchNorm2d(4)],
        [nn.Conv2d(4, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)],
    ):
        fast = same(nn.Sequential(*layers), 4, 5, 5)
        assert not any(isinstance(module, nn.Identity) for module in fast.modules())


def test_the_original_is_left_alone() -> None:
    plugin = get("dcgan")
    gan = plugin.build(plugin.tiny).eval()
    before = {key: tensor.clone() for key, tensor in gan.state_dict().items()}
    fast = fold_batch_norms(gan)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fast.generator.modules())  # type: ignore[union-attr]
    assert all(torch.equal(before[key], tensor) for key, tensor in gan.state_dict().items())
    for parameter in fast.parameters():
        parameter.zero_()
    assert all(torch.equal(before[key], tensor) for key, tensor in gan.state_dict().items())


def test_the_fast_path_is_near_float32() -> None:
    """On trained weights: the bars of docs/performance.md for any machine whose `auto` is bf16."""
    model = load("dcgan-mnist", device="cpu", precision="bf16")
    feed = {name: spec.draw(name, Rows(0, 256)) for name, spec in model.inputs.items()}
    plain = to_uint8(generate(model.gan, [feed], model.device, "fp32")["sample"]).astype(np.int16)
    quick = to_uint8(model.sample(256, seed=0).tensor).astype(np.int16)
    apart = abs(plain - quick).reshape(256, -1)
    assert apart.mean() <= 0.5
    assert apart.mean(axis=1).max() <= 1.5
