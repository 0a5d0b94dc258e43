"""colorizer: Lab, lightness that is kept, receptive fields, losses."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import ganzoo
from ganzoo.config import override
from ganzoo.errors import ConfigError, DataError
from ganzoo.gan import Step, Update
from ganzoo.nn import bce, generator_loss
from ganzoo.photographs import photograph as photographs
from ganzoo.photographs import tiles
from ganzoo.photographs.tiles import Tiling
from ganzoo.pictures import images
from ganzoo.spec import Facts
from ganzoo.training.run import train
from ganzoo.zoo import registry
from ganzoo_colorizer import halo
from ganzoo_colorizer.model import select_colourful, to_lab, to_rgb

N = 4
SMALL: dict[str, Any] = {
    "size": 16,
    "depth": 2,
    "width": 4,
    "discriminator_width": 4,
    "strides": 1,
    "dropout": 0.0,
}


def build_gan(preset: str | None = None, **settings: Any) -> Any:
    torch.manual_seed(0)
    plugin = registry.get("colorizer")
    return plugin.build(override(plugin.presets[preset] if preset else plugin.config(), settings))


def random(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def random_images(size: int = 16, n: int = N, width: int | None = None) -> Tensor:
    return random(n, 3, size, width or size) * 2 - 1


def in_8_bits(pictures: Tensor) -> Tensor:
    return images.to_float(torch.from_numpy(images.to_uint8(pictures)).permute(0, 3, 1, 2))


def updates(gan: Any, batch: Tensor) -> dict[str, Update]:
    step = Step(0, "train", 10, torch.Generator().manual_seed(7))
    return {update.player: update for update in gan.losses({"image": batch}, step)}


def compute_lab(level: tuple[float, float, float]) -> tuple[float, float, float]:
    """CIE 15 and IEC 61966-2-1 for one colour in [0, 1]; white is D65 of ASTM E308."""
    r, g, b = (c / 12.92 if c <= 0.04045 else math.pow((c + 0.055) / 1.055, 2.4) for c in level)
    tristimulus = (
        (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047,
        0.2126729 * r + 0.7151522 * g + 0.0721750 * b,
        (0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883,
    )
    x, y, z = (
        math.cbrt(t) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in tristimulus
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def one(*levels: float) -> Tensor:
    return torch.tensor(levels).view(1, 3, 1, 1) * 2 - 1


# ---- colour


@pytest.mark.parametrize(
    "level", [*product((0.0, 1.0), repeat=3), (0.02, 0.01, 0.03), (0.5, 0.04, 0.2), (0.3, 0.6, 0.9)]
)
def test_lab_is_that_of_the_standards(level: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(to_lab(one(*level)).flatten().numpy(), compute_lab(level), atol=2e-3)


@pytest.mark.parametrize(
    ("level", "lab"),
    [
        ((1, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 1, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 1), (32.30, 79.19, -107.86)),
        ((0.5, 0.5, 0.5), (53.39, 0, 0)),
    ],
)
def test_lab_has_the_well_known_numbers(
    level: tuple[float, float, float], lab: tuple[float, float, float]
) -> None:
    np.testing.assert_allclose(to_lab(one(*level)).flatten().numpy(), lab, atol=0.01)


def test_every_colour_comes_back_from_lab() -> None:
    corners = (
        torch.tensor(list(product((0, 1, 128, 254, 255), repeat=3))).float().T.reshape(1, 3, 5, 25)
        / 127.5
        - 1
    )
    for colours in (corners, in_8_bits(random_images(64))):
        lab = to_lab(colours)
        assert np.array_equal(
            images.to_uint8(to_rgb(lab[:, :1], lab[:, 1:])), images.to_uint8(colours)
        )


def test_lab_has_gradients_everywhere() -> None:
    colours = (
        torch.tensor([-1.0, -0.999, 0.0, 1.0]).view(1, 1, 2, 2).repeat(1, 3, 1, 1).requires_grad_()
    )
    lab = to_lab(colours)
    to_rgb(lab[:, :1], lab[:, 1:] + 1).sum().backward()
    assert colours.grad is not None
    assert bool(torch.isfinite(colours.grad).all())


def test_a_colour_that_srgb_lacks_keeps_its_lightness_and_its_hue() -> None:
    lightness, ab = 100 * random(1, 1, 256, 256), 220 * random(1, 2, 256, 256, seed=2) - 110
    ab[:, :, :16] = 110 * ab[:, :, :16].sign()  # the farthest that the network can ask for
    made = to_rgb(lightness, ab)
    assert float(made.abs().max()) <= 1
    lab = to_lab(made)
    assert float((lab[:, :1] - lightness).abs().max()) < 0.02
    assert float((to_lab(in_8_bits(made))[:, :1] - lightness).abs().max()) < 0.5
    kept = torch.hypot(*lab[:, 1:].unbind(1)) / torch.hypot(*ab.unbind(1))
    assert float(kept.max()) < 1.001
    assert float((kept < 0.99).float().mean()) > 0.5
    turned = (lab[:, 1] * ab[:, 1] - lab[:, 2] * ab[:, 0]).abs() / torch.hypot(*ab.unbind(1))
    assert float(turned.max()) < 0.3


def test_lightness_stays_where_tiles_meet() -> None:
    """Of a network that colours each tile differently."""
    gan = build_gan(**SMALL).eval()
    for layer in gan.generator.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            layer.weight.data *= 30
    spec: Any = registry.get("colorizer").inputs(gan.config)["image"]
    photograph, cut = (
        random_images(200, 1, 301),
        Tiling(spec.multiple, spec.halo, at_once=1 << 14, side=100),
    )
    made = tiles.run_tiled(
        lambda tile: gan.sample({"image": tile}), images.to_uint8(photograph)[0], cut
    )["sample"]
    asked, found = (
        to_lab(in_8_bits(photograph)),
        to_lab(images.to_float(torch.from_numpy(made).permute(2, 0, 1))[None]),
    )
    assert float(torch.hypot(*found[:, 1:].unbind(1)).mean()) > 20
    assert float((found[:, 0] - asked[:, 0]).abs().max()) < 0.5


def test_no_more_chroma_is_taken_away_than_needed() -> None:
    lightness, ab = 1 + 98 * random(1, 1, 128, 128), 220 * random(1, 2, 128, 128, seed=2) - 110
    lost = to_lab(to_rgb(lightness, ab))[:, 1:]
    asked, kept = torch.hypot(*ab.unbind(1)), torch.hypot(*lost.unbind(1))
    more = kept + asked / 256
    beyond = to_lab(to_rgb(lightness, ab * (more / asked)))[:, 1:]
    gained = (torch.hypot(*beyond.unbind(1)) - kept) / asked
    assert (
        float(gained[kept < 0.99 * asked].max()) < 1 / 400
    )  # more than that share of what was asked for does not fit


# ---- samples


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (4, 52), (64, 8)])
def test_lightness_and_size_stay_whatever_the_network_says(
    height: int, width: int, precision: torch.dtype
) -> None:
    gan = build_gan(**SMALL).eval()
    for layer in gan.generator.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            layer.weight.data *= 30  # far out of the gamut
    photograph = in_8_bits(random_images(height, 2, width))
    with torch.no_grad(), torch.autocast("cpu", precision, enabled=precision == torch.bfloat16):
        made = gan.sample({"image": photograph})
    assert {name: tuple(view.shape) for name, view in made.items()} == dict.fromkeys(
        ("sample", "grey", "truth"), tuple(photograph.shape)
    )
    asked, found = to_lab(photograph), to_lab(in_8_bits(made["sample"]))
    assert float(torch.hypot(*found[:, 1:].unbind(1)).mean()) > 20
    assert float((found[:, 0] - asked[:, 0]).abs().max()) < 0.5
    assert float((to_lab(in_8_bits(made["grey"]))[:, 0] - asked[:, 0]).abs().max()) < 0.5
    assert torch.equal(made["grey"][:, 0], made["grey"][:, 2])
    assert torch.equal(made["truth"], photograph)


def test_a_coloured_photograph_is_turned_grey_first() -> None:
    gan = build_gan(**SMALL).eval()
    with torch.no_grad():
        first = gan.sample({"image": random_images()})
        second = gan.sample({"image": first["grey"]})
    torch.testing.assert_close(second["sample"], first["sample"], atol=1e-3, rtol=0)
    torch.testing.assert_close(second["grey"], first["grey"], atol=1e-4, rtol=0)


def test_an_overview_gives_a_large_picture_the_colours_of_its_reduced_copy() -> None:
    gan = build_gan(**SMALL, overview=True).eval()
    small = random_images(16)
    large = small.repeat_interleave(8, 2).repeat_interleave(8, 3)
    with torch.no_grad():
        colours = to_lab(gan.sample({"image": small})["sample"])[:, 1:]
        found = to_lab(gan.sample({"image": large})["sample"])
        wide = gan.sample({"image": torch.cat([large, large], dim=3)})["sample"]
    assert float((found[:, 0] - to_lab(large)[:, 0]).abs().max()) < 0.1
    places = found[:, 1:, 3::8, 3::8]  # beside the middle of each enlarged pixel
    assert float((places - colours).abs().mean()) < 0.2 * float(colours.abs().mean())
    assert wide.shape == (N, 3, 128, 256)


def test_a_model_with_an_overview_is_never_given_tiles() -> None:
    cuts = []
    for whole in (False, True):
        config = build_gan(**SMALL, overview=whole).config
        image: Any = registry.get("colorizer").inputs(config)["image"]
        cuts.append(photographs.choose_tiling(image))
    assert [cut.fits_at_once(4000, 6000) for cut in cuts] == [False, True]


def test_strips_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    gan = build_gan(**SMALL, overview=True).eval()
    image = random_images(32).repeat_interleave(2, 2)
    with torch.no_grad():
        at_once = gan.sample({"image": image})
        monkeypatch.setattr("ganzoo_colorizer.model.ROWS", 12)
        for name, strips in gan.sample({"image": image}).items():
            assert torch.equal(strips, at_once[name]), name


def measure_reach(network: nn.Module, channels: int, side: int, place: tuple[int, int]) -> int:
    """How far from `place` a change of the image changes the output there."""
    picture = random(1, channels, side, side).double().requires_grad_()
    (gradient,) = torch.autograd.grad(
        network.double().eval()(picture)[0, :, place[0], place[1]].sum(), picture
    )
    seen = gradient.abs().sum(dim=(0, 1)).nonzero()
    return int((seen - torch.tensor(place)).abs().max())


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_halo_is_how_far_the_unet_looks(depth: int) -> None:
    gan = build_gan(**SMALL | {"depth": depth, "size": 16})
    side = 128  # all that it looks at lies inside
    found = [
        measure_reach(gan.generator, 1, side, (side // 2 + place, side // 2 + place))
        for place in range(2**depth)
    ]
    assert max(found) == halo(gan.config)


def test_the_halo_of_the_valid_layers() -> None:
    gan = build_gan("s23")
    for layer in gan.generator.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            layer.weight.data.abs_()  # else ReLU hides the last pixels
    assert measure_reach(gan.generator, 1, 83, (41, 41)) == halo(gan.config) == 39


@pytest.mark.parametrize(("strides", "field"), [(1, 16), (2, 34), (3, 70)])
def test_a_logit_sees_a_patch_of_the_papers_size(strides: int, field: int) -> None:
    gan = build_gan(**SMALL | {"strides": strides, "size": 128})
    picture = random(1, 3, 128, 128).double().requires_grad_()
    logits = gan.discriminator.double().eval()(picture)
    assert logits.shape[1:] == (1, (128 >> strides) - 2, (128 >> strides) - 2)
    middle = logits.shape[2] // 2
    (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], picture)
    rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    assert int(rows.max() - rows.min()) + 1 == field


# ---- learning


def test_the_generators_loss_is_distance_and_what_the_discriminator_says() -> None:
    """Isola et al. 2017, eq. 4, with the non-saturating form."""
    gan, batch = build_gan(**SMALL, distance_weight=10), random_images()
    lab = to_lab(batch)
    made = gan.generator(lab[:, :1] / 50 - 1)
    distance = (made - lab[:, 1:] / 110).abs().mean()
    logits = gan.discriminator(torch.cat([lab[:, :1] / 50 - 1, made], dim=1))
    found = updates(gan, batch)
    assert list(found) == ["discriminator", "generator"]
    expected = 10 * distance + generator_loss("bce", logits)
    assert float(found["generator"].loss.detach()) == pytest.approx(
        float(expected.detach()), rel=1e-5
    )


def test_the_discriminator_compares_colours_of_the_same_lightness() -> None:
    gan, batch = build_gan(**SMALL), random_images()
    lab = to_lab(batch)
    grey, true = lab[:, :1] / 50 - 1, lab[:, 1:] / 110
    on_real, on_fake = (
        gan.discriminator(torch.cat([grey, ab], dim=1))
        for ab in (true, gan.generator(grey).detach())
    )
    expected = bce(on_real, 1.0) + bce(on_fake, 0.0)
    assert float(updates(gan, batch)["discriminator"].loss.detach()) == pytest.approx(
        float(expected.detach()), rel=1e-5
    )


@pytest.mark.parametrize("role", ["bystander", "none"])
def test_without_an_adversary_distance_is_all(role: str) -> None:
    gan, batch = (
        build_gan(**SMALL, discriminator=role, distance="l2", distance_weight=3),
        random_images(),
    )
    lab = to_lab(batch)
    expected = 3 * (gan.generator(lab[:, :1] / 50 - 1) - lab[:, 1:] / 110).square().mean()
    found = updates(gan, batch)
    assert float(found["generator"].loss.detach()) == pytest.approx(
        float(expected.detach()), rel=1e-5
    )
    assert ("discriminator" in found) == (role == "bystander")
    assert hasattr(gan, "discriminator") == (role == "bystander")


def test_the_logged_chroma_is_a_share_of_the_truths() -> None:
    gan, batch = build_gan(**SMALL), random_images()
    lab = to_lab(batch)
    made = 110 * gan.generator(lab[:, :1] / 50 - 1).detach()
    expected = made.norm(dim=1).mean() / lab[:, 1:].norm(dim=1).mean()
    assert float(updates(gan, batch)["generator"].log["chroma"]) == pytest.approx(
        float(expected), rel=1e-4
    )


def test_grey_pictures_are_no_examples() -> None:
    assert select_colourful(torch.tensor([5.0, 0.1, 9.0, 0.2, 0.3]), 2.0).tolist() == [
        0,
        2,
        0,
        2,
        0,
    ]
    assert select_colourful(torch.tensor([0.1, 0.2, 0.3]), 2.0).tolist() == [0, 1, 2]
    assert select_colourful(torch.tensor([0.1, 0.2, 0.3]), 0.0).tolist() == [0, 1, 2]
    gan, batch = build_gan(**SMALL), random_images()
    mixed = torch.cat([batch[:2], batch[:2].mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)])
    expected = updates(build_gan(**SMALL), batch[[0, 1, 0, 1]])["generator"].loss
    assert float(updates(gan, mixed)["generator"].loss.detach()) == pytest.approx(
        float(expected.detach()), rel=1e-5
    )


# ---- presets


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_s23_has_the_parameters_and_the_maps_of_its_source() -> None:
    gan = build_gan("s23")
    assert (count(gan.generator), count(gan.discriminator)) == (1_406_403, 1_907_905)
    sides, maps = [], random(1, 1, 120, 120)
    for down in gan.generator.down:
        maps = down(maps)
        sides.append(maps.shape[-1])
    assert sides == [98, 90, 82]
    assert gan.discriminator(random_images(120, 2)).shape == (2, 1)


def test_s23_learns_as_its_source_does() -> None:
    """Squared error of RGB for the generator; noisy labels for a bystander."""
    gan, batch = build_gan("s23"), random_images(120, 1)
    rgb = (batch + 1) / 2
    luma = torch.stack(
        [
            images.to_float(torch.from_numpy(np.array(one.convert("L"))))
            for one in images.make_images(batch)
        ]
    )
    grey, _ = gan.split(batch)
    torch.testing.assert_close(2 * grey[:, 0] - 1, luma, atol=0.02, rtol=0)
    made = gan.generator(grey)
    noise = 0.1 * torch.rand(2, 1, 1, generator=torch.Generator().manual_seed(7))
    judged = bce(gan.discriminator(rgb), 1 - noise[0]) + bce(gan.discriminator(made), noise[1])
    found = updates(gan, batch)
    assert float(found["discriminator"].loss.detach()) == pytest.approx(
        float(judged.detach()), rel=1e-4
    )
    assert float(found["generator"].loss.detach()) == pytest.approx(
        float((made - rgb).square().mean().detach()), rel=1e-4
    )
    players = gan.phases()[0].players
    assert {(player.lr, player.betas) for player in players.values()} == {(1e-3, (0.9, 0.999))}
    with torch.no_grad():
        sample = gan.eval().sample({"image": batch[:, :, :40, :77]})
    assert float(sample["sample"].abs().max()) <= 1
    torch.testing.assert_close(sample["grey"][:, 1], luma[:, :40, :77], atol=0.02, rtol=0)


def test_the_small_preset_fits_into_14_megabytes() -> None:
    assert 2 * count(build_gan("small").generator) < 14 * 2**20


def test_regression_is_the_small_preset_without_its_adversary() -> None:
    small, regression = build_gan("small"), build_gan("regression")
    assert [t.shape for t in small.generator.parameters()] == [
        t.shape for t in regression.generator.parameters()
    ]
    assert list(regression.phases()[0].players) == ["generator"]
    assert (small.phases()[0].steps, small.phases()[0].batch) == (
        regression.phases()[0].steps,
        regression.phases()[0].batch,
    )


@pytest.mark.parametrize(
    ("size", "preset", "expected"),
    [(96, "small", 64), (50, "small", 32), (None, "small", 64), (96, "s23", 120)],
)
def test_the_size_is_never_more_than_the_datas(
    size: int | None, preset: str, expected: int
) -> None:
    plugin = registry.get("colorizer")
    facts = Facts(name="x", kind="images", count=1, channels=3, size=size)
    assert plugin.adapt(plugin.presets[preset], facts).size == expected


def test_grey_data_are_refused() -> None:
    plugin = registry.get("colorizer")
    with pytest.raises(DataError, match="holds grey images"):
        plugin.adapt(
            plugin.config(), Facts(name="mnist", kind="images", count=1, channels=1, size=28)
        )


@pytest.mark.parametrize(
    ("preset", "settings", "words"),
    [
        (None, {"size": 100}, "multiple of 32"),
        (None, {"size": 32, "strides": 4}, "strides=4"),
        (None, {"network": "valid"}, "set size=120"),
        ("s23", {"width": 32}, "set width=64"),
        ("s23", {"depth": 3}, "set depth=5"),
    ],
)
def test_what_makes_no_sense_is_refused(
    preset: str | None, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        build_gan(preset, **settings)


def test_a_colour_that_follows_from_lightness_is_learnt(tmp_path: Path) -> None:
    """Bright places are blue, dark ones orange: train on a folder, colour a larger file."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(24):
        paint(number, 16).save(folder / f"{number}.png")
    settings = {name: str(value) for name, value in SMALL.items()} | {"width": "8", "lr": "0.002"}
    run = train(
        "colorizer",
        str(folder),
        settings=settings,
        steps=100,
        batch_size=8,
        out=tmp_path / "run",
        device="cpu",
        precision="fp32",
        sample_every=0,
        log_every=50,
    )
    paint(99, 24).convert("L").save(tmp_path / "grey.png")
    made = ganzoo.load(run, precision="fp32").sample(1, image=tmp_path / "grey.png")
    assert made.tensor.shape == (1, 3, 24, 24)
    assert set(made.views) == {"grey", "truth"}
    true = to_lab(
        images.to_float(torch.from_numpy(np.asarray(paint(99, 24)).copy()).permute(2, 0, 1))[None]
    )[:, 1:]
    away = torch.hypot(*(to_lab(made.tensor)[:, 1:] - true).unbind(1)).mean()
    assert float(away) < 0.4 * float(torch.hypot(*true.unbind(1)).mean())


def paint(seed: int, size: int) -> Image.Image:
    """Large spots, blue or orange."""
    coarse = (
        np.random.default_rng(seed)
        .integers(2, size=(size // 4, size // 4))
        .repeat(4, 0)
        .repeat(4, 1)
    )
    return Image.fromarray(
        np.where(coarse[..., None] == 1, (120, 180, 250), (140, 70, 20)).astype(np.uint8)
    )
