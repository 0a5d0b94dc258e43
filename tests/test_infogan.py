"""infogan: the paper's networks, the information bound against references, codes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.distributions import Categorical, Normal, Uniform

from ganzoo.config import convert, override
from ganzoo.errors import ConfigError
from ganzoo.gan import Step, Update
from ganzoo.inputs import Rows
from ganzoo.training import artifacts
from ganzoo.training.log import read_rows
from ganzoo.training.run import train
from ganzoo.zoo import registry

PLUGIN: Any = registry.get("infogan")


def build_gan(**settings: Any) -> Any:
    torch.manual_seed(0)
    return PLUGIN.build(override(PLUGIN.tiny, settings))


def step() -> Step:
    return Step(0, "train", 10, torch.Generator().manual_seed(0))


def play_step(gan: Any) -> tuple[list[Update], list[Any]]:
    """Updates of one step without moving weights, and the discriminator's outputs in order."""
    returned: list[Any] = []
    hook = gan.discriminator.register_forward_hook(
        lambda module, inputs, output: returned.append(output)
    )
    updates = list(gan.losses({"image": torch.rand(6, 1, 28, 28) * 2 - 1}, step()))
    hook.remove()
    return updates, returned


def posterior_and_codes(n: int = 5) -> tuple[Any, Any]:
    from ganzoo_infogan.model import CodeBatch
    from ganzoo_infogan.networks import Posterior

    rng = torch.Generator().manual_seed(3)
    logits = (torch.randn(n, 4, generator=rng) * 2, torch.randn(n, 2, generator=rng))
    posterior = Posterior(
        logits, torch.randn(n, 3, generator=rng), torch.randn(n, 3, generator=rng)
    )
    chosen = (torch.tensor([0, 3, 1, 2, 3]), torch.tensor([1, 1, 0, 0, 1]))
    return posterior, CodeBatch(chosen, torch.rand(n, 3, generator=rng) * 2 - 1)


# ---- networks


@pytest.mark.parametrize("size", [28, 32, 64])
@pytest.mark.parametrize(("categories", "continuous"), [((3, 2), 2), ((3,), 0), ((), 2)])
@pytest.mark.parametrize("variance", ["fixed", "learned"])
def test_shapes(size: int, categories: tuple[int, ...], continuous: int, variance: str) -> None:
    config = convert(
        {
            "latent": 4,
            "size": size,
            "channels": 3,
            "categories": list(categories),
            "continuous": continuous,
            "width": 4,
            "hidden": 8,
            "recogniser": 8,
            "variance": variance,
        },
        PLUGIN.config,
        "test",
    )
    gan = PLUGIN.build(config)
    images = gan.generator(torch.zeros(2, 4), torch.zeros(2, sum(categories) + continuous))
    assert images.shape == (2, 3, size, size)
    score, posterior = gan.discriminator(images)
    assert score.shape == (2,)
    assert tuple(logits.shape for logits in posterior.categories) == tuple(
        (2, size) for size in categories
    )
    assert posterior.mean.shape == posterior.log_variance.shape == (2, continuous)
    assert variance == "learned" or not posterior.log_variance.any()


def test_defaults_are_the_papers_for_mnist() -> None:
    """Chen et al. 2016, table 1: 74, 1024, 7 x 7 x 128, 64, 1; back 64, 128, 1024; Q 128."""
    with torch.device("meta"):
        gan = PLUGIN.build(PLUGIN.config())

    def widths(network: nn.Module) -> list[tuple[int, int]]:
        sizes = [
            (m.in_features, m.out_features) for m in network.modules() if isinstance(m, nn.Linear)
        ]
        maps = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
        return sizes + [(m.in_channels, m.out_channels) for m in maps]

    assert widths(gan.generator) == [(74, 1024), (1024, 7 * 7 * 128), (128, 64), (64, 1)]
    assert widths(gan.discriminator.trunk) == [(7 * 7 * 128, 1024), (1, 64), (64, 128)]
    assert widths(gan.discriminator.recogniser) == [(1024, 128), (128, 12)]
    (phase,) = gan.phases()
    assert {name: (p.lr, p.betas[0]) for name, p in phase.players.items()} == {
        "discriminator": (2e-4, 0.5),
        "generator": (1e-3, 0.5),
    }


# ---- the bound


def test_categorical_information_by_hand() -> None:
    from ganzoo_infogan.model import categorical_information

    posterior, codes = posterior_and_codes()
    expected = 0.0
    for logits, chosen in zip(posterior.categories, codes.categories, strict=True):
        values = logits.double().numpy()
        shares = np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)
        expected += np.mean(
            [np.log(line[k]) for line, k in zip(shares, chosen.tolist(), strict=True)]
        ) + np.log(values.shape[1])
    assert categorical_information(posterior, codes).item() == pytest.approx(expected, rel=1e-5)


def test_continuous_information_by_hand() -> None:
    from ganzoo_infogan.model import continuous_information

    posterior, codes = posterior_and_codes()
    mean, variance, code = (
        posterior.mean.double().numpy(),
        np.exp(posterior.log_variance.double().numpy()),
        codes.continuous.numpy(),
    )
    density = np.exp(-((code - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    expected = (np.log(density) - np.log(1 / 2)).sum(axis=1).mean()
    assert continuous_information(posterior, codes).item() == pytest.approx(expected, rel=1e-4)


def test_information_by_torchs_distributions() -> None:
    """Entropy of the codes plus log-likelihood under Q (eq. 4)."""
    from ganzoo_infogan.model import categorical_information, continuous_information

    posterior, codes = posterior_and_codes()
    found = zip(posterior.categories, codes.categories, strict=True)
    even = sum(
        Categorical(logits=torch.zeros(one.shape[1])).entropy()
        + Categorical(logits=one).log_prob(chosen).mean()
        for one, chosen in found
    )
    torch.testing.assert_close(categorical_information(posterior, codes), even)
    likelihood = Normal(posterior.mean, (posterior.log_variance / 2).exp()).log_prob(
        codes.continuous
    )
    expected = (
        (likelihood + Uniform(torch.tensor(-1.0), torch.tensor(1.0)).entropy()).sum(dim=1).mean()
    )
    torch.testing.assert_close(
        continuous_information(posterior, codes), expected, rtol=1e-4, atol=1e-4
    )


def test_codes_read_surely_give_all_their_information() -> None:
    from ganzoo_infogan.model import categorical_information

    posterior, codes = posterior_and_codes()
    sure = posterior._replace(
        categories=tuple(
            100 * nn.functional.one_hot(k, n) for k, n in zip(codes.categories, (4, 2), strict=True)
        )
    )
    assert categorical_information(sure, codes).item() == pytest.approx(math.log(4) + math.log(2))
    blind = posterior._replace(categories=(torch.zeros(5, 4), torch.zeros(5, 2)))
    assert categorical_information(blind, codes).item() == pytest.approx(0, abs=1e-6)


# ---- losses


@pytest.mark.parametrize("variance", ["fixed", "learned"])
def test_losses_are_the_papers(variance: str) -> None:
    """Eq. 6: the adversarial loss minus lambda times the bound, for both players."""
    from ganzoo_infogan.model import categorical_information, continuous_information

    gan = build_gan(information=0.7, information_continuous=0.3, variance=variance)
    (discriminator, generator), ((real, _), (fake, posterior), (again, again_posterior)) = (
        play_step(gan)
    )
    codes = gan._draw_codes(step(), 6)  # the first that a step draws

    def log_sigmoid(raw: Tensor) -> float:
        return float(-np.log1p(np.exp(-raw.detach().double().numpy())).mean())

    def bound(posterior: Any) -> float:
        found = 0.7 * categorical_information(posterior, codes) + 0.3 * continuous_information(
            posterior, codes
        )
        return found.item()

    assert discriminator.loss.item() == pytest.approx(
        -log_sigmoid(real) - log_sigmoid(-fake) - bound(posterior), rel=1e-4
    )
    assert generator.loss.item() == pytest.approx(
        -log_sigmoid(again) - bound(again_posterior), rel=1e-4
    )
    logged = {"score/real", "score/fake", "information/categorical", "information/continuous"}
    assert set(discriminator.log) == logged
    assert discriminator.log["information/categorical"].item() == pytest.approx(
        categorical_information(posterior, codes).item()
    )


def test_the_trunk_learns_to_read_codes() -> None:
    gan = build_gan()
    _, (_, (_, posterior), _) = play_step(gan)
    first = gan.discriminator.trunk[0].weight
    (gradient,) = torch.autograd.grad(
        posterior.mean.sum() + posterior.categories[0][:, 0].sum(), first
    )
    assert gradient.any()


def test_codes_are_laid_out_as_sample_has_them() -> None:
    from ganzoo_infogan.model import CodeBatch

    gan = build_gan()
    asked = PLUGIN.inputs(gan.config)["code"].parse("k1=2,k2=1,c1=0.25,c2=-0.5", "code", Rows(0, 2))
    drawn = CodeBatch(
        (torch.tensor([2, 2]), torch.tensor([1, 1])), torch.tensor([[0.25, -0.5]] * 2)
    )
    assert torch.equal(gan._encode_codes(drawn), asked)


def test_a_code_is_needed() -> None:
    with pytest.raises(ConfigError, match="there is no code to find"):
        convert({"categories": [], "continuous": 0}, PLUGIN.config, "--set")


def test_codes_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On bars at three places, the bound of a code of three values becomes large."""
    for constant, value in {"FIXED": 4, "ESTIMATE_BATCHES": 2, "ESTIMATE_SIZE": 4}.items():
        monkeypatch.setattr(artifacts, constant, value)
    (tmp_path / "bars").mkdir()
    for number in range(24):
        levels = np.random.default_rng(number).integers(0, 40, size=(28, 28)).astype(np.uint8)
        levels[:, 9 * (number % 3) : 9 * (number % 3) + 8] += 200
        Image.fromarray(levels).save(tmp_path / "bars" / f"{number}.png")
    settings = {
        "categories": "3",
        "width": 8,
        "hidden": 32,
        "recogniser": 16,
        "latent": 8,
        "lr_discriminator": 1e-3,
    }
    options: dict[str, Any] = {
        "steps": 100,
        "batch_size": 16,
        "device": "cpu",
        "sample_every": 0,
        "log_every": 10,
    }
    run = train(
        "infogan", str(tmp_path / "bars"), settings=settings, out=tmp_path / "run", **options
    )
    bounds = [row["information/categorical"] for row in read_rows(run)]
    assert bounds[0] < 0.2 * math.log(3)
    assert bounds[-1] > 0.5 * math.log(3)
