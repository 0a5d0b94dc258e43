"""vae: parameter counts, the lower bound against a reference, encoding, health."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import ganzoo
from ganzoo import testing
from ganzoo.api import Model
from ganzoo.config import override
from ganzoo.errors import ConfigError, DataError, InputError, UsageError
from ganzoo.files import write_json
from ganzoo.gan import Step
from ganzoo.pictures import images, plots
from ganzoo.sampling.assembly import model_config
from ganzoo.sampling.fold import fold_batch_norms
from ganzoo.spec import Facts, Labels, Picture
from ganzoo.training.health import Health
from ganzoo.training.log import Silent
from ganzoo.training.run import train
from ganzoo.zoo import registry, weights

PLUGIN = registry.get("vae")


def build_gan(preset: str = "vae", **settings: Any) -> Any:
    torch.manual_seed(0)
    return PLUGIN.build(override(PLUGIN.presets[preset], settings))


def small(conditional: bool) -> Any:
    return override(PLUGIN.tiny, {"conditional": conditional})


def step(seed: int = 0) -> Step:
    return Step(0, "train", 10, torch.Generator().manual_seed(seed))


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def load_untrained(path: Path, config: Any, seed: int = 0) -> Model:
    """Write a folder of an untrained model and load it."""
    torch.manual_seed(seed)
    gan = PLUGIN.build(config)
    recorded = model_config(PLUGIN, gan)
    weights.save_tensors(
        path / weights.MODEL,
        weights.collect_tensors(gan, gan.ema),
        weights.build_metadata(recorded),
    )
    write_json(path / weights.CONFIG, recorded)
    return ganzoo.load(path, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_untrained(tmp_path_factory.mktemp("plain"), small(False))


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_untrained(tmp_path_factory.mktemp("conditional"), small(True))


def random_images(n: int, size: int = 8) -> Tensor:
    return torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(n)) * 2 - 1


# ---- networks


@pytest.mark.parametrize(
    ("preset", "encoder", "decoder"),
    [("vae", 495_252, 648_001), ("cvae", 504_164, 321_665)],
    ids=["S03", "S04"],
)
def test_parameters_are_those_of_the_source(preset: str, encoder: int, decoder: int) -> None:
    with torch.device("meta"):
        gan = build_gan(preset)
    assert (count(gan.encoder), count(gan.decoder)) == (encoder, decoder)


ENCODER = [320, 18_496, 73_856, 401_472, 1_040, 34 + 34]
DECODER = [192, 407_680, 147_584, 73_792, 18_464, 289]


@pytest.mark.parametrize(
    ("preset", "encoder", "decoder"),
    [("vae", ENCODER, DECODER), ("cvae", [8_624, 608, *ENCODER[1:]], [81_536, *DECODER[2:]])],
)
def test_every_layer_is_as_large_as_in_the_source(
    preset: str, encoder: list[int], decoder: list[int]
) -> None:
    with torch.device("meta"):
        gan = build_gan(preset)
    for network, expected in ((gan.encoder, encoder), (gan.decoder, decoder)):
        layers = [
            layer
            for layer in network.modules()
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear))
        ]
        assert [count(layer) for layer in layers] == expected


@pytest.mark.parametrize("name", ["conditional", "plain"])
@pytest.mark.parametrize(("size", "channels"), [(8, 3), (28, 1), (32, 3), (64, 1)])
def test_shapes(size: int, channels: int, name: str) -> None:
    config = override(small(name == "conditional"), {"size": size, "channels": channels})
    gan = PLUGIN.build(config)
    label = {"label": torch.tensor([0, 2])} if config.conditional else {}
    made = gan.sample({"latent": torch.zeros(2, 2), **label})
    assert made.shape == (2, channels, size, size)
    assert gan.encoder(made, label.get("label")).shape == (2, 4)


def test_weights_start_as_keras_starts_them() -> None:
    gan = build_gan()
    gan.requires_grad_(False)
    linear = gan.encoder.layers[9]
    limit = math.sqrt(6 / (linear.in_features + linear.out_features))
    assert 0.99 * limit < float(linear.weight.abs().max()) <= limit
    assert not any(
        float(layer.bias.abs().max())
        for layer in gan.modules()
        if isinstance(layer, (nn.Linear, nn.Conv2d))
    )


def test_dropout_is_in_the_encoder_while_it_learns() -> None:
    gan = build_gan("vae", dropout=0.5)
    assert [layer.p for layer in gan.modules() if isinstance(layer, nn.Dropout)] == [0.5, 0.5]
    image = random_images(2, 28)
    assert not torch.equal(gan.encoder(image), gan.encoder(image))
    gan.eval()
    assert torch.equal(gan.encoder(image), gan.encoder(image))


REFUSALS = [
    ({"size": "30"}, "size"),
    ({"size": "4"}, "size"),
    ({"size": "128", "width": "32"}, "131,072 numbers in the smallest maps"),
    ({"dropout": "1"}, "dropout"),
    ({"kl_weight": "-1"}, "kl_weight"),
    ({"latent": "0"}, "latent"),
]


@pytest.mark.parametrize(("settings", "words"), REFUSALS)
def test_what_cannot_be_is_refused(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        override(PLUGIN.config(), settings)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(28, 28), (30, 28), (5, 8), (64, 64), (88, 88), (92, 88), (178, 88), (None, 28)],
)
def test_size_channels_and_classes_are_those_of_the_data(size: int | None, expected: int) -> None:
    facts = Facts(name="x", kind="images", count=1, channels=3, size=size, classes=("cat", "dog"))
    adapted = PLUGIN.adapt(PLUGIN.presets["cvae"], facts)
    assert (adapted.size, adapted.channels, adapted.classes) == (expected, 3, ("cat", "dog"))
    assert set(PLUGIN.inputs(adapted)) == {"latent", "label"}
    assert PLUGIN.data(adapted).fields == {"image": Picture(3, expected), "label": Labels(2)}
    blind = PLUGIN.adapt(PLUGIN.presets["vae"], facts)
    assert set(PLUGIN.inputs(blind)) == {"latent"}
    assert set(PLUGIN.data(blind).fields) == {"image"}


@pytest.mark.parametrize("check", testing.checks()[1:], ids=lambda check: check.__name__)
def test_the_plain_one_conforms_too(check: Any) -> None:
    """`ganzoo check vae` checks a conditional one."""
    result = testing.run_check(check, replace(PLUGIN, tiny=small(False)))
    assert result.passed, result.detail


def pad_like_keras(layer: Any, maps: Tensor) -> Tensor:
    """Stride 2, `same`: pad one line at the end only; transposed: cut one line at the end."""
    weight, size = layer.weight.flip(2, 3), maps.shape[2]
    if isinstance(layer, nn.Conv2d):
        return nn.functional.conv2d(nn.functional.pad(maps, (0, 1, 0, 1)), weight, layer.bias, 2)
    return nn.functional.conv_transpose2d(maps, weight, layer.bias, 2)[:, :, : 2 * size, : 2 * size]


def test_padding_is_that_of_keras_for_the_picture_turned_round() -> None:
    gan = build_gan("vae", width=4)
    strided = [
        m
        for m in gan.modules()
        if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)) and m.stride == (2, 2)
    ]
    assert len(strided) == 4
    for layer in strided:
        maps = torch.randn(2, layer.in_channels, 14, 14)
        torch.testing.assert_close(layer(maps).flip(2, 3), pad_like_keras(layer, maps.flip(2, 3)))


def test_sampling_runs_through_plain_sequences() -> None:
    gan = build_gan("cvae", width=4).eval()
    inputs = {"latent": torch.randn(5, 2), "label": torch.arange(5)}
    fast = fold_batch_norms(gan).to(memory_format=torch.channels_last)
    assert type(fast.decoder.layers) is nn.Sequential
    torch.testing.assert_close(fast.sample(inputs), gan.sample(inputs), atol=1e-5, rtol=0)


# ---- the lower bound


@pytest.mark.parametrize("kl_weight", [1.0, 0.25])
@pytest.mark.parametrize("is_conditional", [False, True])
def test_the_loss_is_the_lower_bound_written_by_hand(
    is_conditional: bool, kl_weight: float
) -> None:
    gan = PLUGIN.build(override(small(is_conditional), {"kl_weight": kl_weight})).eval()
    image, label = random_images(4), torch.tensor([0, 1, 2, 1]) if is_conditional else None
    batch = {"image": image} if label is None else {"image": image, "label": label}
    with torch.no_grad():
        (update,) = gan.losses(batch, step(7))
        out = gan.encoder(image, label).double().numpy()
        mean, variance = out[:, :2], np.exp(out[:, 2:])
        noise = torch.randn(4, 2, generator=torch.Generator().manual_seed(7)).double().numpy()
        latent = torch.from_numpy(mean + np.sqrt(variance) * noise).float()
        shade = 1 / (1 + np.exp(-gan.decoder(latent, label).double().numpy()))
    target = (image.double().numpy() + 1) / 2
    entropy = -(target * np.log(shade) + (1 - target) * np.log(1 - shade))
    reconstruction = np.mean([entropy[row].sum() for row in range(4)])
    kl = np.mean(
        [
            0.5 * (variance[row].sum() + mean[row] @ mean[row] - 2 - np.log(variance[row].prod()))
            for row in range(4)
        ]
    )
    assert float(update.log["reconstruction"]) == pytest.approx(reconstruction, rel=1e-5)
    assert float(update.log["kl"]) == pytest.approx(kl, rel=1e-4)
    assert float(update.loss) == pytest.approx(reconstruction + kl_weight * kl, rel=1e-5)
    assert update.player == "autoencoder"


def test_kl_is_what_draws_of_the_posterior_say() -> None:
    """The closed form against a Monte Carlo estimate of log q - log p."""
    gan = PLUGIN.build(small(False)).eval()
    for parameter in gan.encoder.parameters():
        parameter.data.mul_(1.5)
    with torch.no_grad():
        (update,) = gan.losses({"image": random_images(1)}, step())
        mean, log_variance = gan.encoder(random_images(1)).chunk(2, dim=1)
        posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
        drawn = posterior.sample((200_000,))
        ratio = (posterior.log_prob(drawn) - torch.distributions.Normal(0, 1).log_prob(drawn)).sum(
            dim=2
        )
    error = 5 * float(ratio.std()) / 200_000**0.5
    assert float(update.log["kl"]) == pytest.approx(float(ratio.mean()), abs=error)
    assert float(update.log["kl"]) > 2 * error


def test_a_picture_of_the_right_shades_costs_least() -> None:
    from ganzoo_vae.model import bernoulli_loss

    image = torch.full((1, 1, 4, 4), -0.4)  # brightness 0.3
    shades = torch.linspace(0.02, 0.98, 49)
    costs = [
        float(bernoulli_loss(torch.logit(shade).expand(1, 1, 4, 4), image)) for shade in shades
    ]
    assert float(shades[int(np.argmin(costs))]) == pytest.approx(0.3, abs=0.01)
    assert min(costs) == pytest.approx(16 * -(0.3 * math.log(0.3) + 0.7 * math.log(0.7)), rel=1e-3)


def test_samples_are_the_mean_brightness() -> None:
    gan = PLUGIN.build(small(False)).eval()
    latent = torch.randn(3, 2)
    shade = gan.decoder(latent).sigmoid()
    torch.testing.assert_close(gan.sample({"latent": latent}), 2 * shade - 1)


# ---- pictures back to inputs


def test_encode_gives_the_mean_of_the_posterior(plain: Model) -> None:
    image = random_images(300)  # more than are encoded at a time
    found: dict[str, Any] = dict(plain.encode(image))
    assert set(found) == {"latent"}
    with torch.no_grad():
        torch.testing.assert_close(
            found["latent"], plain.gan.encoder(image)[:, :2], atol=1e-5, rtol=1e-4
        )
    assert torch.equal(plain.sample(300, seed=0, **found).tensor, plain.reconstruct(image).tensor)


def test_a_conditional_encoder_is_told_the_class_and_tells_it_again(conditional: Model) -> None:
    image = random_images(3)
    found: dict[str, Any] = dict(conditional.encode(image, label=[2, 0, 1]))
    assert found["label"].tolist() == [2, 0, 1]
    assert torch.equal(
        conditional.encode(image, label="square,circle,cross")["label"], found["label"]
    )
    other = conditional.encode(image, label="circle")
    assert other["label"].tolist() == [0, 0, 0]
    assert torch.equal(other["latent"][1], found["latent"][1])
    assert not torch.equal(other["latent"][0], found["latent"][0])
    made = conditional.reconstruct(image, label=[2, 0, 1])
    torch.testing.assert_close(
        made.tensor, conditional.sample(3, seed=0, **found).tensor, atol=1e-5, rtol=0
    )


def test_reconstructions_stand_beside_their_originals(plain: Model, tmp_path: Path) -> None:
    image = random_images(4)
    made = plain.reconstruct(image)
    assert (made.tensor.shape, set(made.views)) == ((4, 1, 8, 8), {"original", "beside"})
    assert torch.equal(made.view("original").tensor, image)
    assert torch.equal(made.view("beside").tensor, torch.cat([image, made.tensor], dim=3))
    with Image.open(made.view("beside").save(tmp_path / "x.png", columns=2)) as sheet:
        assert sheet.size == (2 * (16 + 2) + 2, 2 * (8 + 2) + 2)


def test_files_are_encoded_too(plain: Model, tmp_path: Path) -> None:
    image = torch.from_numpy(
        np.random.default_rng(0).integers(256, size=(2, 1, 8, 8), dtype=np.uint8)
    )
    files = [tmp_path / f"{row}.png" for row in range(2)]
    for file, one in zip(files, images.make_images(images.to_float(image)), strict=True):
        one.save(file)
    expected = plain.encode(images.to_float(image))["latent"]
    torch.testing.assert_close(plain.encode(files)["latent"], expected)
    torch.testing.assert_close(plain.encode(str(files[1]))["latent"], expected[1:])
    torch.testing.assert_close(plain.encode(images.to_float(image)[1])["latent"], expected[1:])


MISTAKES = [
    ("conditional", random_images(2), {}, "input 'label': this encoder needs the class"),
    ("conditional", random_images(4), {"label": [0, 1]}, "input 'label': 2 values for 4 images"),
    ("conditional", random_images(2), {"label": "dog"}, "no class 'dog'"),
    ("conditional", random_images(2), {"labels": "circle"}, "did you mean label"),
    ("plain", random_images(2), {"label": [0, 1]}, "no such input"),
    ("plain", random_images(2, 12), {}, "input 'images': 12 x 12 pixels, expected 8 x 8"),
    ("plain", random_images(2) * 3, {}, r"input 'images': values in \[-.*\], expected \[-1, 1\]"),
    ("plain", random_images(2).mul(127).to(torch.uint8), {}, "expected numbers in"),
    ("plain", random_images(2).repeat(1, 3, 1, 1), {}, "input 'images': shape"),
    ("plain", random_images(2)[:0], {}, "input"),
    ("plain", "nowhere.png", {}, "input 'images': no file nowhere.png"),
    ("plain", torch.full((1, 1, 8, 8), math.nan), {}, "input 'images': values in"),
]


@pytest.mark.parametrize(("name", "image", "known", "words"), MISTAKES)
@pytest.mark.parametrize("verb", ["encode", "reconstruct"])
def test_mistakes_are_named(
    verb: str,
    name: str,
    image: Any,
    known: dict[str, Any],
    words: str,
    request: pytest.FixtureRequest,
) -> None:
    with pytest.raises(InputError, match=words):
        getattr(request.getfixturevalue(name), verb)(image, **known)


@pytest.mark.parametrize("verb", ["encode", "reconstruct"])
def test_a_gan_without_an_encoder_says_so(verb: str, tmp_path: Path) -> None:
    plugin = registry.get("dcgan")
    gan = plugin.build(plugin.tiny)
    recorded = model_config(plugin, gan)
    weights.save_tensors(
        tmp_path / weights.MODEL,
        weights.collect_tensors(gan, gan.ema),
        weights.build_metadata(recorded),
    )
    write_json(tmp_path / weights.CONFIG, recorded)
    with pytest.raises(UsageError, match="dcgan has no encoder"):
        getattr(ganzoo.load(tmp_path, device="cpu"), verb)(random_images(2, 28))


# ---- training


def shapes(folder: Path) -> Path:
    """Vertical and horizontal bars, two classes of 8 x 8 pixels."""
    for name, axis in (("level", 0), ("upright", 1)):
        (folder / name).mkdir(parents=True)
        for place in range(8):
            levels = np.zeros((8, 8), dtype=np.uint8)
            levels[(slice(None), place) if axis else place] = 255
            Image.fromarray(levels).save(folder / name / f"{place}.png")
    return folder


def test_it_learns_to_give_pictures_back(tmp_path: Path) -> None:
    folder = str(shapes(tmp_path / "bars"))
    settings = {
        "width": 16,
        "bottleneck": 64,
        "latent": 4,
        "dropout": 0.0,
        "kl_weight": 0.1,
        "ema": 0.9,
        "lr": 2e-3,
    }
    options: dict[str, Any] = {
        "steps": 300,
        "batch_size": 16,
        "device": "cpu",
        "sample_every": 0,
        "settings": settings,
    }
    run = train("vae", folder, preset="cvae", out=tmp_path / "run", **options)
    model = ganzoo.load(run, device="cpu", precision="fp32")
    assert model.config.classes == ("level", "upright")
    files = sorted((tmp_path / "bars").glob("*/*.png"))
    made = model.reconstruct(files, label=[0] * 8 + [1] * 8)
    apart = torch.cdist(made.tensor.flatten(1), made.views["original"].flatten(1))
    assert (apart.argmin(dim=1) == torch.arange(16)).float().mean() > 0.8
    upright = model.sample(8, seed=0, label="upright").tensor[:, 0]
    assert upright.std(dim=1).mean() < upright.std(dim=2).mean() / 2
    rows = (run / "metrics.jsonl").read_text("utf-8")
    assert '"reconstruction"' in rows
    assert '"kl"' in rows


class Heard(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_blurred_samples_are_no_collapse(tmp_path: Path) -> None:
    """Samples of the first steps are nearly the same; a GAN's run would be stopped."""
    heard = Heard()
    settings = {"width": 4, "batch": 4, "lr": 1e-5}
    run = train(
        "vae",
        str(shapes(tmp_path / "bars")),
        out=tmp_path / "run",
        settings=settings,
        reporter=heard,
        steps=12,
        sample_every=2,
        log_every=4,
        device="cpu",
        stop_on_collapse=True,
    )
    assert heard.notes == []
    samples = ganzoo.load(run, device="cpu").sample(64, seed=0).tensor
    health = Health(random_images(64))
    assert [warning for _ in range(5) for warning in health.samples(samples)], (
        "as a GAN's they would be told of"
    )


def test_a_latent_that_nobody_reads_is_told_of() -> None:
    def told(kl: float, **more: float) -> list[str]:
        health = Health()
        return [
            text
            for i in range(12)
            for text in health.row({"loss/autoencoder": 200.0 - i, "kl": kl, **more})
        ]

    assert ["reads nothing in the latent" in text for text in told(0.02, reconstruction=200)] == [
        True
    ]
    assert told(3.0, reconstruction=200) == []
    assert told(0.02) == [], "another model's KL term"


def test_labels_are_needed_by_the_conditional_one_alone(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        Image.fromarray(np.full((8, 8), 60 * number, dtype=np.uint8)).save(folder / f"{number}.png")
    options: dict[str, Any] = {"steps": 1, "batch_size": 4, "device": "cpu", "sample_every": 0}
    with pytest.raises(DataError, match="asks for labels"):
        train("vae", str(folder), preset="cvae", out=tmp_path / "a", **options)
    assert ganzoo.load(train("vae", str(folder), out=tmp_path / "b", **options)).sample(
        2, seed=0
    ).tensor.shape == (2, 1, 8, 8)


def test_a_scatter_has_a_colour_for_each_class() -> None:
    values, labels = torch.randn(300, 2), torch.arange(300) % 3
    told = plots.plot_points(values, labels=labels, names=("circle", "cross", "square"))
    shades = {tuple(int(part) for part in shade) for _, shade in told.getcolors(1 << 20) or ()}
    assert {(31, 119, 180), (255, 127, 14), (44, 160, 44)} <= shades, (
        "the first three of matplotlib's colours"
    )
    assert plots.plot_points(values).size != told.size
