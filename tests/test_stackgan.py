"""stackgan: text encoder and losses against references, frozen phases, training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from typer.testing import CliRunner

import ganzoo
from ganzoo.cli.app import COMMANDS, app, register
from ganzoo.config import convert, override
from ganzoo.errors import ConfigError, DataError, InputError, UsageError
from ganzoo.gan import MEANING, Step, Update
from ganzoo.inputs import Latent, Rows
from ganzoo.release import Description, prepare
from ganzoo.sampling.feed import batch_inputs
from ganzoo.spec import Captions, Facts
from ganzoo.testing.synthetic import Synthetic
from ganzoo.text import PAD, UNKNOWN
from ganzoo.training import artifacts
from ganzoo.training.engine import Engine
from ganzoo.training.log import read_rows
from ganzoo.training.loop import Trainer
from ganzoo.training.recipe import Recipe
from ganzoo.training.run import train
from ganzoo.zoo import registry
from ganzoo_stackgan.model import (
    matching_aware_loss,
    matching_loss,
    retrieval_accuracy,
    same_captions,
    unlike_captions,
)
from ganzoo_stackgan.networks import SHARPEST, TEMPERATURE, Augmentation, Temperature, normalize
from tests.shapes import shapes

PLUGIN: Any = registry.get("stackgan")
SIZES = ("stage1", "size", "words", "condition", "generator_width", "discriminator_width")
TOKENS = torch.tensor([[2, 3, 4, 0], [2, 5, 6, 0], [2, 5, 6, 0], [4, 6, 0, 0], [2, 3, 4, 0]])
"""Five captions; the second equals the third, and the last equals the first."""


def build_gan(**settings: Any) -> Any:
    torch.manual_seed(0)
    return PLUGIN.build(override(PLUGIN.tiny, settings))


def step(phase: str) -> Step:
    return Step(0, phase, 10, torch.Generator().manual_seed(0))


def random_images(size: int = 16, n: int = len(TOKENS), channels: int = 3) -> Tensor:
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1


def play_step(gan: Any, phase: str) -> tuple[list[Update], list[tuple[tuple[Tensor, ...], Tensor]]]:
    """Updates of one step without moving weights; inputs and outputs of the discriminator."""
    calls: list[tuple[tuple[Tensor, ...], Tensor]] = []
    judge = gan.discriminator1 if phase == "stage-1" else gan.discriminator2
    hook = judge.register_forward_hook(lambda module, given, said: calls.append((given, said)))
    updates = list(
        gan.losses({"image": random_images(gan.config.size), "caption": TOKENS}, step(phase))
    )
    hook.remove()
    return updates, calls


def log_sigmoid(raw: Tensor) -> np.ndarray:
    return -np.log1p(np.exp(-raw.detach().double().numpy()))


def cross_entropy(raw: Tensor, target: float) -> np.ndarray:
    """Cross-entropy of logits and a target."""
    return -target * log_sigmoid(raw) - (1 - target) * log_sigmoid(-raw)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def config_of(name: str, **settings: Any) -> Any:
    return override(PLUGIN.presets[name], settings)


# ---- networks


def test_generators_have_the_parameters_of_the_papers_code() -> None:
    """STAGE1_G and STAGE2_G of its config.py, less the first BatchNorm (16,384 channels)."""
    with torch.device("meta"):
        gan = PLUGIN.build(config_of("s06", meaning="1024"))
    assert count(gan.stage1) == 10_301_248 - 2 * (16_384 - 1_024)
    assert count(gan.stage2) == 26_290_080


def test_small_is_a_small_file() -> None:
    with torch.device("meta"):
        gan = PLUGIN.build(
            config_of("small", vocabulary=",".join(f"w{number}" for number in range(5_000)))
        )
    assert sum(2 * count(gan.get_submodule(name)) for name in gan.ema) < 11 * 2**20


@pytest.mark.parametrize(("stage1", "size"), [(8, 16), (8, 64), (16, 32), (32, 128), (64, 256)])
@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_shapes(stage1: int, size: int, norm: str) -> None:
    gan = build_gan(stage1=stage1, size=size, channels=1, discriminator_norm=norm).eval()
    meaning, epsilon = torch.randn(2, 4), torch.randn(2, 3)
    small = gan.stage1(torch.randn(2, 4), meaning, epsilon)
    large = gan.stage2(small.images, meaning, epsilon)
    assert small.images.shape == (2, 1, stage1, stage1)
    assert large.images.shape == (2, 1, size, size)
    assert small.kl.shape == large.kl.shape == (2,)
    assert gan.discriminator1(small.images, meaning, meaning).shape == (2, 2)
    assert gan.discriminator2(large.images, meaning).shape == (1, 2)


def test_discriminators_are_no_wider_than_eight_times() -> None:
    gan = build_gan(size=256)
    widths = [
        layer.out_channels for layer in gan.discriminator2.picture if isinstance(layer, nn.Conv2d)
    ]
    assert widths == [4, 8, 16, 32, 32, 32]
    assert not any(
        isinstance(layer, nn.BatchNorm2d)
        for layer in build_gan(discriminator_norm="none").discriminator2.modules()
    )


def test_the_sentence_is_laid_over_the_smallest_maps() -> None:
    gan, meaning = build_gan().eval(), torch.randn(2, 4)
    seen: list[Tensor] = []
    gan.discriminator1.both[0].register_forward_pre_hook(
        lambda module, given: seen.append(given[0])
    )
    gan.discriminator1(random_images(8, 2), meaning)
    compressed = gan.discriminator1.sentence(meaning)
    assert seen[0].shape[2:] == (4, 4)
    for place in ((0, 0), (3, 2)):
        torch.testing.assert_close(seen[0][:, -4:, place[0], place[1]], compressed)


# ---- sentences


def test_padding_changes_nothing() -> None:
    text = build_gan(text_layers=3).eval().text
    torch.testing.assert_close(
        text(TOKENS), text(torch.cat([TOKENS, torch.full((5, 9), PAD)], dim=1))
    )
    torch.testing.assert_close(text(TOKENS)[3:4], text(TOKENS[3:4, :2]))
    with (
        torch.no_grad()
    ):  # even where a vector of padding is not 0, as one from another file may be
        text.word.weight[PAD] = 100
    torch.testing.assert_close(text(TOKENS)[3:4], text(TOKENS[3:4, :2]))


def test_a_sentence_is_a_vector_of_one_length() -> None:
    text = build_gan().text
    strange = torch.tensor([[PAD] * 4, [UNKNOWN] * 4, [PAD, 2, PAD, 3]])
    for tokens in (TOKENS, strange):
        torch.testing.assert_close(text(tokens).norm(dim=1), torch.full((len(tokens),), 2.0))
    assert not torch.equal(text(torch.tensor([[3, 4, 5]])), text(torch.tensor([[4, 3, 5]])))


def test_the_same_sentences_are_found() -> None:
    expected = [[a.tolist() == b.tolist() for b in TOKENS] for a in TOKENS]
    assert same_captions(TOKENS).tolist() == expected
    assert sum(map(sum, expected)) == 9


def test_a_sentence_is_not_unlike_itself() -> None:
    assert unlike_captions(TOKENS, TOKENS.roll(1, dims=0)).tolist() == [
        False,
        True,
        False,
        True,
        True,
    ]
    vectors = torch.randn(4, 100)
    rounded = vectors * (1 + 1e-6 * torch.randn(4, 100))
    assert unlike_captions(
        vectors, torch.stack([rounded[0], vectors[0], 2 * rounded[2], -rounded[3]])
    ).tolist() == [
        False,
        True,
        False,
        True,
    ]


def test_matching_against_a_loop() -> None:
    fits = torch.randn(5, 5, generator=torch.Generator().manual_seed(2)) * 3
    alike, lost, right = same_captions(TOKENS), [], []
    for matrix in (fits.double().numpy(), fits.double().numpy().T):
        for row, line in enumerate(matrix):
            shares = np.exp(line) / np.exp(line).sum()
            mates = [column for column in range(5) if alike[row, column]]
            lost.append(-np.mean([np.log(shares[column]) for column in mates]))
            right.append(int(line.argmax()) in mates)
    assert matching_loss(fits, alike).item() == pytest.approx(np.mean(lost), rel=1e-5)
    assert retrieval_accuracy(fits, alike).item() == pytest.approx(np.mean(right))
    assert 0 < np.mean(right) < 1


def test_the_matcher_takes_cosines_over_a_temperature() -> None:
    gan, meaning = build_gan().eval(), torch.randn(5, 4)
    fits = gan.matcher(random_images(8), meaning)
    vectors = gan.matcher.picture(random_images(8))
    cosines = nn.functional.cosine_similarity(
        meaning[:, None] / meaning.norm(dim=1)[:, None, None] * 2, vectors[None], dim=2
    )
    scaled = (
        meaning / meaning.norm(dim=1, keepdim=True) * 2
    )  # as `text` gives them: of length sqrt(4)
    torch.testing.assert_close(gan.matcher(random_images(8), scaled), cosines / TEMPERATURE)
    torch.testing.assert_close(
        fits / fits.norm(dim=1, keepdim=True), cosines / cosines.norm(dim=1, keepdim=True)
    )
    sharp = Temperature()
    nn.init.constant_(sharp.scale, 50)
    assert sharp(torch.ones(())).item() == pytest.approx(1 / SHARPEST)


def test_the_matcher_is_exact_in_bf16() -> None:
    """The product is float32, or captions and images of a batch would tie."""
    gan, meaning = build_gan(meaning=64).eval(), torch.randn(64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        seen, fits = (
            gan.matcher.picture(random_images(8, 64)),
            gan.matcher(random_images(8, 64), meaning),
        )
    assert seen.dtype == torch.bfloat16
    assert fits.dtype == torch.float32
    torch.testing.assert_close(fits, gan.matcher.temperature(meaning @ normalize(seen).T / 64))


# ---- conditioning augmentation


def test_augmentation_draws_from_the_gaussian_whose_divergence_it_tells() -> None:
    layer, meaning = Augmentation(override(PLUGIN.tiny, {"condition": 3})), torch.randn(5, 4)
    mean, log_variance = layer.layer(meaning).split(3, dim=1)
    gaussian = Normal(mean, torch.exp(log_variance / 2))
    epsilon = torch.randn(5, 3)
    values, kl = layer(meaning, epsilon)
    torch.testing.assert_close(values, gaussian.mean + gaussian.stddev * epsilon)
    torch.testing.assert_close(kl, kl_divergence(gaussian, Normal(0.0, 1.0)).mean(dim=1))
    assert (kl > 0).all()


def test_without_augmentation_the_condition_is_a_linear_layer() -> None:
    gan = build_gan(augmentation=False).eval()
    assert set(PLUGIN.inputs(gan.config)) == {"text", "latent"}
    meaning = torch.randn(5, 4)
    for stage in (gan.stage1, gan.stage2):
        assert stage.condition.layer.out_features == 3
        values, kl = stage.condition(meaning, None)
        torch.testing.assert_close(values, stage.condition.layer(meaning))
        assert not kl.any()
    assert [
        update.log["kl"].item()
        for phase in ("stage-1", "stage-2")
        for update in play_step(gan, phase)[0][1:]
    ] == [0, 0]


# ---- the games


def test_the_game_of_text() -> None:
    gan = build_gan()
    (update,), _ = play_step(gan, "text")
    small = random_images().view(5, 3, 8, 2, 8, 2).mean(dim=(3, 5))
    fits, alike = gan.matcher(small, gan.text(TOKENS)), same_captions(TOKENS)
    assert update.player == "matcher"
    assert update.loss.item() == pytest.approx(matching_loss(fits, alike).item(), rel=1e-4)
    assert update.log["match/right"].item() == pytest.approx(retrieval_accuracy(fits, alike).item())


@pytest.mark.parametrize("phase", ["stage-1", "stage-2"])
def test_the_game_of_a_stage(phase: str) -> None:
    """Zhang et al. 2017, eq. 3 to 6, with wrong captions; two of them equal the right ones."""
    gan = build_gan(real_target=0.9, generator_target=0.8, kl=3)
    (discriminator, generator), calls = play_step(gan, phase)
    (real_given, (real, wrong)), (fake_given, (fake,)), (again_given, (again,)) = calls
    meaning = gan.text(TOKENS)
    image = (
        random_images()
        if phase == "stage-2"
        else random_images().view(5, 3, 8, 2, 8, 2).mean(dim=(3, 5))
    )
    torch.testing.assert_close(real_given, (image, meaning, meaning[[4, 0, 1, 2, 3]]))
    torch.testing.assert_close(fake_given, (again_given[0], meaning))
    assert not fake_given[0].requires_grad
    assert again_given[0].requires_grad
    differs = [1, 3, 4]
    expected = (
        cross_entropy(real, 0.9).mean() / 2
        + cross_entropy(wrong, 0)[differs].mean() / 4
        + cross_entropy(fake, 0).mean() / 4
    )
    assert discriminator.loss.item() == pytest.approx(expected, rel=1e-4)
    for name, raw in {"real": real, "fake": fake, "wrong": wrong[differs]}.items():
        assert discriminator.log[f"score/{name}"].item() == pytest.approx(
            np.exp(log_sigmoid(raw)).mean(), rel=1e-4
        )
    kl = generator.log["kl"].item()
    assert generator.loss.item() == pytest.approx(
        cross_entropy(again, 0.8).mean() + 3 * kl, rel=1e-4
    )
    assert generator.log["adversarial"].item() == pytest.approx(
        cross_entropy(again, 0.8).mean(), rel=1e-4
    )
    assert kl > 0


def test_the_proportions_are_those_of_the_documents_log() -> None:
    """The last lines of its log: losses of real, wrong and generated images, and their sum."""
    real, wrong, fake, total = 0.3375095725, 0.0036393744, 1.3265e-06, 0.1696649615
    assert (
        real > cross_entropy(torch.tensor(math.log(9)), 0.9) > 0.325
    )  # the least that a target of 0.9 allows
    low, high = 0.0, math.log(9)
    for _ in range(60):  # the logit of the real loss, which falls up to log 9
        low, high = (
            ((low + high) / 2, high)
            if cross_entropy(torch.tensor((low + high) / 2), 0.9) > real
            else (low, (low + high) / 2)
        )
    on_real = torch.tensor([low])
    on_wrong, on_fake = (torch.tensor([math.log(math.expm1(value))]) for value in (wrong, fake))
    loss = matching_aware_loss(PLUGIN.presets["s06"], on_real, on_wrong, on_fake, torch.ones(1))
    assert loss.item() == pytest.approx(total, rel=1e-5)
    assert PLUGIN.presets["s06"].kl * 3.0703e-05 + 0.3275129497 == pytest.approx(
        0.3275743425, rel=1e-6
    )


def test_hinge() -> None:
    real, wrong, drawn = (
        torch.tensor([2.0, 0.5]),
        torch.tensor([-0.5, 9.0]),
        torch.tensor([-3.0, 1.0]),
    )
    config = override(PLUGIN.tiny, {"loss": "hinge"})
    assert (
        matching_aware_loss(config, real, wrong, drawn, torch.tensor([1.0, 0.0])).item()
        == 0.25 / 2 + (0.5 + 1.0) / 4
    )
    (_, generator), calls = play_step(build_gan(loss="hinge", kl=0), "stage-1")
    assert generator.loss.item() == pytest.approx(-calls[2][1].mean().item(), rel=1e-5)


def test_a_batch_of_one_sentence_has_no_wrong_one() -> None:
    gan = build_gan()
    batch = {"image": random_images(), "caption": TOKENS[:1].expand(5, -1)}
    update = next(gan.losses(batch, step("stage-1")))
    assert update.log["score/wrong"].item() == 0
    assert torch.isfinite(update.loss)
    logits = torch.tensor([1.0, -2.0])
    expected = cross_entropy(logits, 1).mean() / 2 + cross_entropy(logits, 0).mean() / 4
    assert matching_aware_loss(
        gan.config, logits, logits, logits, torch.zeros(2)
    ).item() == pytest.approx(expected)


def test_the_penalty_is_of_pictures_with_their_sentences() -> None:
    gan = build_gan(discriminator_norm="none", r1=4, r1_every=2)
    (discriminator, _), calls = play_step(gan, "stage-2")
    image, meaning = random_images().requires_grad_(), gan.text(TOKENS)
    (gradient,) = torch.autograd.grad(gan.discriminator2(image, meaning).sum(), image)
    penalty = gradient.square().sum(dim=(1, 2, 3)).mean()
    torch.testing.assert_close(discriminator.log["penalty"], penalty)
    (real, wrong), (fake,) = calls[0][1], calls[1][1]
    plain = matching_aware_loss(gan.config, real, wrong, fake, torch.tensor([0.0, 1, 0, 1, 1]))
    torch.testing.assert_close(discriminator.loss, plain + 4 / 2 * 2 * penalty)
    skipped = next(
        gan.losses(
            {"image": random_images(), "caption": TOKENS}, Step(1, "stage-2", 10, step("x").rng)
        )
    )
    assert "penalty" not in skipped.log


def trainer(folder: Path) -> Trainer:
    gan = build_gan()
    recipe = Recipe(log_every=0, sample_every=0, checkpoint_every=0)
    return Trainer(
        gan,
        gan.phases(),
        Synthetic(PLUGIN.data(gan.config)),
        Engine("cpu", "fp32"),
        folder,
        recipe=recipe,
    )


def test_what_a_phase_does_not_move_stays(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    moved = {
        "text": {"text", "matcher"},
        "stage-1": {"stage1", "discriminator1"},
        "stage-2": {"stage2", "discriminator2"},
    }
    for number, (phase, names) in enumerate(moved.items()):
        run.run(until=4 * number + 1)  # the first step: what averages there are have settled
        before = {name: tensor.clone() for name, tensor in run.gan.state_dict().items()}
        run.run(until=4 * number + 4)
        changed = {
            name.partition(".")[0]
            for name, tensor in run.gan.state_dict().items()
            if not torch.equal(tensor, before[name])
        }
        assert run.phases[run.phase].name == phase
        assert changed == names
        assert {name for name, network in run.gan.named_children() if network.training} == names


# ---- sampling


def example_inputs(gan: Any, n: int = 4) -> dict[str, Tensor]:
    return next(batch_inputs(PLUGIN.inputs(gan.config), {"text": "a red circle"}, Rows(0, n), n))


def test_views_and_what_they_are_made_of() -> None:
    gan = build_gan(condition=5).eval()
    inputs = example_inputs(gan)
    assert PLUGIN.inputs(gan.config)["condition"] == Latent(10)
    made, meaning = gan.sample(inputs), gan.text(inputs["text"])
    small = gan.stage1(inputs["latent"], meaning, inputs["condition"][:, :5]).images
    large = gan.stage2(small, meaning, inputs["condition"][:, 5:]).images
    assert set(made) == {"sample", "stage-1", "stages"}
    torch.testing.assert_close(made["sample"], large)
    torch.testing.assert_close(
        made["stage-1"], small.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    )
    assert made["stages"].shape == (4, 3, 32, 16)
    assert torch.equal(made["stages"][:, :, :16], made["stage-1"])
    assert torch.equal(made["stages"][:, :, 16:], made["sample"])


def test_a_meaning_may_stand_for_the_sentence() -> None:
    gan = build_gan().eval()
    inputs = example_inputs(gan)
    expected = gan.sample(inputs)["sample"]
    inputs[MEANING] = gan.meaning(inputs.pop("text"))
    assert torch.equal(gan.sample(inputs)["sample"], expected)
    inputs[MEANING] = inputs[MEANING] + 1
    assert not torch.equal(gan.sample(inputs)["sample"], expected)


@pytest.mark.parametrize("twice", [True, False])
def test_the_second_stage_may_go_without_the_sentence(twice: bool) -> None:
    gan = build_gan(text_twice=twice).eval()
    assert PLUGIN.inputs(gan.config)["condition"] == Latent(6 if twice else 3)
    assert torch.isfinite(gan.sample(example_inputs(gan))["sample"]).all()
    one, other = (
        gan.stage2(random_images(8), meaning, torch.zeros(5, 3)).images
        for meaning in torch.randn(2, 5, 4)
    )
    assert torch.equal(one, other) != twice
    kl = play_step(gan.train(), "stage-2")[0][1].log["kl"].item()
    assert (kl > 0) == twice


# ---- data and configuration


def test_words_and_sizes_come_from_the_data() -> None:
    facts = Facts(
        name="birds",
        kind="images",
        count=9,
        channels=1,
        size=100,
        sentences=(("a red bird", "a bird"),),
    )
    config = PLUGIN.adapt(PLUGIN.config(), facts)
    assert (config.channels, config.stage1, config.size) == (1, 16, 64)
    assert config.vocabulary[:3] == ("a", "bird", "red")
    assert PLUGIN.data(config).fields["caption"] == Captions(config.vocabulary, 32, 0.1)


@pytest.mark.parametrize(
    ("preset", "size", "expected"),
    [
        ("paper", None, (64, 256)),
        ("paper", 300, (64, 256)),
        ("paper", 40, (8, 32)),
        ("small", 64, (32, 64)),
        ("paper", 5, (8, 16)),
    ],
)
def test_pictures_are_no_larger_than_the_datas(
    preset: str, size: int | None, expected: tuple[int, int]
) -> None:
    config = PLUGIN.adapt(
        PLUGIN.presets[preset], Facts(name="x", kind="images", count=1, channels=3, size=size)
    )
    assert (config.stage1, config.size) == expected


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"size": 48}, "size=48 is not a power of two"),
        ({"stage1": 12}, "stage1=12 is not a power of two"),
        ({"stage1": 64, "size": 64}, "size=64, of the second stage, must be larger than stage1=64"),
        ({"stage1": 4}, "stage1"),
        ({"r1": 1.0}, "BatchNorm mixes images"),
        ({"words": 65}, "words"),
        ({"vocabulary": ["x" * 201]}, "vocabulary"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        convert(settings, PLUGIN.config, "--set")


def test_presets() -> None:
    assert set(PLUGIN.presets) == {"paper", "small", "s06"}
    assert PLUGIN.presets["paper"] == PLUGIN.config()
    for preset in PLUGIN.presets.values():
        narrow = {
            "generator_width": 4,
            "discriminator_width": 4,
            "stage1": 8,
            "size": 16,
            "vocabulary": "a,b,c,d,e",
        }
        gan = PLUGIN.build(override(preset, narrow))
        assert all(
            torch.isfinite(update.loss)
            for phase in gan.phases()
            for update in play_step(gan, phase.name)[0]
        )


# ---- from captions to pictures


def test_a_sentence_decides_the_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "FIXED", 4)
    monkeypatch.setattr(artifacts, "ESTIMATE_BATCHES", 10)
    settings = {
        "stage1": 8,
        "size": 16,
        "words": 6,
        "meaning": 16,
        "text_width": 32,
        "text_layers": 1,
        "text_batch": 32,
        "text_steps": 60,
        "text_lr": 2e-3,
        "latent": 4,
        "condition": 8,
        "generator_width": 8,
        "discriminator_width": 8,
        "compressed": 8,
        "blocks": 1,
        "batch": 16,
        "stage1_steps": 120,
        "stage2_steps": 120,
        "lr_generator": 2e-3,
        "lr_discriminator": 1e-3,
        "ema": 0.9,
    }
    run = train(
        "stackgan",
        str(shapes(tmp_path / "data")),
        settings=settings,
        out=tmp_path / "run",
        device="cpu",
        precision="fp32",
        sample_every=0,
        log_every=20,
        augment="translation",
    )
    first, *_, second = (row["match/right"] for row in read_rows(run) if row["phase"] == "text")
    assert second > first
    model = ganzoo.load(run, device="cpu")
    made = {
        colour: model.sample(16, seed=0, text=f"a {colour} square") for colour in ("red", "blue")
    }
    for stage in ("stage-1", "stage-2"):
        drawn = (
            one.views["stage-1"] if stage == "stage-1" else one.tensor for one in made.values()
        )
        red, blue = ((pictures[:, 0] - pictures[:, 2]).mean(dim=(1, 2)) for pictures in drawn)
        assert red.mean() > 0.2
        assert blue.mean() < -0.2
    with pytest.raises(InputError, match="a prompt is needed"):
        model.sample(1)
    saved = (
        model.sample(2, seed=0, text="something reddish")
        .view("stages")
        .save(tmp_path / "stages.png", columns=2)
    )
    assert Image.open(saved).size == (2 * 16 + 3 * 2, 32 + 2 * 2)
    story = Description("Squares", "mit", examples=["a red square", "a blue square"])
    entry = prepare.prepare_model(run, tmp_path / "public", "me/squares", story)
    assert entry.examples == ["a red square", "a blue square"]
    sheet = np.asarray(Image.open(tmp_path / "public" / "samples.png")).astype(int)
    assert sheet.shape[1] == 8 * (16 + 2) + 2
    difference = (sheet[..., 0] - sheet[..., 2]).sum(axis=1)
    assert difference[: len(sheet) // 2].sum() > 0 > difference[len(sheet) // 2 :].sum()
    told = (tmp_path / "public" / "README.md").read_text("utf-8")
    assert "--text 'a red square'" in told
    assert 'text="a red square"' in told


def test_examples_are_of_models_that_read(tmp_path: Path) -> None:
    run = train("vanilla", "sine", preset="sine", steps=1, out=tmp_path / "run", device="cpu")
    with pytest.raises(UsageError, match="takes no prompts"):
        prepare.prepare_model(
            run, tmp_path / "public", "me/sine", Description("Points", "mit", examples=["a wave"])
        )


def test_vectors_of_another_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Embeddings replace captions in training, and in `sample` and `replay` from a file."""
    monkeypatch.chdir(tmp_path)
    register(COMMANDS)
    place = shapes(tmp_path / "data", 8)
    (place / "captions.jsonl").unlink()
    colours = {"red": torch.tensor([[3.0, 0, 0, 0, 0]]), "blue": torch.tensor([[0.0, 0, 0, 0, 3]])}
    save_file(
        {f"{n}.png": colours[("red", "blue")[n % 2]].clone() for n in range(8)},
        place / "embeddings.safetensors",
    )
    settings = {name: getattr(PLUGIN.tiny, name) for name in (*SIZES, "text_width")}
    run = train(
        "stackgan",
        str(place),
        settings=settings,
        steps=2,
        batch_size=4,
        out=tmp_path / "run",
        device="cpu",
        sample_every=0,
        log_every=1,
    )
    assert [(row["phase"], row["index"]) for row in read_rows(run)] == [
        (f"stage-{s}", i) for s in (1, 2) for i in (1, 2)
    ]
    model = ganzoo.load(run, device="cpu", precision="fp32")
    assert model.config.meaning == 5
    red = model.sample(2, seed=0, embedding=colours["red"])
    assert torch.equal(
        red.tensor, model.sample(2, seed=0, embedding=2 * colours["red"]).tensor
    )  # length has no meaning
    assert not torch.equal(red.tensor, model.sample(2, seed=0, embedding=colours["blue"]).tensor)
    np.save("red.npy", colours["red"].numpy())
    command = (
        "sample",
        "./run",
        "--set",
        "embedding=red.npy",
        "-n",
        "2",
        "--seed",
        "0",
        "-o",
        "red.png",
        "--precision",
        "fp32",
    )
    assert CliRunner().invoke(app, command).exit_code == 0
    assert np.array_equal(np.asarray(Image.open("red.png")), np.asarray(red.grid()))
    done = CliRunner().invoke(app, ("replay", "red.png", "--model", "./run", "--image", "red.npy"))
    assert "the same, pixel by pixel" in done.output
    with pytest.raises(
        DataError, match="asks for text embeddings .* 'bare' holds images, captions"
    ):
        train(
            "stackgan",
            str(shapes(tmp_path / "bare", 4)),
            settings=settings | {"sentences": "embeddings"},
            steps=1,
            out=tmp_path / "none",
            device="cpu",
        )


def test_steps_are_those_of_each_phase(tmp_path: Path) -> None:
    narrow = {name: getattr(PLUGIN.tiny, name) for name in (*SIZES, "meaning", "text_width")}
    run = train(
        "stackgan",
        str(shapes(tmp_path / "data", 8)),
        settings=narrow,
        steps=1,
        batch_size=2,
        out=tmp_path / "run",
        device="cpu",
        sample_every=0,
        log_every=1,
    )
    assert [(row["phase"], row["index"]) for row in read_rows(run)] == [
        ("text", 1),
        ("stage-1", 1),
        ("stage-2", 1),
    ]


def test_pictures_without_captions_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "data" / "x.png")
    with pytest.raises(DataError, match="asks for captions"):
        train(
            "stackgan",
            str(tmp_path / "data"),
            preset="small",
            steps=1,
            out=tmp_path / "run",
            device="cpu",
        )
