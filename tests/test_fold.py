"""The folded copy makes the same pictures and leaves the original alone."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.utils._python_dispatch import TorchDispatchMode

from ganzoo import load
from ganzoo.gan import GAN
from ganzoo.inputs import Rows
from ganzoo.nn.layers import NearestConvolution, Projection
from ganzoo.pictures.images import to_uint8
from ganzoo.sampling.fold import Doubling, Spread, folded, lowered
from ganzoo.sampling.samples import run
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
    fast = folded(holder)
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
    assert isinstance(fast.generator[0], Spread)  # type: ignore[index]
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
    fast = folded(gan)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fast.generator.modules())  # type: ignore[union-attr]
    assert all(torch.equal(before[key], tensor) for key, tensor in gan.state_dict().items())
    for parameter in fast.parameters():
        parameter.zero_()
    assert all(torch.equal(before[key], tensor) for key, tensor in gan.state_dict().items())


def test_the_fast_path_is_near_float32() -> None:
    """On trained weights: the bars of docs/performance.md for any machine whose `auto` is bf16."""
    model = load("dcgan-mnist", device="cpu", precision="bf16")
    feed = {name: spec.draw(name, Rows(0, 256)) for name, spec in model.inputs.items()}
    plain = to_uint8(run(model.gan, [feed], model.device, "fp32")["sample"]).astype(np.int16)
    quick = to_uint8(model.sample(256, seed=0).tensor).astype(np.int16)
    apart = abs(plain - quick).reshape(256, -1)
    assert apart.mean() <= 0.5
    assert apart.mean(axis=1).max() <= 1.5


class Counting(TorchDispatchMode):
    """Which tensors are brought to another type, by their shapes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.casts: list[torch.Size] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._to_copy.default:
            self.casts.append(args[0].shape)
        return func(*args, **(kwargs or {}))


class Apart(nn.Module):
    """A layer that asks for float32 in the middle of a network in bf16."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 5)

    def forward(self, maps: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            made: Tensor = self.layer(maps.float())
        return made


class Named(nn.Module):
    """Layers that are called by the names of their arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.up = nn.Linear(5, 4), nn.ConvTranspose1d(1, 2, 3, stride=2)

    def forward(self, maps: Tensor) -> Tensor:
        made: Tensor = self.up(self.layer(input=maps)[:, None], output_size=[10])
        return made


LAYERS = [
    (nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3, bias=False)), (5,)),
    (
        nn.Sequential(nn.Conv2d(5, 8, 3, 2), nn.BatchNorm2d(8), nn.ConvTranspose2d(8, 8, 4, 2, 1)),
        (5, 9, 9),
    ),
    (
        nn.Sequential(nn.ConvTranspose2d(5, 8, 4), nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh()),
        (5, 1, 1),
    ),
    (
        nn.Sequential(
            Projection(5, 8, 4), NearestConvolution(8, 8), NearestConvolution(8, 8, mirrored=True)
        ),
        (5, 1, 1),
    ),
    (nn.Sequential(nn.Conv1d(5, 8, 3, padding=1), nn.ConvTranspose1d(8, 4, 4)), (5, 7)),
    (nn.Sequential(spectral_norm(nn.Linear(5, 5)), nn.Linear(5, 5)), (5,)),
    (nn.Sequential(nn.Linear(5, 5), Apart()), (5,)),
    (nn.Sequential(nn.Linear(5, 5), Named()), (5,)),
]


@pytest.mark.parametrize(("network", "shape"), LAYERS)
def test_weights_in_bf16_give_what_autocast_gives_bit_for_bit(
    network: nn.Module, shape: tuple[int, ...]
) -> None:
    holder = trained(network)
    plain, quick = folded(holder), lowered(folded(holder))
    rows = [{"x": torch.randn(3, *shape)}]
    for precision in ("bf16", "fp32"):
        expected, made = (
            run(gan, rows, torch.device("cpu"), precision)["sample"] for gan in (plain, quick)
        )
        assert torch.equal(made, expected)


@pytest.mark.parametrize(("network", "shape"), LAYERS[:5])
def test_under_autocast_no_weight_is_cast_again(network: nn.Module, shape: tuple[int, ...]) -> None:
    quick = lowered(folded(trained(network)))
    weights = {parameter.shape for parameter in quick.parameters()}
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), Counting() as counting:
        quick.sample({"x": torch.randn(3, *shape)})
    assert counting.casts
    assert not weights & set(counting.casts)


def test_a_model_in_bf16_holds_such_weights_and_one_in_float32_does_not() -> None:
    kinds = {
        precision: load("dcgan-mnist", device="cpu", precision=precision).fast
        for precision in ("bf16", "fp32")
    }
    types = {
        precision: {parameter.dtype for parameter in gan.parameters()}
        for precision, gan in kinds.items()
    }
    assert types == {"bf16": {torch.float32, torch.bfloat16}, "fp32": {torch.float32}}


def test_such_a_copy_is_copied_pickled_and_let_go_like_any_other() -> None:
    quick = lowered(
        folded(trained(nn.Sequential(nn.Conv2d(5, 8, 3), nn.ReLU(), nn.Conv2d(8, 3, 3))))
    )
    rows = [{"x": torch.randn(3, 5, 9, 9)}]
    for twin in (copy.deepcopy(quick), pickle.loads(pickle.dumps(quick))):
        made = (run(gan, rows, torch.device("cpu"), "bf16")["sample"] for gan in (quick, twin))
        assert torch.equal(*made)
    watched = weakref.ref(quick.generator[0])  # type: ignore[index]
    gc.disable()
    try:
        del quick
        assert watched() is None
    finally:
        gc.enable()


def test_networks_that_only_training_needs_have_no_such_weights() -> None:
    gan = lowered(folded(get("dcgan").build(get("dcgan").tiny)))
    types = {
        name: {parameter.dtype for parameter in child.parameters()}
        for name, child in gan.named_children()
    }
    assert types == {"generator": {torch.float32, torch.bfloat16}, "discriminator": {torch.float32}}
