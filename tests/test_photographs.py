"""What goes into a network of a user's photograph, and what comes back with it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, ImageOps

import ganzoo
from ganzoo import files
from ganzoo.api import Model
from ganzoo.errors import InputError, UsageError
from ganzoo.inputs import Image as ImageInput
from ganzoo.photographs import photograph
from ganzoo.photographs.tiles import Tiling
from ganzoo.pictures import images
from ganzoo.sampling.assembly import model_config
from ganzoo.zoo import weights
from ganzoo.zoo.registry import get
from tests import toned

ORIENTATION = 0x0112
D50 = (0.9642, 1.0, 0.8249)
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))
"""Its primaries under D50 (SMPTE EG 432-1, adapted by Bradford)."""


def profile(
    primaries: tuple[tuple[float, ...], ...] = DISPLAY_P3,
    gamma: float = 2.2,
    white: tuple[float, ...] = D50,
) -> bytes:
    """A matrix profile, ICC version 2."""

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {
        b"wtpt": xyz(white),
        **dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, primaries), strict=True)),
    }
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data
    head = struct.pack(
        ">I4sI4s4s4s", start + len(body), b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ "
    ) + struct.pack(
        ">6H4s4sI4s4sQI3i",
        2024,
        1,
        1,
        0,
        0,
        0,
        b"acsp",
        b"APPL",
        0,
        b"none",
        b"none",
        0,
        0,
        *(round(v * 65536) for v in D50),
    )
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def grey_profile() -> bytes:
    """The same, of grey pictures."""
    made = profile().replace(b"RGB ", b"GRAY").replace(b"rTRC", b"kTRC")
    assert ImageCms.ImageCmsProfile(io.BytesIO(made)).profile.xcolor_space == "GRAY"
    return made


def png_of_16_bits(path: Path, levels: np.ndarray) -> None:
    """Colour: Pillow cannot write it."""
    height, width, _ = levels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Loads an untrained model of a plugin, in float32."""
    home = tmp_path_factory.mktemp("toned")

    def load(name: str) -> Model:
        plugin = get(name) if name != "toned" else toned.plugin
        torch.manual_seed(0)
        gan = plugin.build(plugin.tiny)
        if name == "toned":
            return Model(
                "toned",
                plugin,
                gan.eval().requires_grad_(False),
                torch.device("cpu"),
                "fp32",
                "0" * 64,
            )
        config = model_config(plugin, gan)
        weights.save_tensors(
            home / name / weights.MODEL,
            weights.collect_tensors(gan, gan.ema),
            weights.build_metadata(config),
        )
        files.write_json(home / name / weights.CONFIG, config)
        return ganzoo.load(home / name, device="cpu", precision="fp32")

    return load


@pytest.fixture
def colours() -> Image.Image:
    return Image.fromarray(toned.photograph(30, 41))


CONVERTED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "RGB": lambda image: image,
    "RGBA": lambda image: image.convert("RGBA"),
    "P": lambda image: image.quantize(256),
    "CMYK": lambda image: image.convert("CMYK"),
    "YCbCr": lambda image: image.convert("YCbCr"),
}


@pytest.mark.parametrize("mode", CONVERTED)
def test_colours_of_every_kind(colours: Image.Image, mode: str) -> None:
    photo = photograph.read_photograph(CONVERTED[mode](colours), 3)
    assert photo.levels.shape == (30, 41, 3)
    assert abs(photo.levels.astype(int) - np.asarray(colours)).mean() < 4
    assert (photo.alpha, photo.profile) == (None, None)


@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "I;16B", "I", "1"])
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_of_every_kind(tmp_path: Path, mode: str, channels: int) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    if mode.startswith("I"):
        deep = Image.fromarray(grey.astype(np.uint16) * 257)
        image = (
            deep
            if mode == "I;16"
            else deep.convert("I")
            if mode == "I"
            else Image.frombytes(mode, (16, 16), (grey.astype(">u2") * 257).tobytes())
        )
    else:
        image = Image.fromarray(grey).convert(mode)
    levels = photograph.read_photograph(image, channels).levels
    assert levels.shape == (16, 16, channels)
    expected = np.asarray(image.convert("L")) if mode == "1" else grey
    assert (levels == expected[..., None]).all()


def test_sixteen_bits_of_colour(tmp_path: Path) -> None:
    levels = toned.photograph(9, 7)
    png_of_16_bits(tmp_path / "deep.png", levels.astype(np.uint16) * 257)
    assert (photograph.read_photograph(tmp_path / "deep.png", 3).levels == levels).all()


@pytest.mark.parametrize("turn", range(1, 9))
def test_the_result_is_upright_and_has_no_tag(
    tmp_path: Path, colours: Image.Image, turn: int, model: Any
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    colours.save(tmp_path / "x.jpg", exif=exif, quality=100)
    with Image.open(tmp_path / "x.jpg") as image:
        shown = np.asarray(ImageOps.exif_transpose(image))
    assert (photograph.read_photograph(tmp_path / "x.jpg", 3).levels == shown).all()
    made = model("toned").translate(tmp_path / "x.jpg")
    photograph.save_photograph(made, tmp_path / "y.jpg")
    with Image.open(tmp_path / "y.jpg") as image:
        assert image.size == shown.shape[1::-1]
        assert not image.getexif()


def test_a_wide_profile_is_left_and_come_back_to(tmp_path: Path, colours: Image.Image) -> None:
    wide = profile()
    colours.save(tmp_path / "x.png", icc_profile=wide)
    photo = photograph.read_photograph(tmp_path / "x.png", 3)
    own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(wide)), ImageCms.createProfile("sRGB")
    expected = ImageCms.profileToProfile(colours, own, srgb, renderingIntent=1)  # type: ignore[arg-type]
    assert expected is not None
    assert abs(photo.levels.astype(int) - np.asarray(expected)).max() <= 2, "the network sees sRGB"
    assert abs(photo.levels.astype(int) - np.asarray(colours)).max() > 8, "which is something else"
    for name in ("y.png", "y.jpg", "y.webp", "y.tif"):
        photograph.save_photograph(photo.assemble([photo.levels]), tmp_path / name)
        with Image.open(tmp_path / name) as back:
            assert back.info["icc_profile"] == wide
            inside = (photo.levels > 0).all(-1) & (photo.levels < 255).all(
                -1
            )  # the rest was out of sRGB
            assert (
                abs(np.asarray(back.convert("RGB")).astype(int) - np.asarray(colours))[
                    inside
                ].mean()
                < 6
            ), name


def test_srgb_s_own_profile_is_kept_and_changes_nothing(colours: Image.Image) -> None:
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    colours.info["icc_profile"] = plain
    photo = photograph.read_photograph(colours, 3)
    made = photo.assemble([photo.levels])
    assert (np.asarray(made) == np.asarray(colours)).all()
    assert made.info["icc_profile"] == plain


@pytest.mark.parametrize(
    "broken", [b"no profile", profile()[:200], profile()[:140] + b"\xff" * 100]
)
def test_a_broken_profile_is_left_out(colours: Image.Image, broken: bytes) -> None:
    colours.info["icc_profile"] = broken
    photo = photograph.read_photograph(colours, 3)
    assert (photo.levels == np.asarray(colours)).all()
    assert "icc_profile" not in photo.assemble([photo.levels]).info


def test_a_grey_profile_takes_no_colour_away(colours: Image.Image) -> None:
    colours.info["icc_profile"] = grey_profile()
    photo = photograph.read_photograph(colours, 3)
    assert (photo.levels == np.asarray(colours)).all()
    assert photo.profile is None


def test_a_grey_profile_counts_beside_transparency(colours: Image.Image) -> None:
    plain = colours.convert("L")
    plain.info["icc_profile"] = grey_profile()
    clear = plain.copy()
    clear.putalpha(128)
    clear.info["icc_profile"] = grey_profile()
    assert clear.mode == "LA"
    expected = photograph.read_photograph(plain, 3).levels
    assert (expected != np.asarray(plain.convert("RGB"))).any()
    assert (photograph.read_photograph(clear, 3).levels == expected).all()


def test_sixteen_bits_are_rounded_and_keep_what_is_transparent(tmp_path: Path) -> None:
    levels = np.array([[0, 128, 129, 65534], [65535, 32768, 300, 301]], dtype=np.uint16)
    Image.fromarray(levels).save(tmp_path / "deep.png", transparency=300)
    photo = photograph.read_photograph(tmp_path / "deep.png", 1)
    assert photo.levels[..., 0].tolist() == [[0, 0, 1, 255], [255, 128, 255, 1]], (
        "white where nothing shows"
    )
    assert photo.alpha is not None
    assert (photo.alpha == 0).nonzero()[1].tolist() == [2]


def test_levels_of_32_bits_and_broken_files_from_pil_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 70_000, dtype=np.int32)).save(tmp_path / "deep.tif")
    with pytest.raises(InputError, match="more than 16 bits"):
        photograph.read_photograph(tmp_path / "deep.tif", 3)
    with pytest.raises(InputError, match="more than 16 bits"):
        images.read_inputs([tmp_path / "deep.tif"], ImageInput(3), "image")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "x.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "x.jpg").read_bytes()[:-60])
    with pytest.raises(InputError, match="not a (readable image|picture that can be read)"):
        photograph.read_photograph(Image.open(tmp_path / "cut.jpg"), 3)


def test_transparency_is_put_back(tmp_path: Path, colours: Image.Image, model: Any) -> None:
    alpha = np.zeros((30, 41), np.uint8)
    alpha[:, 10:], alpha[:, 20:] = 128, 255
    colours.putalpha(Image.fromarray(alpha))
    photo = photograph.read_photograph(colours, 3)
    assert (photo.levels[:, :10] == 255).all(), "where nothing shows the network sees white"
    assert (photo.levels[:, 10:] == np.asarray(colours)[:, 10:, :3]).all()
    made = model("toned").translate(colours)
    for name in ("y.png", "y.webp", "y.tif"):
        photograph.save_photograph(made, tmp_path / name)
        with Image.open(tmp_path / name) as image:
            assert (np.asarray(image.convert("RGBA").getchannel("A")) == alpha).all(), name
    photograph.save_photograph(made, tmp_path / "y.jpg")
    with Image.open(tmp_path / "y.jpg") as image:
        assert np.asarray(image)[:, :8].min() > 250, "JPEG has none: on white"


def test_a_palette_s_transparency(colours: Image.Image) -> None:
    flat = colours.quantize(8)
    flat.info["transparency"] = 3
    photo = photograph.read_photograph(flat, 3)
    assert photo.alpha is not None
    assert ((photo.alpha == 0) == (np.asarray(flat) == 3)).all()


def test_what_is_no_picture(tmp_path: Path, colours: Image.Image) -> None:
    (tmp_path / "note.jpg").write_text("hello")
    colours.save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:-300])
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "float.tif")
    for name, words in {
        "note.jpg": "not a readable image",
        "cut.jpg": "truncated",
        "float.tif": "floating",
        "gone.jpg": "no file",
    }.items():
        with pytest.raises(InputError, match=words) as caught:
            photograph.read_photograph(tmp_path / name, 3)
        assert "\n" not in str(caught.value)


def test_a_format_that_is_too_small(tmp_path: Path) -> None:
    photo = photograph.Photograph(np.zeros((1, 9000, 3), np.uint8))
    photograph.check_format(tmp_path / "x.webp", photo)
    for name, show in (("x.webp", "cycle"), ("x.webp", "a,b")):
        with pytest.raises(UsageError, match="WEBP holds 16,383 a side"):
            photograph.check_format(tmp_path / name, photo, show)
    photograph.check_format(tmp_path / "x.png", photo, "cycle")


def test_from_python(tmp_path: Path, colours: Image.Image, model: Any) -> None:
    colours.save(tmp_path / "x.png")
    made = model("toned").translate(tmp_path / "x.png")
    assert made.size == colours.size
    assert (
        made
        == model("toned").translate(colours, direction="A2B")
        == model("toned").colorize(colours)
    )
    assert made != model("toned").translate(colours, direction="B2A")
    with pytest.raises(InputError, match="no option 'A2C'"):
        model("toned").translate(colours, direction="A2C")
    for name in (
        "toned",
        "colorizer",
    ):  # one that takes another input beside the picture, and one that takes none
        with pytest.raises(InputError, match="no such input"):
            model(name).translate(colours, label=3)


def test_views(colours: Image.Image, model: Any) -> None:
    toned_model = model("toned")
    width, height = colours.size
    cycle = toned_model.translate(colours, show="cycle")
    assert cycle.size == (3 * width, height)
    assert cycle.crop((0, 0, width, height)) == colours
    assert cycle.crop((width, 0, 2 * width, height)) == toned_model.translate(colours)
    assert cycle.crop((2 * width, 0, 3 * width, height)) == toned_model.translate(
        colours, show="returned"
    )
    assert toned_model.translate(colours, show="grey").mode == "L"
    assert toned_model.translate(colours, show="grey, sample").crop(
        (width, 0, 2 * width, height)
    ) == toned_model.translate(colours)
    with pytest.raises(
        UsageError, match="--show lamp: this model gives sample, original, returned, grey"
    ):
        toned_model.translate(colours, show="lamp")
    own = model("tiny_unpaired").translate(colours, show="cycle")
    assert own.size == colours.size, "a model's own view of that name"


def test_in_tiles_and_at_once(monkeypatch: pytest.MonkeyPatch, model: Any) -> None:
    image = Image.fromarray(toned.photograph(300, 401))
    whole = np.asarray(model("toned").translate(image, show="cycle")).astype(int)
    monkeypatch.setattr(
        photograph,
        "choose_tiling",
        lambda spec: Tiling(spec.multiple, spec.halo, at_once=1 << 15, side=192),
    )
    tiled = np.asarray(model("toned").translate(image, show="cycle")).astype(int)
    assert abs(whole - tiled).mean() < 3
    assert abs((whole - tiled).mean((0, 1))).max() < 1


def test_a_model_without_photographs_says_so(model: Any, colours: Image.Image) -> None:
    fixed = model("toned")
    fixed.plugin = replace(fixed.plugin, inputs=lambda config: {"image": ImageInput(3, size=32)})
    for method in ("translate", "colorize"):
        with pytest.raises(UsageError, match="takes no image"):
            getattr(model("tiny_class"), method)(colours)
        with pytest.raises(UsageError, match="takes images of one size only; use sample"):
            getattr(fixed, method)(colours)
