"""siamese against its source: tiles, losses in plain numbers, no seams."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import ganzoo
from ganzoo.config import override
from ganzoo.errors import ConfigError, InputError
from ganzoo.gan import Step, Update
from ganzoo.spec import Facts
from ganzoo.training import artifacts
from ganzoo.training.augment import Augment
from ganzoo.training.run import train
from ganzoo.zoo import registry
from ganzoo_siamese.model import join_tiles, split_tiles, travel_loss, vector_norm
from ganzoo_siamese.networks import INSIDE, ChannelNorm, QuartersNorm

N = 4
SMALL = {
    "tile": "16",
    "load": "32",
    "width": "4",
    "siamese_width": "4",
    "vector": "6",
    "blocks": "1",
}


def build_gan(**settings: Any) -> Any:
    torch.manual_seed(0)
    plugin = registry.get("siamese")
    return plugin.build(override(plugin.config(), SMALL | settings))


def step() -> Step:
    return Step(0, "train", 10, torch.Generator().manual_seed(7))


def random_images(n: int = N, side: int = 32, seed: int = 1) -> Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def updates(gan: Any) -> dict[str, Update]:
    return {
        update.player: update
        for update in gan.losses({"A": random_images(), "B": random_images(seed=2)}, step())
    }


def test_tiles_are_quarters_and_join_again() -> None:
    whole = random_images(2)
    cut = split_tiles(whole)
    assert cut.shape == (8, 3, 16, 16)
    for picture in range(2):
        for row in range(2):
            for column in range(2):
                quarter = whole[
                    picture, :, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16
                ]
                assert torch.equal(cut[4 * picture + 2 * row + column], quarter)
    assert torch.equal(join_tiles(cut), whole)


def test_the_generator_is_trained_on_tiles_and_judged_on_four_of_them_joined() -> None:
    gan, seen = build_gan(), []
    for name, network in gan.named_children():
        network.register_forward_pre_hook(
            lambda module, inputs, name=name: seen.append((name, tuple(inputs[0].shape)))
        )
    updates(gan)
    assert seen[0] == ("generator", (4 * N, 3, 16, 16))
    assert seen[1:] == [("siamese", (N, 3, 32, 32))] * 3


def test_what_is_moved_and_covered_alike_has_travelled_nowhere() -> None:
    """Augmentation treats an image and its translation alike, so a perfect one has no loss."""
    gan = build_gan().train()
    Augment([gan.siamese], ["translation", "cutout"])
    plain, same = gan.siamese(random_images(), random_images())
    assert torch.equal(plain, same)
    assert not torch.allclose(plain, gan.siamese(random_images())[0])


Vectors = list[list[float]]
PAIRS = [(i, j) for i in range(N) for j in range(i)]


def between(vectors: Vectors) -> Vectors:
    return [[x - y for x, y in zip(vectors[i], vectors[j], strict=True)] for i, j in PAIRS]


def angle(first: list[float], second: list[float]) -> float:
    dot = sum(x * y for x, y in zip(first, second, strict=True))
    return 1 - dot / (math.hypot(*first) * math.hypot(*second))


def travel(content: Vectors, fake: Vectors) -> float:
    return float(
        np.mean(
            [angle(one, other) for one, other in zip(between(content), between(fake), strict=True)]
        )
    )


def vectors(gan: Any) -> tuple[Vectors, Vectors, Vectors]:
    """Vectors of images of the style, of translations and of their originals."""
    made = join_tiles(gan.generator(split_tiles(random_images()))).detach()
    style, fake, content = (
        gan.siamese(x)[0].detach().double().tolist()
        for x in (random_images(seed=2), made, random_images())
    )
    return style, fake, content


def test_the_losses_are_those_of_the_source() -> None:
    """D1, D2, D3 and G1, G2, pair by pair."""
    gan = build_gan(margin="0.5", travel="3")
    style, fake, content = vectors(gan)
    near = np.mean([math.hypot(*v) ** 2 for v in style])
    far = np.mean([max(0, 0.5 - math.hypot(*v)) ** 2 for v in fake])
    found = {name: float(update.loss.detach()) for name, update in updates(gan).items()}
    kept = 3 * travel(content, fake)
    assert list(found) == ["siamese", "generator"]
    assert found["siamese"] == pytest.approx(near + far + kept, rel=1e-4)
    assert found["generator"] == pytest.approx(
        np.mean([math.hypot(*v) ** 2 for v in fake]) + kept, rel=1e-4
    )


@pytest.mark.parametrize("norm", ["layer", "instance", "spectral"])
def test_beside_a_discriminator_the_losses_are_those_of_the_paper(norm: str) -> None:
    """Least squares with a discriminator; originals keep `margin` apart, directions stay."""
    gan = build_gan(
        margin="0.5",
        travel="3",
        adversary="patch",
        discriminator_width="4",
        tile="32",
        load="64",
        discriminator_norm=norm,
    )
    gan.discriminator.eval()  # a singular value is the same for all calls
    content, style = random_images(side=64), random_images(side=64, seed=2)
    made = join_tiles(gan.generator(split_tiles(content))).detach()
    real, fake = (gan.discriminator(x).detach().double() for x in (style, made))
    old, new = (gan.siamese(x)[0].detach().double().tolist() for x in (content, made))
    close = np.mean([max(0, 0.5 - math.hypot(*line)) for line in between(old)])
    kept = 3 * travel(old, new)
    found = {
        update.player: float(update.loss.detach())
        for update in gan.losses({"A": content, "B": style}, step())
    }
    assert close > 0
    assert list(found) == ["discriminator", "siamese", "generator"]
    assert found["discriminator"] == pytest.approx(
        float((real - 1).square().mean() + fake.square().mean()), rel=1e-4
    )
    assert found["siamese"] == pytest.approx(close + kept, rel=1e-4)
    assert found["generator"] == pytest.approx(float((fake - 1).square().mean()) + kept, rel=1e-4)


def test_the_discriminator_judges_patches_of_46_pixels() -> None:
    gan = build_gan(adversary="patch", discriminator_width="4", tile="64", load="128")
    layers = [layer for layer in gan.discriminator.modules() if isinstance(layer, nn.Conv2d)]
    side, spacing = 1, 1
    for layer in layers:
        side, spacing = side + (layer.kernel_size[0] - 1) * spacing, spacing * layer.stride[0]
    assert (side, spacing) == (46, 8)
    assert gan.discriminator(random_images(1, 128)).shape == (1, 1, 15, 15)


def test_the_discriminator_is_shown_what_was_made_before() -> None:
    gan = build_gan(adversary="patch", discriminator_width="4", tile="32", load="64", pool=str(N))
    judged: list[Tensor] = []
    gan.discriminator.register_forward_pre_hook(lambda module, inputs: judged.append(inputs[0]))
    gan.pool[:], gan.seen[:] = 0.25, N
    list(gan.losses({"A": random_images(side=64), "B": random_images(side=64, seed=2)}, step()))
    _, shown, made = judged  # the last by the generator's turn
    old = [bool((picture == 0.25).all()) for picture in shown]
    assert 0 < sum(old) < N
    new = [picture for picture, past in zip(shown, old, strict=True) if not past]
    assert all(
        float((made - picture).detach().abs().amax(dim=(1, 2, 3)).min()) < 1e-3 for picture in new
    )
    assert sum(bool((picture == 0.25).all()) for picture in gan.pool) == N - sum(old)
    assert gan.seen == 2 * N
    assert not shown.requires_grad


def with_and_without(
    term: str, weight: int, adversary: str
) -> tuple[Any, Tensor, Tensor, Update, float]:
    """The GAN, content, style, the generator's update with a term, and what the term adds."""
    settings = {"adversary": adversary, "tile": "32", "load": "64", "discriminator_width": "4"}
    content, style, found = random_images(side=64), random_images(side=64, seed=2), []
    for here in (0, weight):
        gan = build_gan(**{term: str(here)}, **settings)
        *_, update = gan.losses({"A": content, "B": style}, step())
        assert update.player == "generator"
        found.append(update)
    return gan, content, style, found[1], (found[1].loss - found[0].loss).item()


@pytest.mark.parametrize("adversary", ["siamese", "patch"])
def test_the_tone_of_squares_is_to_stay(adversary: str) -> None:
    gan, content, _, update, added = with_and_without("tone", 3, adversary)
    made = join_tiles(gan.generator(split_tiles(content))).detach()
    means = [picture.reshape(N, 3, 8, 8, 8, 8).mean(dim=(3, 5)) for picture in (made, content)]
    moved = float((means[0] - means[1]).abs().mean())
    assert moved > 0
    assert added == pytest.approx(3 * moved, rel=1e-4)
    assert update.log["tone"].item() == pytest.approx(moved, rel=1e-4)


def test_travel_is_nothing_for_the_same_directions_and_two_for_the_opposite() -> None:
    vectors = torch.randn(5, 7)
    assert float(travel_loss(vectors, 3 * vectors + 1)) == pytest.approx(0, abs=1e-6)
    assert float(travel_loss(vectors, -vectors)) == pytest.approx(2, abs=1e-6)
    torch.testing.assert_close(vector_norm(torch.tensor([[3.0, 4.0]])), torch.tensor([5.0]))


def test_the_direction_says_what_is_changed_into_what() -> None:
    """Sample sheets translate the first domain."""
    seen: dict[str, Tensor] = {}
    for direction in ("A2B", "B2A"):
        gan = build_gan(direction=direction)
        gan.generator.register_forward_pre_hook(
            lambda module, inputs, way=direction: seen.update({way: inputs[0]})
        )
        updates(gan)
        assert next(iter(registry.get("siamese").data(gan.config).fields)) == direction[0]
    assert torch.equal(seen["A2B"], split_tiles(random_images()))
    assert torch.equal(seen["B2A"], split_tiles(random_images(seed=2)))


def test_a_tile_comes_out_as_in_the_whole_picture_but_for_its_border() -> None:
    """Tiles are seamless: no statistics over maps, and a receptive field of `halo`."""
    gan = build_gan(blocks="1").eval()
    halo = gan.config.halo
    image = random_images(1, 96)
    whole = gan.sample({"image": image})["sample"]
    part = gan.sample({"image": image[..., 8:, 8:]})["sample"]
    torch.testing.assert_close(
        part[..., halo:, halo:], whole[..., 8 + halo :, 8 + halo :], atol=1e-5, rtol=1e-4
    )
    assert not any(
        isinstance(m, (nn.InstanceNorm2d, nn.BatchNorm2d, nn.GroupNorm))
        for m in gan.generator.modules()
    )


@pytest.mark.parametrize("blocks", ["0", "2"])
def test_a_pixel_changes_nothing_beyond_the_halo(blocks: str) -> None:
    gan = build_gan(blocks=blocks)
    network, halo = gan.generator.double().eval(), gan.config.halo
    for (
        parameter
    ) in network.parameters():  # no ReLU hides a pixel, no norm is alike for all channels
        nn.init.uniform_(parameter, 0.1, 0.2) if parameter.ndim == 4 else nn.init.uniform_(
            parameter, 0.5, 1.5
        )
    network.last[-1].weight.data.div_(1000)  # far from where tanh is flat
    side, farthest = 2 * halo + 32 - 2 * halo % 8, 0
    image = random_images(1, side).double()
    for place in range(side // 2, side // 2 + 8):
        changed = image.clone()
        changed[..., place, place] += torch.tensor([1.0, -2.0, 3.0])
        moved = (network(changed) != network(image)).any(dim=1)[0].nonzero()
        farthest = max(farthest, int((moved - place).abs().max()))
    assert farthest == halo


def test_instance_norm_is_over_the_four_tiles_of_a_picture_together_in_training() -> None:
    norm, whole = QuartersNorm(3), random_images(2)
    for parameter in norm.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    alone = nn.functional.instance_norm(whole, weight=norm.weight, bias=norm.bias)
    for maps in (
        split_tiles(whole),
        split_tiles(whole).contiguous(memory_format=torch.channels_last),
    ):
        torch.testing.assert_close(join_tiles(norm.train()(maps)), alone)
    torch.testing.assert_close(norm.eval()(whole), alone)
    assert not torch.allclose(join_tiles(norm(split_tiles(whole))), alone, atol=0.1)
    with pytest.raises(ValueError, match="2 maps in training"):
        norm.train()(whole)


@pytest.mark.parametrize(("norm", "kind"), [("channel", ChannelNorm), ("instance", QuartersNorm)])
def test_one_kind_of_norm_is_behind_every_layer_between_the_first_and_the_last(
    norm: str, kind: type[nn.Module]
) -> None:
    modules = list(build_gan(norm=norm, blocks="2").generator.modules())
    assert sum(isinstance(module, kind) for module in modules) == 2 + 2 * 2 + 2
    assert (
        sum(isinstance(module, (nn.InstanceNorm2d, nn.LayerNorm)) for module in modules)
        == 2 + 2 * 2 + 2
    )


def test_what_the_generator_makes_is_a_change_of_the_picture() -> None:
    gan, image = build_gan(), random_images(2, 64)
    nn.init.zeros_(gan.generator.last[-1].weight)
    torch.testing.assert_close(gan.generator(image), INSIDE * image)
    assert torch.isfinite(gan.generator(image.sign())).all()


@pytest.mark.parametrize("adversary", ["siamese", "patch"])
def test_pictures_of_the_style_are_to_stay(adversary: str) -> None:
    gan, _, style, update, added = with_and_without("identity", 5, adversary)
    change = float((join_tiles(gan.generator(split_tiles(style))) - style).detach().abs().mean())
    assert change > 0
    assert update.log["identity"].item() == pytest.approx(change, rel=1e-3)
    assert added == pytest.approx(5 * change, rel=1e-2)


@pytest.mark.parametrize("shape", [(8, 8), (8, 40), (64, 24)])
def test_any_sides_that_are_multiples(shape: tuple[int, int]) -> None:
    made = build_gan().eval().sample({"image": torch.zeros(1, 3, *shape)})
    assert {name: tuple(view.shape[2:]) for name, view in made.items()} == {
        "sample": shape,
        "original": shape,
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [(None, (64, 256)), (512, (64, 256)), (130, (64, 128)), (100, (32, 96)), (20, (16, 32))],
)
def test_tiles_are_no_larger_than_the_data_allow(
    data: int | None, expected: tuple[int, int]
) -> None:
    plugin = registry.get("siamese")
    adapted = plugin.adapt(
        plugin.config(), Facts(name="x", kind="images", count=1, channels=1, size=data)
    )
    assert (adapted.tile, adapted.load, adapted.channels) == (*expected, 1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tile": "64"}, "leaves no square of 2 x 2 tiles"),
        ({"batch": "1"}, "batch"),
        ({"pool": "8"}, "pool=8 is shown to a disc"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build_gan(**settings)


@pytest.mark.parametrize(
    ("preset", "keys"),
    [
        ("s21", {"distance/style", "distance/made"}),
        ("small", {"distance/originals", "score/real", "score/fake"}),
    ],
)
def test_it_trains_and_translates_one_way(
    preset: str, keys: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "FIXED", 2)
    for number, name in enumerate(("trainA", "trainA", "trainA", "trainB", "trainB")):
        (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
        levels = np.random.default_rng(number).integers(256, size=(40, 40, 3), dtype=np.uint8)
        Image.fromarray(levels).save(tmp_path / "data" / name / f"{number}.png")
    settings = {"width": "4", "siamese_width": "4", "discriminator_width": "4", "direction": "B2A"}
    run = train(
        "siamese",
        str(tmp_path / "data"),
        preset=preset,
        settings=settings | ({"tile": "16"} if preset == "s21" else {}),
        steps=2,
        batch_size=2,
        out=tmp_path / "run",
        device="cpu",
        sample_every=0,
        log_every=2,
    )
    row = json.loads((run / "metrics.jsonl").read_text("utf-8").splitlines()[-1])
    assert {"loss/siamese", "loss/generator", "travel"} | keys <= set(row)
    model = ganzoo.load(run)
    assert (model.config.tile, model.config.norm) == (
        16,
        "instance" if preset == "small" else "channel",
    )
    Image.new("RGB", (45, 32)).save(tmp_path / "photo.png")
    assert torch.isfinite(model.sample(1, seed=0, image=str(tmp_path / "photo.png")).tensor).all()
    with pytest.raises(InputError, match="B2A"):
        model.sample(1, seed=0, image=str(tmp_path / "photo.png"), direction="A2B")
