"""Walks, planes, sweeps and truncation: what moves, what is held, and the mathematics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganzoo.errors import InputError, UsageError
from ganzoo.gan import MEANING
from ganzoo.inputs import Latent, Rows
from ganzoo.latent import plane, prompts, sweep, truncation, varied, walk
from ganzoo.sampling.model import Model
from ganzoo.zoo.registry import get

SEEDS = [3, 8, 21]


def untrained(plugin: str, **settings: Any) -> Model:
    record = get(plugin)
    torch.manual_seed(0)
    gan = record.build(record.tiny)
    with torch.no_grad():  # a network that hangs on its inputs, whatever they are
        for parameter in gan.parameters():
            parameter.mul_(3)
    return Model(plugin, record, gan.eval(), torch.device("cpu"), "fp32", "0" * 64)


def alone(model: Model, seed: int, **given: Any) -> Tensor:
    return model.sample(1, seed=seed, **given).tensor[0]


# --- the arc ---


def test_slerp_against_shoemake() -> None:
    """A slerp of unit vectors turns by an even angle; in general it is Shoemake's formula (1985)."""
    start, end = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    for share in (0.0, 0.25, 0.5, 1.0):
        turned = walk.slerp(start, end, torch.tensor([share]))
        assert torch.allclose(
            turned,
            torch.tensor([math.cos(share * math.pi / 2), math.sin(share * math.pi / 2)]),
            atol=1e-6,
        )
    a, b, t = np.array([1.0, 2.0, -1.0]), np.array([0.5, -3.0, 2.0]), 0.3
    omega = math.acos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    expected = (
        math.sin((1 - t) * omega) / math.sin(omega) * a + math.sin(t * omega) / math.sin(omega) * b
    )
    found = walk.slerp(torch.tensor(a).float(), torch.tensor(b).float(), torch.tensor([t]))
    assert torch.allclose(found, torch.tensor(expected).float(), atol=1e-5)


def test_slerp_keeps_latents_as_long_as_they_are_drawn() -> None:
    """A latent of 100 numbers is about 10 long; half-way along a line it is 7, on the arc 10."""
    drawn = Latent(100).draw("latent", Rows(0, 200))
    half = torch.full((100, 1), 0.5)
    arc, chord = (
        walk.slerp(drawn[:100], drawn[100:], half).norm(dim=1),
        torch.lerp(drawn[:100], drawn[100:], half).norm(dim=1),
    )
    assert abs(float(arc.mean()) - 10) < 0.2
    assert float(chord.mean()) < 7.5


@pytest.mark.parametrize("factor", [1.0, -1.0, 0.0])
def test_slerp_where_there_is_no_angle(factor: float) -> None:
    start = torch.tensor([1.0, 2.0])
    found = walk.slerp(start, factor * start, torch.tensor([[0.0], [0.5], [1.0]]))
    assert torch.allclose(
        found, torch.lerp(start, factor * start, torch.tensor([[0.0], [0.5], [1.0]])), atol=1e-5
    )


def test_uniform_latents_go_straight_and_stay_inside() -> None:
    spec = Latent(5, "uniform")
    start, end = spec.draw("latent", Rows(0, 2))
    interpolate = walk.choose_interpolation(spec)
    assert torch.equal(interpolate(start, end, torch.tensor([0.5])), torch.lerp(start, end, 0.5))


# --- walks ---


def test_a_strip_ends_at_the_samples_of_its_seeds() -> None:
    model = untrained("tiny_vae")
    made = walk.walk_seeds(model, SEEDS, steps=5)
    assert (len(made), made.columns) == (10, 5)
    for row, seed in ((0, 3), (4, 8), (5, 8), (9, 21)):
        assert torch.allclose(made.tensor[row], alone(model, seed), atol=1e-5)
    steps = (made.tensor[1:5] - made.tensor[:4]).flatten(1).norm(dim=1)
    assert float(steps.min()) > 0
    assert float(steps.max()) < float((made.tensor[4] - made.tensor[0]).norm())


def test_a_strip_holds_the_class_and_gives_each_class_a_line() -> None:
    model = untrained("tiny_class")
    classes = next(spec.classes for spec in model.inputs.values() if hasattr(spec, "classes"))
    made = walk.walk_seeds(model, SEEDS, steps=3, label="all")
    assert len(made) == 3 * len(classes)
    for line, name in enumerate(classes):
        assert torch.allclose(made.tensor[3 * line], alone(model, 3, label=name), atol=1e-5)
        assert torch.allclose(made.tensor[3 * line + 2], alone(model, 8, label=name), atol=1e-5)
    drawn = int(model.inputs["label"].draw("label", Rows(3, 1)))
    held = walk.walk_seeds(model, SEEDS, steps=3)
    assert torch.allclose(held.tensor[-1], alone(model, 21, label=classes[drawn]), atol=1e-5)


def test_a_loop_closes() -> None:
    model = untrained("tiny_vae")
    frames = walk.loop_seeds(model, SEEDS, steps=4)
    assert (len(frames), frames.columns) == (12, 12)
    for row, seed in ((0, 3), (4, 8), (8, 21)):
        assert torch.allclose(frames.tensor[row], alone(model, seed), atol=1e-5)
    back = (frames.tensor[0] - frames.tensor[11]).norm()
    assert 0 < float(back) < float((frames.tensor[0] - frames.tensor[8]).norm())


def test_a_sentence_is_held() -> None:
    model = untrained("tiny_text")
    word = model.config.vocabulary[0]
    made = walk.walk_seeds(model, SEEDS, steps=2, text=word)
    assert torch.allclose(made.tensor[1], alone(model, 8, text=word), atol=1e-5)
    with pytest.raises(InputError, match="prompt is needed"):
        walk.walk_seeds(model, SEEDS, steps=2)


# --- sentences ---


def test_between_two_sentences_the_noise_is_held() -> None:
    """The ends of each line are what the model makes of each sentence with that line's noise."""
    model = untrained("tiny_text")
    texts = ["a red circle", "blue", "square"]
    made = prompts.walk_prompts(model, texts, seed=6, steps=3, lines=2)
    assert (len(made), made.columns) == (2 * 2 * 3, 6)
    for line in range(2):
        for place, text in ((0, texts[0]), (2, texts[1]), (3, texts[1]), (5, texts[2])):
            assert torch.allclose(
                made.tensor[6 * line + place], alone(model, 6 + line, text=text), atol=1e-5
            )
    half = made.tensor[1]
    assert min(float((half - made.tensor[place]).norm()) for place in (0, 2)) > 1e-3
    assert set(made.views) == {"stage1", "stages"}


def test_what_lies_half_way_is_the_vector_on_the_arc() -> None:
    model = untrained("tiny_text")
    start, end = prompts.embed_prompts(model, ["red", "blue"])
    arc = walk.slerp(start, end, torch.tensor([0.5]))
    latent = model.inputs["latent"].draw("latent", Rows(2, 1))
    with torch.inference_mode():
        expected = model.gan.sample({"latent": latent, MEANING: arc[None]})["sample"]
    assert torch.allclose(
        prompts.walk_prompts(model, ["red", "blue"], seed=2, steps=3, lines=1).tensor[1],
        expected[0],
        atol=1e-5,
    )


def test_a_loop_of_sentences_closes() -> None:
    model = untrained("tiny_text")
    frames = prompts.loop_prompts(model, ["red", "blue"], seed=1, steps=4, lines=3)
    assert (len(frames), frames.columns) == (24, 8)
    for line in range(3):
        assert torch.allclose(
            frames.tensor[8 * line], alone(model, 1 + line, text="red"), atol=1e-5
        )
        assert torch.allclose(
            frames.tensor[8 * line + 4], alone(model, 1 + line, text="blue"), atol=1e-5
        )
    assert torch.allclose(frames.tensor[1], frames.tensor[7], atol=1e-5), (
        "there and back is one way"
    )


def test_several_sentences_have_a_line_and_a_table_each() -> None:
    model = untrained("tiny_text")
    made = walk.walk_seeds(model, SEEDS, steps=2, text=["red", "blue"])
    assert torch.allclose(made.tensor[2], alone(model, 3, text="blue"), atol=1e-5)
    made = truncation.sample_truncations(
        model, seed=3, columns=2, bounds=(0.5, 20.0), text=["red", "blue"]
    )
    assert len(made) == 8
    assert torch.allclose(made.tensor[2], alone(model, 3, text="red"), atol=1e-3)
    assert torch.allclose(made.tensor[7], alone(model, 4, text="blue"), atol=1e-3)


def test_where_there_is_nothing_between_sentences() -> None:
    model = untrained("tiny_text")
    for texts in (["red"], "red"):
        with pytest.raises(UsageError, match="needs at least two"):
            prompts.walk_prompts(model, texts)
    with pytest.raises(UsageError, match="needs at least two"):
        prompts.loop_prompts(model, ["red", "blue"], steps=1)
    with pytest.raises(InputError, match="no word in"):
        prompts.walk_prompts(model, ["red", "!"])
    with pytest.raises(UsageError, match="has no text embeddings"):
        prompts.walk_prompts(untrained("tiny_class"), ["red", "blue"])


# --- what has nothing to walk in ---


def test_models_without_a_latent() -> None:
    with pytest.raises(UsageError, match="takes no latent"):
        walk.walk_seeds(untrained("tiny_unpaired"), SEEDS)
    with pytest.raises(UsageError, match="takes no codes"):
        sweep.sweep_code(untrained("tiny_vae"), "c1")


# --- planes ---


def test_two_numbers_are_the_axes_of_the_grid() -> None:
    model = untrained("tiny_vae")
    made = plane.sample_plane(model, side=4)
    quantiles = torch.distributions.Normal(0, 1).icdf(torch.tensor([0.125, 0.375, 0.625, 0.875]))
    assert torch.allclose(plane.compute_quantiles(Latent(2), 4), quantiles, atol=1e-5)
    for row, column in ((0, 0), (1, 2), (3, 3)):
        latent = torch.stack([quantiles[column], quantiles[3 - row]])[None]
        assert torch.allclose(
            made.tensor[4 * row + column],
            model.sample(1, seed=0, latent=latent).tensor[0],
            atol=1e-5,
        )


def test_more_numbers_have_four_seeds_in_the_corners() -> None:
    model = untrained("tiny_text")
    word = model.config.vocabulary[0]
    made = plane.sample_plane(model, seed=5, side=3, text=word)
    for row, seed in ((0, 5), (2, 6), (6, 7), (8, 8)):
        assert torch.allclose(made.tensor[row], alone(model, seed, text=word), atol=1e-5)


def test_several_classes_have_a_line_each_of_latents_as_they_are_drawn() -> None:
    model = untrained("tiny_class")
    made = plane.sample_plane(model, seed=5, side=3, label="all")
    assert made.tensor.shape[0] == 3 * 3
    for line in range(3):
        for column, seed in ((0, 5), (2, 6)):
            assert torch.allclose(
                made.tensor[3 * line + column], alone(model, seed, label=line), atol=1e-5
            )


# --- codes ---


def test_a_number_runs_along_lines_of_the_categories() -> None:
    model = untrained("tiny_codes")
    name, spec = varied.require_codes(model)
    size = spec.categories[0]
    made = sweep.sweep_code(model, "c1", seed=4, steps=3, span=2.0)
    assert (len(made), made.columns) == (3 * size, 3)
    codes = spec.draw(name, Rows(4, 1)).repeat(3, 1)
    codes[:, :size] = 0
    codes[:, 2] = 1
    codes[:, size] = torch.tensor([-2.0, 0.0, 2.0])
    latent = model.inputs["latent"].draw("latent", Rows(4, 1)).repeat(3, 1)
    inputs: dict[str, Tensor] = {"latent": latent, name: codes}
    expected = model.sample(3, seed=0, **inputs).tensor  # type: ignore[arg-type]
    assert torch.allclose(made.tensor[6:9], expected, atol=1e-5)
    assert not torch.allclose(made.tensor[6], made.tensor[8], atol=1e-3)


def test_a_category_runs_along_lines_of_noise() -> None:
    model = untrained("tiny_codes")
    name, spec = varied.require_codes(model)
    size = spec.categories[0]
    made = sweep.sweep_code(model, "k1", seed=4, lines=2)
    assert (len(made), made.columns) == (2 * size, size)
    codes = spec.draw(name, Rows(5, 1))
    codes[:, :size] = torch.eye(size)[1]
    latent = model.inputs["latent"].draw("latent", Rows(5, 1))
    assert torch.allclose(
        made.tensor[size + 1],
        model.sample(1, seed=0, latent=latent, **{name: codes}).tensor[0],  # type: ignore[arg-type]
        atol=1e-5,
    )
    assert sweep.list_code_keys(model) == ["k1", *(f"c{i + 1}" for i in range(spec.continuous))]
    with pytest.raises(UsageError, match="no code 'k2'"):
        sweep.sweep_code(model, "k2")


# --- truncation ---


def test_truncated_latents_have_the_law_of_drawing_again() -> None:
    spec = Latent(1000)
    drawn = spec.draw("latent", Rows(0, 100))
    again = drawn[drawn.abs() <= 0.8]
    made = truncation.truncate(spec, drawn, 0.8)
    assert float(made.abs().max()) <= 0.8
    levels = torch.linspace(0.05, 0.95, 19)
    assert torch.allclose(
        made.flatten()[:16_000].quantile(levels), again[:16_000].quantile(levels), atol=0.02
    )
    order = drawn[0].argsort()
    assert bool((made[0][order].diff() >= 0).all())
    assert torch.allclose(truncation.truncate(spec, drawn, 8.0), drawn, atol=1e-3)


def test_the_table_has_one_seed_a_column() -> None:
    model = untrained("tiny_vae")
    made = truncation.sample_truncations(model, seed=2, columns=3, bounds=(0.5, 20.0))
    assert (len(made), made.columns) == (6, 3)
    assert torch.allclose(made.tensor[4], alone(model, 3), atol=1e-3)
    spread = [float(made.tensor[start : start + 3].std(0).mean()) for start in (0, 3)]
    assert spread[0] < spread[1]
    with pytest.raises(UsageError, match="above 0"):
        truncation.sample_truncations(model, bounds=(0.0,))


def test_shipped_models_can_be_explored() -> None:
    model = Model.load("vanilla-sine", device="cpu")
    assert walk.walk_seeds(model, [0, 1], steps=4).tensor.shape == (4, 2)
