"""cyclegan against paper and sources: parameters, receptive fields, losses, pools, order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import ganzoo
from ganzoo.config import convert, override, plain
from ganzoo.errors import ConfigError, DataError
from ganzoo.gan import Step, Update
from ganzoo.nn.layers import NearestConvolution
from ganzoo.sampling.fold import fold_batch_norms
from ganzoo.spec import Facts
from ganzoo.training import artifacts
from ganzoo.training.run import train
from ganzoo.zoo import registry

SMALL = {"size": 32, "load": 32, "width": 4, "discriminator_width": 4, "blocks": 1}
PRESETS = tuple(registry.get("cyclegan").presets)


def build_config(preset: str = "paper", **settings: Any) -> Any:
    return override(registry.get("cyclegan").presets[preset], settings)


def build_gan(preset: str = "paper", **settings: Any) -> Any:
    torch.manual_seed(0)
    return registry.get("cyclegan").build(build_config(preset, **SMALL | settings))


def step(index: int = 0) -> Step:
    return Step(index, "train", 10, torch.Generator().manual_seed(7 + index))


def random_images(n: int = 3, side: int = 32, seed: int = 1, channels: int = 3) -> Tensor:
    return (
        torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    )


def updates(gan: Any, index: int = 0, n: int = 3) -> dict[str, Update]:
    batch = {"A": random_images(n, gan.config.load), "B": random_images(n, gan.config.load, seed=2)}
    return {update.player: update for update in gan.losses(batch, step(index))}


def count(network: Any) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def make_transparent(network: nn.Module) -> nn.Module:
    """Without norms, which connect all pixels, and with weights that no ReLU blocks."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.InstanceNorm2d):
                setattr(module, name, nn.Identity())
    for parameter in network.double().parameters():
        nn.init.constant_(parameter, 1 / max(1, parameter[0].numel()) if parameter.ndim == 4 else 0)
    return network.eval()


# ---- networks


@pytest.mark.parametrize(
    ("preset", "generator", "discriminator"),
    [("s22", 8_402_176, 2_765_568), ("s05", None, 2_766_529)],
)
def test_parameters_are_those_of_the_source(
    preset: str, generator: int | None, discriminator: int
) -> None:
    with torch.device("meta"):
        gan = registry.get("cyclegan").build(build_config(preset, pool="0"))
    found = [
        count(network)
        for network in (gan.a_to_b, gan.b_to_a, gan.discriminator_a, gan.discriminator_b)
    ]
    assert generator is None or found[:2] == [generator] * 2
    assert found[2:] == [discriminator] * 2


def test_convolutions_are_those_of_the_papers_code() -> None:
    """The logs say 11.378 and 2.765 million, with 5,248 and 896 biases before instance norm."""
    with torch.device("meta"):
        gan = registry.get("cyclegan").build(build_config("paper", pool="0"))

    def count_convolutions(network: Any) -> int:
        kinds = (nn.Conv2d, nn.ConvTranspose2d)
        return sum(count(layer) for layer in network.modules() if isinstance(layer, kinds))

    assert count_convolutions(gan.a_to_b) + 5_248 == 11_378_179
    assert count_convolutions(gan.discriminator_a) + 896 == 2_764_737


@pytest.mark.parametrize(
    ("patch", "last", "side"), [(70, "one", 30), (94, "one", 15), (94, "same", 16)]
)
def test_the_discriminators_judge_patches_of_the_side_they_say(
    patch: int, last: str, side: int
) -> None:
    settings = {"patch": str(patch), "last_padding": last, "slope": "0.2"}
    network = make_transparent(build_gan("paper", **settings).discriminator_a)
    image = torch.full((1, 3, 256, 256), 0.1).double().requires_grad_()
    judged = network(image)
    assert judged.shape == (1, 1, side, side)
    (gradient,) = torch.autograd.grad(judged[0, 0, side // 2, side // 2], image)
    reached = gradient.abs().sum(dim=(0, 1)).nonzero()
    assert (reached.max(dim=0).values - reached.min(dim=0).values + 1).tolist() == [patch, patch]


@pytest.mark.parametrize(
    "settings",
    [
        {"generator": "resnet", "blocks": "0"},
        {"generator": "resnet", "blocks": "2"},
        {"generator": "resnet-4x4", "blocks": "1"},
        {"generator": "unet", "depth": "2"},
        {"generator": "unet", "depth": "4"},
        {"generator": "resnet", "blocks": "0", "upsampling": "nearest"},
        {"generator": "resnet", "blocks": "2", "upsampling": "nearest"},
        {"generator": "resnet-4x4", "blocks": "1", "upsampling": "nearest"},
        {"generator": "unet", "depth": "2", "upsampling": "nearest"},
        {"generator": "unet", "depth": "4", "upsampling": "nearest"},
    ],
)
def test_a_pixel_changes_nothing_beyond_the_halo(settings: dict[str, str]) -> None:
    gan = build_gan("paper", **settings)
    network, halo, multiple = make_transparent(gan.a_to_b), gan.config.halo, gan.config.multiple
    side = 2 * halo + 4 * multiple
    side -= side % multiple
    image, farthest = torch.full((1, 3, side, side), 0.1).double(), 0
    for place in range(side // 2, side // 2 + multiple):  # a stride may favour some
        changed = image.clone()
        changed[..., place, place] += 10
        moved = (network(changed) != network(image)).any(dim=1)[0].nonzero()
        farthest = max(farthest, int((moved - place).abs().max()))
    assert farthest == halo


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("upsampling", ["transposed", "nearest"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (5, 2)])
def test_any_sides_that_are_multiples(preset: str, upsampling: str, shape: tuple[int, int]) -> None:
    gan = build_gan(preset, upsampling=upsampling).eval()
    image: Any = registry.get("cyclegan").inputs(gan.config)["image"]
    height, width = (image.multiple * side for side in shape)
    made = gan.sample(
        {"image": torch.zeros(1, 3, height, width), "direction": torch.zeros(1, dtype=torch.int64)}
    )
    assert {name: tuple(view.shape) for name, view in made.items()} == dict.fromkeys(
        ("sample", "original", "returned"), (1, 3, height, width)
    )


@pytest.mark.parametrize("preset", ["paper", "small", "s05"])
def test_norms_are_of_the_kind_that_tiles_know(preset: str) -> None:
    gan = build_gan(preset)
    norms = [m for m in gan.modules() if isinstance(m, nn.modules.batchnorm._NormBase)]
    assert norms
    assert all(isinstance(m, nn.InstanceNorm2d) and not m.track_running_stats for m in norms)


def test_with_nearest_neighbours_a_tile_comes_out_as_in_the_whole_picture() -> None:
    """Apart from the border, and without norms; also for the copy that samples."""
    gan = build_gan(upsampling="nearest", blocks="1").eval()
    for network in (gan.a_to_b, gan.b_to_a):
        for module in list(network.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.InstanceNorm2d):
                    setattr(module, name, nn.Identity())
        for parameter in network.parameters():
            parameter.data.mul_(3)  # so that pictures are seen in what is made
    halo, multiple, way = gan.config.halo, gan.config.multiple, torch.zeros(1, dtype=torch.int64)
    image = random_images(1, 96)
    whole = gan.sample({"image": image, "direction": way})["sample"]
    part = gan.sample({"image": image[..., multiple:, multiple:], "direction": way})["sample"]
    assert float(whole.detach().std()) > 1e-3
    inner = whole[..., multiple + halo :, multiple + halo :]
    torch.testing.assert_close(part[..., halo:, halo:], inner, atol=1e-5, rtol=1e-4)
    quick = fold_batch_norms(gan)
    assert not any(isinstance(module, NearestConvolution) for module in quick.a_to_b.modules())
    again = quick.sample({"image": image, "direction": way})["sample"]
    torch.testing.assert_close(again, whole, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("upsampling", "woven"), [("transposed", True), ("nearest", False)])
def test_nearest_neighbours_weave_no_grid_in_a_plain_picture(upsampling: str, woven: bool) -> None:
    gan = build_gan(upsampling=upsampling).eval()
    made = gan.a_to_b(torch.full((1, 3, 64, 64), 0.3)).detach()[..., 24:40, 24:40]
    assert (float(made.std(dim=(2, 3)).max()) > 1e-4) == woven


def test_weights_start_as_the_source_has_them() -> None:
    spreads = {
        init: float(build_gan("s22", init=init).a_to_b.layers[3].weight.detach().std())
        for init in ("normal", "pytorch")
    }
    assert spreads["normal"] == pytest.approx(0.02, rel=0.1)
    assert spreads["pytorch"] == pytest.approx(1 / (3 * 4 * 4 * 4) ** 0.5, rel=0.2)
    assert build_config("s22").init == "pytorch"


def test_s22_has_neither_bias_nor_leak() -> None:
    gan = build_gan("s22")
    assert all(
        layer.bias is None
        for layer in gan.modules()
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))
    )
    assert {layer.negative_slope for layer in gan.modules() if isinstance(layer, nn.LeakyReLU)} == {
        0.0
    }


# ---- the game


def compute_by_hand(gan: Any, a: Tensor, b: Tensor) -> dict[str, float]:
    """Zhu et al. 2017, sections 3 and 5.2, image by image, without a pool."""
    lost = dict.fromkeys(("generators", "discriminator_a", "discriminator_b"), 0.0)
    for x, y in zip(a.split(1), b.split(1), strict=True):
        there, back = gan.a_to_b(x), gan.b_to_a(y)
        cycle = (gan.b_to_a(there) - x).abs().mean() + (gan.a_to_b(back) - y).abs().mean()
        same = (gan.a_to_b(y) - y).abs().mean() + (gan.b_to_a(x) - x).abs().mean()
        fooled = ((gan.discriminator_b(there) - 1) ** 2).mean() + (
            (gan.discriminator_a(back) - 1) ** 2
        ).mean()
        lost["generators"] += float((fooled + 10 * cycle + 0.5 * 10 * same).detach()) / len(a)
        for name, real, fake in (("a", x, back), ("b", y, there)):
            judge = getattr(gan, f"discriminator_{name}")
            value = ((judge(real) - 1) ** 2).mean() + (judge(fake.detach()) ** 2).mean()
            lost[f"discriminator_{name}"] += float(value.detach()) / len(a)
    return lost


def test_the_losses_are_the_papers() -> None:
    gan = build_gan("paper")
    made = updates(gan)
    expected = compute_by_hand(gan, random_images(), random_images(seed=2))
    assert {name: float(update.loss.detach()) for name, update in made.items()} == pytest.approx(
        expected, rel=1e-4
    )
    parts = {name: float(part.detach()) for name, part in made["generators"].log.items()}
    weights = {"adversarial": 1, "cycle": 10, "identity": 5}
    assert sum(
        weights[name.partition("/")[0]] * part for name, part in parts.items()
    ) == pytest.approx(expected["generators"], 1e-4)
    assert set(parts) == {f"{term}/{domain}" for term in weights for domain in "ab"}


def record_calls(gan: Any) -> list[str]:
    """Networks in the order of their calls in a step, with the images of each call."""
    seen: list[str] = []
    for name, network in gan.named_children():
        network.register_forward_pre_hook(
            lambda module, inputs, name=name: seen.append(f"{name} {len(inputs[0])}")
        )
    updates(gan, n=2)
    return seen


def test_no_pass_is_made_that_no_loss_needs() -> None:
    assert record_calls(build_gan(identity="0")) == [
        "a_to_b 2",
        "b_to_a 2",
        "discriminator_a 2",
        "discriminator_b 2",
        "b_to_a 2",
        "a_to_b 2",
        "discriminator_b 4",
        "discriminator_a 4",
    ]
    assert record_calls(build_gan()) == [
        "a_to_b 4",
        "b_to_a 4",
        "discriminator_a 2",
        "discriminator_b 2",
        "b_to_a 2",
        "a_to_b 2",
        "discriminator_b 4",
        "discriminator_a 4",
    ]


def test_batch_norm_never_sees_two_sets_in_one_pass() -> None:
    assert all(call.endswith(" 2") for call in record_calls(build_gan("s22", identity="0.5")))


@pytest.mark.parametrize(("preset", "order"), [("paper", "gba"), ("s05", "bag"), ("s22", "bag")])
def test_players_move_in_the_order_of_the_source(preset: str, order: str) -> None:
    assert (
        "".join(name.removeprefix("discriminator_")[0] for name in updates(build_gan(preset)))
        == order
    )


def test_scores_are_means_of_both_discriminators() -> None:
    gan = build_gan(pool="0")
    made = updates(gan)["discriminator_a"].log
    real = [gan.discriminator_a(random_images()), gan.discriminator_b(random_images(seed=2))]
    assert float(made["score/real"]) == pytest.approx(
        np.mean([float(r.clamp(0, 1).mean().detach()) for r in real]), abs=1e-6
    )


# ---- the memory


def test_without_a_memory_the_fakes_are_shown() -> None:
    gan = build_gan(pool="0")
    assert not list(gan.buffers(recurse=False))
    judged: list[Tensor] = []
    gan.discriminator_b.register_forward_pre_hook(lambda module, inputs: judged.append(inputs[0]))
    updates(gan)
    torch.testing.assert_close(judged[1][3:], judged[0].detach())
    assert not judged[1].requires_grad


# ---- sampling


def test_each_row_goes_its_way_and_comes_back() -> None:
    gan, image = build_gan().eval(), random_images(4)
    direction = torch.tensor([0, 1, 1, 0])
    mixed = gan.sample({"image": image, "direction": direction})
    for row, way in enumerate(direction.tolist()):
        forth, back = (gan.a_to_b, gan.b_to_a) if way == 0 else (gan.b_to_a, gan.a_to_b)
        one = image[row : row + 1]
        alone = gan.sample({"image": one, "direction": direction[row : row + 1]})
        torch.testing.assert_close(alone["sample"], forth(one))
        torch.testing.assert_close(alone["returned"], back(forth(one)))
        for name in mixed:
            torch.testing.assert_close(
                mixed[name][row : row + 1], alone[name], atol=1e-5, rtol=1e-4
            )
    assert torch.equal(mixed["original"], image)


def test_one_direction_costs_one_pass_a_way() -> None:
    gan, seen = build_gan().eval(), []
    for name in gan.ema:
        gan.get_submodule(name).register_forward_pre_hook(
            lambda module, inputs, name=name: seen.append(name)
        )
    made = gan.sample({"image": random_images(), "direction": torch.ones(3, dtype=torch.int64)})
    assert seen == ["b_to_a"]
    assert made["returned"] is made["returned"]
    assert seen == ["b_to_a", "a_to_b"]


# ---- settings


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"size": "36"}, "size=36 is not a multiple of 8"),
        ({"load": "36"}, "load=36 is not a multiple of 8"),
        ({"size": "64"}, "load=32 leaves no square of size=64"),
        ({"generator": "unet", "depth": "6", "size": "32"}, "size=32 is not a multiple of 64"),
        ({"blocks": "99"}, "blocks"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build_gan(**settings)


@pytest.mark.parametrize(
    ("preset", "data", "expected"),
    [
        ("paper", None, (256, 288)),
        ("paper", 512, (256, 288)),
        ("paper", 128, (128, 144)),
        ("paper", 100, (96, 104)),
        ("small", 128, (64, 72)),
        ("small", 20, (32, 32)),
        ("s05", 96, (96, 96)),
    ],
)
def test_training_is_no_larger_than_the_data(
    preset: str, data: int | None, expected: tuple[int, int]
) -> None:
    facts = Facts(name="x", kind="images", count=1, channels=1, size=data, domains=("A", "B"))
    adapted = registry.get("cyclegan").adapt(build_config(preset), facts)
    assert (adapted.size, adapted.load, adapted.channels) == (*expected, 1)


def write_folders(place: Path, side: int = 32) -> Path:
    for number, name in enumerate(("trainA", "trainA", "trainA", "trainB", "trainB")):
        (place / name).mkdir(parents=True, exist_ok=True)
        levels = np.random.default_rng(number).integers(256, size=(side, side, 3), dtype=np.uint8)
        Image.fromarray(levels).save(place / name / f"{number}.png")
    return place


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_trains_and_translates(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "FIXED", 2)
    narrow = {"width": "4", "discriminator_width": "4", "blocks": "1"}
    run = train(
        "cyclegan",
        str(write_folders(tmp_path / "data")),
        preset=preset,
        settings=narrow,
        steps=2,
        batch_size=2,
        out=tmp_path / "run",
        device="cpu",
        sample_every=0,
        log_every=2,
    )
    config = json.loads((run / "config.json").read_text("utf-8"))["config"]
    kept = convert(config, registry.get("cyclegan").config, preset)
    assert plain(kept) == plain(build_config(preset, **narrow, size="32", load=str(kept.load)))
    row = json.loads((run / "metrics.jsonl").read_text("utf-8").splitlines()[-1])
    drawn = {
        "loss/discriminator_a",
        "loss/discriminator_b",
        "adversarial/a",
        "adversarial/b",
        "cycle/a",
        "cycle/b",
    }
    assert drawn <= set(row)
    assert ("identity/a" in row) == (preset != "s22")
    Image.new("RGB", (45, 32)).save(tmp_path / "photo.png")
    made = ganzoo.load(run).sample(1, seed=0, image=str(tmp_path / "photo.png"), direction="B2A")
    assert torch.isfinite(made.tensor).all()


def test_pictures_without_two_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "data" / "x.png")
    with pytest.raises(DataError, match="domain|trainA"):
        train(
            "cyclegan",
            str(tmp_path / "data"),
            preset="small",
            steps=1,
            out=tmp_path / "run",
            device="cpu",
        )
