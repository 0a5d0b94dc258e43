"""The mathematics of every figure, against closed forms and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.evaluate import kernel, prdc, resampling, similarity
from ganzoo.evaluate.classes import Scores, one_hot
from ganzoo.evaluate.moments import FeatureMoments, frechet_distance, matrix_root, merge_moments


def drawn(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def exactly(mean: Tensor, covariance: Tensor, seed: int, n: int = 200) -> Tensor:
    """Rows whose own mean and covariance are these."""
    rows = drawn(n, len(mean), seed)
    rows = rows - rows.mean(0)
    white = rows @ torch.linalg.inv(torch.linalg.cholesky(rows.T @ rows / (n - 1))).T
    return white @ torch.linalg.cholesky(covariance).T + mean


def moments(features: Tensor, size: int = 37) -> FeatureMoments:
    made = FeatureMoments(features.shape[1])
    for part in torch.split(features, size):
        made.add(part)
    return made


def test_frechet_of_two_gaussians_along_the_axes() -> None:
    """Closed form: |m - n|^2 + sum (sqrt s - sqrt t)^2."""
    s, t = torch.tensor([1.0, 4.0, 9.0]).double(), torch.tensor([4.0, 1.0, 0.25]).double()
    m, n = torch.tensor([0.0, 1.0, 2.0]).double(), torch.tensor([1.0, 1.0, -1.0]).double()
    found = frechet_distance(moments(exactly(m, s.diag(), 1)), moments(exactly(n, t.diag(), 2)))
    assert found == pytest.approx(10 + 1 + 1 + 2.5**2, abs=1e-9)


def test_frechet_of_covariances_that_do_not_commute() -> None:
    """tr (S T)^(1/2) from the eigenvalues of the product itself, by another library."""
    a, b = drawn(6, 4, 3), drawn(7, 4, 4)
    s, t = a.T @ a + torch.eye(4), b.T @ b + torch.eye(4)
    crossed = np.sqrt(np.linalg.eigvals((s @ t).numpy()).astype(complex)).real.sum()
    mean = torch.zeros(4, dtype=torch.float64)
    found = frechet_distance(moments(exactly(mean, s, 5)), moments(exactly(mean + 1, t, 6)))
    assert found == pytest.approx(4 + float(s.trace() + t.trace()) - 2 * crossed, rel=1e-9)


def test_frechet_of_the_same_is_nothing_and_singular_covariances_have_one() -> None:
    few = drawn(20, 50, 7)
    assert frechet_distance(moments(few), moments(few)) == pytest.approx(0, abs=1e-5)
    assert 0 < frechet_distance(moments(few), moments(drawn(20, 50, 8))) < 200


def test_moments_far_from_zero_lose_nothing() -> None:
    rows = drawn(1000, 3, 9) + 1e6
    assert torch.allclose(
        moments(rows).covariance, torch.from_numpy(np.cov(rows.numpy().T)), rtol=1e-7
    )


def test_merged_moments_are_those_of_all_rows() -> None:
    rows = drawn(300, 5, 10).float()
    whole, parts = (
        moments(rows, 300),
        merge_moments([moments(rows[:13]), moments(rows[13:200]), moments(rows[200:])]),
    )
    assert parts.count == whole.count == 300
    assert torch.allclose(parts.mean, whole.mean)
    assert torch.allclose(parts.covariance, whole.covariance)


def test_the_root_squared() -> None:
    a = drawn(4, 6, 11)
    assert torch.allclose(
        matrix_root(a.T @ a) @ matrix_root(a.T @ a), a.T @ a, atol=1e-9
    )  # of rank 4


def test_kid_against_plain_loops() -> None:
    real, fake = drawn(5, 3, 12), drawn(4, 3, 13) + 0.5

    def k(x: Tensor, y: Tensor) -> float:
        return (float((x * y).sum()) / 3 + 1) ** 3

    def within(rows: Tensor) -> float:
        n = len(rows)
        return sum(k(rows[i], rows[j]) for i in range(n) for j in range(n) if i != j) / (
            n * (n - 1)
        )

    between = sum(k(x, y) for x in real for y in fake) / 20
    assert kernel.kernel_distance(real, fake) == pytest.approx(
        within(real) + within(fake) - 2 * between, rel=1e-12
    )


def test_kid_is_about_nothing_for_one_distribution_and_parts_are_disjoint() -> None:
    found = kernel.kernel_distances(drawn(2000, 8, 14), drawn(1000, 8, 15))
    mean, spread, interval = resampling.summarize_parts(found)
    assert kernel.part_size(2000, 1000) == 100
    assert len(set(found)) == resampling.PARTS
    assert interval.low < 0 < interval.high
    assert min(found) < 0, "it is unbiased"
    shifted, _, apart = resampling.summarize_parts(
        kernel.kernel_distances(drawn(2000, 8, 14), drawn(1000, 8, 15) + 0.5)
    )
    assert apart.low > interval.high
    assert shifted > mean
    assert spread > 0


def naive(
    real: NDArray[np.float64], fake: NDArray[np.float64], near: int, dense: int
) -> tuple[list[float], ...]:
    """As the papers write it, one distance at a time."""

    def apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        return float(np.sqrt(((a - b) ** 2).sum()))

    def radius(rows: NDArray[np.float64], i: int, k: int) -> float:
        return sorted(apart(rows[i], rows[j]) for j in range(len(rows)) if j != i)[k - 1]

    R, F = range(len(real)), range(len(fake))
    precise = [float(any(apart(fake[j], real[i]) <= radius(real, i, near) for i in R)) for j in F]
    recalled = [float(any(apart(fake[j], real[i]) <= radius(fake, j, near) for j in F)) for i in R]
    density = [sum(apart(fake[j], real[i]) <= radius(real, i, dense) for i in R) / dense for j in F]
    covered = [float(any(apart(fake[j], real[i]) <= radius(real, i, dense) for j in F)) for i in R]
    return precise, recalled, density, covered


@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_balls_against_plain_loops(offset: float) -> None:
    """Also far from zero, where distances from products are inexact."""
    real, fake = drawn(40, 4, 16) + offset, drawn(40, 4, 17) + 1 + offset
    found = prdc.count_neighbours(real, fake, near=2, dense=3)
    for ours, plain in zip(found, naive(real.numpy(), fake.numpy(), 2, 3), strict=True):
        assert ours.tolist() == pytest.approx(plain)
    assert 0 < found.precise.mean() < 1
    assert 0 < found.recalled.mean() < 1


def test_balls_of_copies_and_of_strangers() -> None:
    real = drawn(200, 4, 18)
    copies, far = prdc.count_neighbours(real, real.clone()), prdc.count_neighbours(real, real + 50)
    assert [float(rows.mean()) for rows in (copies.precise, copies.recalled, copies.covered)] == [
        1,
        1,
        1,
    ]
    assert [float(rows.mean()) for rows in far] == [0, 0, 0, 0]


def test_one_mode_is_precise_and_recalls_little() -> None:
    real = torch.cat([drawn(100, 2, 19), drawn(100, 2, 20) + 20])
    found = prdc.count_neighbours(real, drawn(200, 2, 21) * 0.5)
    assert found.precise.mean() > 0.9
    assert found.recalled.mean() < 0.5
    assert found.covered.mean() < 0.6


def test_inception_score() -> None:
    certain, unsure = Scores(4), Scores(4)
    certain.add(100 * torch.eye(4).repeat(5, 1))
    unsure.add(torch.zeros(20, 4))
    assert certain.inception() == pytest.approx(4)
    assert unsure.inception() == pytest.approx(1)
    logits, plain = drawn(30, 4, 22), Scores(4)
    plain.add(logits[:11])
    plain.add(logits[11:])
    p = logits.softmax(1).numpy()
    expected = math.exp(sum((row * np.log(row / p.mean(0))).sum() for row in p) / 30)
    assert plain.inception() == pytest.approx(expected, rel=1e-9)


def test_shares() -> None:
    assert one_hot(torch.tensor([2, 0, 2, 2]), 3).mean(0).tolist() == [0.25, 0.0, 0.75]


def plain_ms_ssim(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """One grey picture against another, window by window."""
    at = np.arange(11) - 5
    window = np.exp(-(at[:, None] ** 2 + at[None] ** 2) / 4.5)
    window /= window.sum()
    weights = np.array(similarity.WEIGHTS[: similarity.count_scales(len(a))])
    weights /= weights.sum()
    total = 1.0
    for level, weight in enumerate(weights):
        light, structure = [], []
        for i in range(len(a) - 10):
            for j in range(len(a) - 10):
                x, y = a[i : i + 11, j : j + 11], b[i : i + 11, j : j + 11]
                mx, my = (window * x).sum(), (window * y).sum()
                vx, vy, both = (
                    (window * (x - mx) ** 2).sum(),
                    (window * (y - my) ** 2).sum(),
                    (window * (x - mx) * (y - my)).sum(),
                )
                light.append((2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4))
                structure.append((2 * both + 9e-4) / (vx + vy + 9e-4))
        last = level == len(weights) - 1
        total *= (
            max(0.0, float(np.mean(np.multiply(light, structure) if last else structure))) ** weight
        )
        a, b = (x.reshape(len(x) // 2, 2, len(x) // 2, 2).mean((1, 3)) for x in (a, b))
    return total


def test_ms_ssim_window_by_window() -> None:
    generator = torch.Generator().manual_seed(23)
    first = torch.rand(2, 1, 28, 28, generator=generator).double()
    second = (first + 0.2 * torch.rand(2, 1, 28, 28, generator=generator)).clamp(0, 1)
    found = similarity.ms_ssim(first, second)
    expected = [
        plain_ms_ssim(a[0].numpy(), b[0].numpy()) for a, b in zip(first, second, strict=True)
    ]
    assert found.tolist() == pytest.approx(expected, rel=1e-9)
    assert similarity.ms_ssim(first, first).tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize(("size", "count"), [(8, 0), (11, 1), (28, 2), (64, 3), (176, 5), (500, 5)])
def test_how_many_scales_fit(size: int, count: int) -> None:
    assert similarity.count_scales(size) == count


def test_pairs_stay_within_groups() -> None:
    black, white = (
        torch.zeros(3, 1, 16, 16, dtype=torch.uint8),
        torch.full((3, 1, 16, 16), 255, dtype=torch.uint8),
    )
    mixed = torch.stack([black, white], dim=1).flatten(0, 1)
    assert similarity.compare_pairs(mixed, torch.tensor([0, 1] * 3)).tolist() == pytest.approx(
        [1, 1]
    )
    assert max(similarity.compare_pairs(mixed).tolist()) < 0.01
    assert len(similarity.compare_pairs(mixed[:1])) == 0


def test_the_jackknife_of_a_mean_is_the_textbooks() -> None:
    rows = drawn(100, 1, 24)[:, 0]
    parts = rows.reshape(10, 10).mean(1)
    interval = resampling.jackknife(
        float(rows.mean()), [float((rows.sum() - 10 * part) / 90) for part in parts]
    )
    half = 2.2621571628 * float(parts.std()) / math.sqrt(10)
    assert interval == pytest.approx(
        (float(rows.mean()) - half, float(rows.mean()) + half), rel=1e-9
    )
    assert resampling.summarize_parts(parts.tolist())[2] == pytest.approx(interval, rel=1e-9)


def test_intervals_hold_the_truth_about_95_times_in_100() -> None:
    held = [0, 0]
    for seed in range(60):
        rows = drawn(200, 1, 100 + seed)[:, 0] ** 2  # of mean 1
        for place, interval in enumerate(
            (
                resampling.summarize_parts(rows.reshape(10, 20).mean(1).tolist())[2],
                resampling.bootstrap(rows),
            )
        ):
            held[place] += interval.low <= 1 <= interval.high
    assert 52 <= held[0] <= 60
    assert 52 <= held[1] <= 60


def test_the_bootstrap_of_a_share() -> None:
    rows = (torch.arange(400) < 100).double()
    low, high = resampling.bootstrap(rows)
    half = 1.96 * math.sqrt(0.25 * 0.75 / 400)
    assert (low, high) == pytest.approx((0.25 - half, 0.25 + half), abs=0.006)
    assert resampling.bootstrap(rows) == (low, high)
