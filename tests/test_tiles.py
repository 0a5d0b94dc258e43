"""Tiles: no seam, no change of tone, bounded memory, any size."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.nn.srgb import linear_to_srgb, srgb_to_linear
from ganzoo.photographs import allocation, tiles
from ganzoo.photographs.norms import InstanceNormMode, measure_moments
from ganzoo.photographs.tiles import Tiling
from ganzoo.pictures import images
from tests.toned import HALO, MULTIPLE, network, photograph

TILING = Tiling(MULTIPLE, HALO, at_once=1 << 16, side=256, copy_pixels=1 << 16)
HEIGHT, WIDTH = 402, 598
Levels = NDArray[np.uint8]


def same(tile: Tensor) -> dict[str, Tensor]:
    return {"sample": tile}


def runs(net: nn.Module) -> Callable[[Tensor], Mapping[str, Tensor]]:
    return lambda tile: {"sample": net(tile)}


def naive(net: nn.Module, levels: Levels, tiling: Tiling) -> Levels:
    """Each tile with its own statistics and hard edges: the negative control of the tests below."""
    out = np.zeros_like(levels)
    for row in tiles.plan_spans(levels.shape[0], tiling):
        for column in tiles.plan_spans(levels.shape[1], tiling):
            tile = tiles._cut_tile(levels, row, column)
            made = images.to_uint8(net(tile))[0]
            view = out[row.start : row.start + row.size, column.start : column.start + column.size]
            view[:] = made[: view.shape[0], : view.shape[1]]
    return out


@pytest.fixture(scope="module")
def net() -> nn.Module:
    torch.manual_seed(0)
    return network(6).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def picture() -> Levels:
    return photograph(HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def made(net: nn.Module, picture: Levels) -> dict[str, NDArray[Any]]:
    """The picture at once, in tiles, and in tiles done badly."""
    with torch.inference_mode():
        whole = tiles.run_tiled(runs(net), picture, Tiling(MULTIPLE, HALO, at_once=1 << 30))[
            "sample"
        ]
        tiled = tiles.run_tiled(runs(net), picture, TILING)["sample"]
        found = {"whole": whole, "tiled": tiled, "naive": naive(net, picture, TILING)}
    return {name: levels.astype(int) for name, levels in found.items()}


def tone(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The largest difference of a tile's mean in one channel, in grey levels."""
    return max(
        float(
            abs(
                (a - b)[
                    row.start : row.start + row.size, column.start : column.start + column.size
                ].mean((0, 1))
            ).max()
        )
        for row in tiles.plan_spans(HEIGHT, TILING)
        for column in tiles.plan_spans(WIDTH, TILING)
    )


def seam(levels: NDArray[Any]) -> float:
    """The steepest mean step across a line where tiles begin or end, over the mean step elsewhere.

    Texture steps up and down, a seam one way for a stretch: steps are averaged over stretches of
    40 pixels first."""
    worst = 0.0
    for axis, length in ((0, HEIGHT), (1, WIDTH)):
        steps = np.diff(levels, axis=axis).swapaxes(0, axis)  # (lines, along, channels)
        stretches = (
            steps[:, : steps.shape[1] // 40 * 40].reshape(len(steps), -1, 40, 3).mean(axis=2)
        )
        steepness = abs(stretches).mean(axis=(1, 2))
        parts = tiles.plan_spans(length, TILING)
        lines = sorted(
            {part.start - 1 for part in parts[1:]}
            | {part.start + part.size - 1 for part in parts[:-1]}
        )
        worst = max(worst, steepness[lines].max() / np.delete(steepness, lines).mean())
    return float(worst)


def test_no_seam(made: dict[str, NDArray[Any]]) -> None:
    """The whole picture has steps at these lines too: its own content."""
    assert seam(made["tiled"]) < 1.1 * seam(made["whole"])
    assert seam(made["naive"]) > 1.3 * seam(made["whole"]), (
        "the measure sees a seam where there is one"
    )


def test_no_tile_has_another_tone(made: dict[str, NDArray[Any]]) -> None:
    assert tone(made["tiled"], made["whole"]) <= 2
    assert tone(made["naive"], made["whole"]) > 4, (
        "the measure sees another tone where there is one"
    )


def test_with_the_same_statistics_tiles_are_the_whole(
    net: nn.Module, picture: Levels, made: dict[str, NDArray[Any]]
) -> None:
    """What is dropped and blended of the tiles' borders costs nothing that is seen."""
    with (
        torch.inference_mode(),
        InstanceNormMode(tiles.estimate_moments(runs(net), picture, TILING)),
    ):
        whole = images.to_uint8(
            net(tiles._to_input(np.pad(picture, ((0, 2), (0, 2), (0, 0)), "symmetric")))
        )[0]
    assert abs(whole[:HEIGHT, :WIDTH].astype(int) - made["tiled"]).max() <= 2


def test_lightness_survives_where_tiles_of_other_colours_meet() -> None:
    """Tiles of different colours and one luminance blend to all colours between, of that luminance."""
    weights, drawn = torch.tensor([0.2126, 0.7152, 0.0722]), torch.Generator().manual_seed(0)

    def coloured(tile: Tensor) -> dict[str, Tensor]:
        light = torch.rand(3, generator=drawn) ** 4
        light = light * 0.06 / (light @ weights)
        return {"sample": (2 * linear_to_srgb(light) - 1)[None, :, None, None].expand_as(tile)}

    made = tiles.run_tiled(
        coloured, np.zeros((200, 301, 3), np.uint8), Tiling(1, 8, at_once=4096, side=100)
    )["sample"]
    luminance = srgb_to_linear(torch.from_numpy(made) / 255) @ weights
    assert len(np.unique(made.reshape(-1, 3), axis=0)) > 500
    assert float((luminance - 0.06).abs().max()) < 0.003, "rounded to 8 bits"
    blended = (made[:, :-40].astype(float) + made[:, 40:]) / 2
    flat = srgb_to_linear(torch.from_numpy(blended).float() / 255) @ weights
    assert float((flat - 0.06).abs().max()) > 0.01, "the measure sees what blending of levels does"


@pytest.mark.parametrize("size", [(90, 1000), (1000, 90)])
def test_strips_lie_along_the_shorter_side(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    widest, strips = [0], tiles._run_row

    def seen(*args: Any) -> Any:
        made = strips(*args)
        widest[0] = max(widest[0], made["sample"].shape[1])
        return made

    monkeypatch.setattr(tiles, "_run_row", seen)
    levels = photograph(*size)
    made = tiles.run_tiled(same, levels, Tiling(8, 3, at_once=4096, side=64))["sample"]
    assert (made == levels).all()
    assert made.flags["C_CONTIGUOUS"]
    assert widest[0] < 200


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 700), (700, 1), (3, 5), (33, 31), (402, 598), (129, 640)]
)
@pytest.mark.parametrize(
    "tiling",
    [
        Tiling(at_once=4096, side=64),
        Tiling(8, 3, 4096, 64),
        Tiling(32, 200, 4096, 128),
        Tiling(16, 90, 1 << 30, 64),
    ],
)
def test_any_size_comes_back_as_it_was(size: tuple[int, int], tiling: Tiling) -> None:
    levels, seen = photograph(*size), []

    def run(tile: Tensor) -> dict[str, Tensor]:
        seen.append(tuple(tile.shape[2:]))
        return {"sample": tile, "grey": tile.mean(1, keepdim=True)}

    done: list[int] = []
    found = tiles.run_tiled(run, levels, tiling, done.append)
    assert (found["sample"] == levels).all()
    assert found["grey"].shape == (*size, 1)
    assert sum(done) == tiles.count_tiles(*size, tiling)
    assert all(
        h % tiling.multiple == w % tiling.multiple == 0 and min(h, w) >= tiles.SHORTEST_SIDE
        for h, w in seen
    )
    side = max(tiling.side, 2 * tiling.round_up(2 * tiles.MARGIN + tiles.RAMP))
    assert all(h * w <= max(tiling.at_once, side**2) for h, w in seen), (
        "no more at a time than was asked for"
    )


@pytest.mark.parametrize("length", [*range(1, 200, 7), 511, 512, 513, 1000, 6000, 20_001])
def test_shares_add_up(length: int) -> None:
    for tiling in (
        Tiling(),
        Tiling(4, 90, side=192),
        Tiling(256, 400, side=512),
        Tiling(8, 2, side=160),
    ):
        parts, total = tiles.plan_spans(length, tiling), np.zeros(tiling.pad_length(length))
        for part in parts:
            assert part.start % tiling.multiple == part.size % tiling.multiple == 0
            total[part.start : part.start + part.size] += part.weights
            assert part.size == parts[0].size
        assert np.allclose(total, 1, atol=1e-6)
        assert parts[-1].start + parts[-1].size == len(total)
        for before, after in itertools.pairwise(parts):
            assert before.start + before.size - after.start >= tiles.RAMP, (
                "neighbours overlap by all that is blended"
            )


def test_each_call_of_a_layer_has_statistics_of_its_own(picture: Levels) -> None:
    """One norm, used on the image and on its brightened negative: swapped records would show."""
    norm = nn.InstanceNorm2d(3)

    def run(tile: Tensor) -> dict[str, Tensor]:
        return {
            "sample": torch.tanh(norm(tile)),
            "returned": torch.tanh(norm(0.2 - 3 * tile.clamp(min=-0.2))),
        }

    at_once = tiles.run_tiled(run, picture, Tiling(at_once=1 << 30))
    tiled = tiles.run_tiled(run, picture, Tiling(at_once=1 << 16, side=160))
    for name, levels in at_once.items():
        assert abs(levels.astype(int) - tiled[name]).max() <= 2, name


def test_affine_and_half_precision(picture: Levels) -> None:
    torch.manual_seed(1)
    net = network(4, affine=True).eval().requires_grad_(False)
    for module in net.modules():
        if isinstance(module, nn.InstanceNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    with torch.autocast("cpu", torch.bfloat16):
        whole = tiles.run_tiled(runs(net), picture, Tiling(MULTIPLE, HALO, at_once=1 << 30))[
            "sample"
        ].astype(int)
        tiled = tiles.run_tiled(runs(net), picture, TILING)["sample"].astype(int)
    assert tone(whole, tiled) <= 2


@pytest.mark.parametrize("shape", [(1, 5, 200, 31), (1, 5, 3, 7), (1, 5, 300)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_moments(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Against float64, of channels that lie as much as a thousand deviations off zero."""
    torch.manual_seed(0)
    offset = torch.tensor([0.0, 1, -30, 1000, 0]).view(1, 5, *[1] * (len(shape) - 2))
    maps = (torch.randn(shape) + offset).to(dtype)
    maps[:, 4] = 0.25
    mean, variance = measure_moments(maps)
    true = torch.var_mean(maps.double(), dim=(0, *range(2, maps.ndim)), correction=0)
    assert torch.allclose(mean.double(), true[1], rtol=1e-6, atol=1e-6)
    assert torch.allclose(variance.double(), true[0], rtol=1e-4, atol=1e-7)


def test_freed_memory_is_kept_between_tiles_alone(
    picture: Levels, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr(allocation, "_change_users", told.append)
    inside: list[int] = []

    def run(tile: Tensor) -> dict[str, Tensor]:
        inside.append(sum(told))
        if len(inside) > 3:
            raise ValueError("enough")
        return {"sample": tile}

    with pytest.raises(ValueError, match="enough"):
        tiles.run_tiled(run, picture, TILING)
    assert inside == [0, 1, 1, 1]  # first comes a copy of the whole picture
    assert told == [1, -1]
    inside.clear()
    tiles.run_tiled(run, picture[:64, :64], TILING)
    assert inside == [0]


def test_a_network_without_instance_norm_needs_one_look(picture: Levels) -> None:
    seen: list[int] = []

    def run(tile: Tensor) -> dict[str, Tensor]:
        seen.append(tile.shape[2] * tile.shape[3])
        return {"sample": tile}

    tiles.run_tiled(run, picture, TILING)
    assert len(seen) == 1 + tiles.count_tiles(HEIGHT, WIDTH, TILING)
    assert 0.9 < seen[0] / (TILING.copy_pixels // tiles.COPY_RATIO) < 1.1


def test_norms_with_running_statistics_are_left_alone(picture: Levels) -> None:
    norm = nn.InstanceNorm2d(3, track_running_stats=True).eval()
    norm.running_mean = torch.tensor([0.5, 0.0, -0.5])
    whole = tiles.run_tiled(runs(norm), picture, Tiling(at_once=1 << 30))["sample"]
    assert (
        tiles.run_tiled(runs(norm), picture, Tiling(at_once=1 << 16, side=160))["sample"] == whole
    ).all()


def test_the_networks_are_as_they_were_whatever_happens(net: nn.Module, picture: Levels) -> None:
    tile = torch.rand(1, 3, 64, 64)
    before, calls = net(tile), 0

    def breaks(part: Tensor) -> dict[str, Tensor]:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise MemoryError
        return {"sample": net(part)}

    with pytest.raises(MemoryError):
        tiles.run_tiled(breaks, picture, TILING)
    assert torch.equal(net(tile), before)
    assert F.instance_norm(tile).mean().abs() < 1e-5


@pytest.mark.parametrize("extra", [-1, 1])
def test_another_number_of_calls_on_a_tile_is_an_error(picture: Levels, extra: int) -> None:
    norm, calls = nn.InstanceNorm2d(3), 0

    def run(tile: Tensor) -> dict[str, Tensor]:
        nonlocal calls
        calls += 1
        for _ in range(2 + (extra if calls > 2 else 0)):
            tile = norm(tile)
        return {"sample": tile}

    with pytest.raises(RuntimeError, match="a tile makes .*calls of instance norm"):
        tiles.run_tiled(run, picture, TILING)


MEMORY = """
import resource, sys
import numpy as np
from PIL import Image
import torch
from ganzoo.photographs import photograph, tiles
from tests.toned import HALO, MULTIPLE, network
torch.set_num_threads(1)
photo = photograph.read_photograph(sys.argv[1], 3)
net = network(32).eval().requires_grad_(False)
def run(tile):
    return {"sample": net(tile), "returned": net(tile)}

made = tiles.run_tiled(run, photo.levels, tiles.Tiling(MULTIPLE, HALO))
photograph.save_photograph(photo.assemble([made["sample"]]), photograph.Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_a_photograph_of_24_megapixels_takes_less_than_two_gigabytes(tmp_path: Any) -> None:
    from PIL import Image

    Image.fromarray(photograph(400, 600)).resize((6000, 4000)).save(tmp_path / "x.jpg")
    words = [sys.executable, "-c", MEMORY, str(tmp_path / "x.jpg"), str(tmp_path / "y.jpg")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < 2e9
    with Image.open(tmp_path / "y.jpg") as image:
        assert image.size == (6000, 4000)
