"""`ganzoo.load(...).sample(...)` and what comes back."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

import ganzoo
from ganzoo import files
from ganzoo.errors import (
    ConfigError,
    DeviceError,
    GanzooError,
    InputError,
    OutputExists,
    UnknownModel,
    UsageError,
    WeightsError,
)
from ganzoo.pictures import images
from ganzoo.sampling.assembly import model_config
from ganzoo.zoo import manifest, weights
from ganzoo.zoo.registry import get


def folder(path: Path, name: str = "dcgan", seed: int = 0) -> Path:
    """A model folder of a tiny, untrained plugin."""
    plugin = get(name)
    torch.manual_seed(seed)
    gan = plugin.build(plugin.tiny)
    config = model_config(plugin, gan)
    weights.save_tensors(
        path / weights.MODEL, weights.collect_tensors(gan, gan.ema), weights.build_metadata(config)
    )
    files.write_json(path / weights.CONFIG, config)
    return path


def test_import_is_cheap() -> None:
    code = "import sys, ganzoo; dir(ganzoo); print([n for n in ('torch', 'numpy', 'typer') if n in sys.modules])"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


def test_samples(tmp_path: Path) -> None:
    model = ganzoo.load(folder(tmp_path), device="cpu", precision="fp32")
    samples = model.sample(5, seed=3)
    assert samples.tensor.shape == (5, 1, 28, 28)
    assert samples.tensor.dtype == torch.float32
    assert samples.tensor.abs().max() <= 1
    assert (len(samples), samples.seed, len(samples.images())) == (5, 3, 5)
    assert samples.images()[0].size == (28, 28)
    assert samples.grid(columns=5).size == (5 * 30 + 2, 32)
    assert Image.open(io.BytesIO(samples._repr_png_())).size == (3 * 30 + 2, 2 * 30 + 2)
    assert "dcgan" in repr(model)


def test_row_i_is_that_of_seed_plus_i(tmp_path: Path) -> None:
    model = ganzoo.load(folder(tmp_path), device="cpu", precision="fp32")
    whole = model.sample(9, seed=100, batch_size=4).tensor
    near = 1e-5 * float(whole.abs().max())
    for again, rows in [
        (model.sample(9, seed=100, batch_size=9), whole),
        (model.sample(1, seed=107), whole[7:8]),
    ]:
        assert torch.allclose(again.tensor, rows, rtol=0, atol=near), (
            "sums are taken in another order, and nothing else"
        )
        assert (images.to_uint8(again.tensor) == images.to_uint8(rows)).all()
    assert not torch.allclose(whole[0], whole[1], rtol=0, atol=100 * near)


def test_sampling_leaves_torchs_generator_alone(tmp_path: Path) -> None:
    place = folder(tmp_path)
    state = torch.get_rng_state()
    ganzoo.load(place).sample(2)
    assert torch.equal(state, torch.get_rng_state())


def test_bf16_is_close(tmp_path: Path) -> None:
    place = folder(tmp_path)
    exact, fast = (
        ganzoo.load(place, device="cpu", precision=p).sample(16, seed=0).tensor
        for p in ("fp32", "bf16")
    )
    assert (exact - fast).abs().mean() * 127.5 < 0.5


def test_saving(tmp_path: Path) -> None:
    samples = ganzoo.load(folder(tmp_path / "model")).sample(4, seed=1)
    assert samples.save(tmp_path / "x.png") == tmp_path / "x.png"
    with pytest.raises(OutputExists) as caught:
        samples.save(tmp_path / "x.png")
    assert caught.value.path == tmp_path / "x.png"
    samples.save(tmp_path / "x.png", force=True)
    with pytest.raises(UsageError, match=r"\.png, \.npz"):
        samples.save(tmp_path / "x.tiff")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("name", [str, Path])
def test_a_folder_may_be_a_path_or_text(name: type, tmp_path: Path) -> None:
    assert ganzoo.load(name(folder(tmp_path))).name == tmp_path.name


def test_views_and_encoding(tmp_path: Path) -> None:
    samples = ganzoo.load(folder(tmp_path / "text", "tiny_text")).sample(
        2, seed=0, text="a red thing"
    )
    assert set(samples.views) == {"stage1", "stages"}
    model = ganzoo.load(tmp_path / "text")
    for wanted in ((), ("stages",)):
        some = model.sample(2, seed=0, text="a red thing", views=wanted)
        assert torch.equal(some.tensor, samples.tensor)
        assert tuple(some.views) == wanted
    assert set(model.sample(2, text="a red thing", views="stages").views) == {"stages"}
    with pytest.raises(UsageError, match="these samples came with no other views"):
        model.sample(2, text="a red thing", views=()).view("stages")
    with pytest.raises(UsageError, match="--show stage3: this model gives stage1, stages"):
        model.sample(2, text="a red thing", views=("stage3",))
    vae = ganzoo.load(folder(tmp_path / "vae", "tiny_vae"), device="cpu", precision="fp32")
    inputs = vae.encode(vae.sample(3, seed=0).tensor)
    assert set(inputs) <= set(vae.inputs)
    with pytest.raises(UsageError, match="has no encoder"):
        ganzoo.load(folder(tmp_path / "dcgan")).encode(torch.zeros(1, 1, 28, 28))


def test_errors_carry_their_facts(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel) as unknown:
        ganzoo.load("dcgan-mnits")
    assert unknown.value.name == "dcgan-mnits"
    model = ganzoo.load(folder(tmp_path))
    with pytest.raises(InputError) as wrong:
        model.sample(2, label=3)
    assert wrong.value.name == "label"
    for call in (
        lambda: model.sample(0),
        lambda: model.sample(1, seed=-1),
        lambda: model.sample(1, batch_size=0),
    ):
        with pytest.raises(GanzooError):
            call()  # type: ignore[no-untyped-call]
    with pytest.raises(DeviceError):
        ganzoo.load(tmp_path, device="abacus")


def change(path: Path, **changes: object) -> None:
    config = json.loads((path / "config.json").read_text())
    config["config"].update(changes)
    (path / "config.json").write_text(json.dumps(config))


def test_a_folder_that_is_not_what_it_says(tmp_path: Path) -> None:
    place = folder(tmp_path)
    model = place / weights.MODEL
    good, config = model.read_bytes(), (place / "config.json").read_text()
    model.write_bytes(good[:-10])
    with pytest.raises(WeightsError, match="cut short"):
        ganzoo.load(place)
    model.write_bytes(b"\x80\x04" + good)
    with pytest.raises(WeightsError, match="not a"):
        ganzoo.load(place)
    model.write_bytes(good)
    change(place, width=256, size=128)
    with pytest.raises(WeightsError, match="does not fit its config"):
        ganzoo.load(place)
    change(place, width=10**9)
    with pytest.raises(ConfigError, match="width"):
        ganzoo.load(place)
    change(place, width=4, colour="red")
    with pytest.raises(ConfigError, match="colour"):
        ganzoo.load(place)
    (place / "config.json").write_text(config.replace('"dcgan"', '"os.system"'))
    with pytest.raises(GanzooError, match=r"matching regex .* at `\$\.plugin`"):
        ganzoo.load(place)
    (place / "config.json").write_text(config.replace('"format"', '"farmat"'))
    with pytest.raises(WeightsError, match="farmat"):
        ganzoo.load(place)


def test_lists() -> None:
    assert {"dcgan", "vanilla"} <= set(ganzoo.list_plugins())
    assert ganzoo.list_models("dcgan*") == [
        name for name in ganzoo.list_models() if name.startswith("dcgan")
    ]
    assert ganzoo.list_models() == list(manifest.list_models())


def test_the_default_model_has_every_file_it_names() -> None:
    name = manifest.load_official().default
    assert name in manifest.load_official().models
    assert ganzoo.load(name).sample(2, seed=0).tensor.shape == (2, 1, 28, 28)
    size = sum(file.bytes for file in manifest.get_entry(name).files.values())
    assert size <= 4 * 2**20


def test_pictures_from_users(tmp_path: Path) -> None:
    from ganzoo.inputs import Image as ImageInput

    Image.new("RGB", (20, 10), (255, 0, 0)).save(tmp_path / "red.png")
    fitted = images.to_input(images.open_image(tmp_path / "red.png"), ImageInput(3, 8))
    assert fitted.shape == (3, 8, 8)
    assert fitted[:, 0, 0].tolist() == [1, -1, -1]
    free = images.to_input(images.open_image(tmp_path / "red.png"), ImageInput(1, None, multiple=8))
    assert free.shape == (1, 16, 24)
    (tmp_path / "text.png").write_text("hello")
    for name, text in (("text.png", "not a readable image"), ("nothing.png", "no file")):
        with pytest.raises(InputError, match=text):
            images.open_image(tmp_path / name)


def test_8_bit_levels_and_the_grid() -> None:
    levels = torch.tensor([-1.0, 0.0, 1.0, 7.0]).view(1, 1, 1, 4)
    assert images.to_uint8(levels).ravel().tolist() == [0, 128, 255, 255]
    four = torch.linspace(-1, 1, 4).view(4, 1, 1, 1).expand(4, 1, 6, 6)
    sheet = images.make_grid(four, columns=2, gap=2)
    assert sheet.size == (18, 18)
    assert [sheet.getpixel(xy) for xy in ((0, 0), (2, 2), (10, 2), (2, 10), (10, 10))] == [
        255,
        0,
        85,
        170,
        255,
    ]
