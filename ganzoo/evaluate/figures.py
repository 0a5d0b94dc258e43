"""Figures of samples against real images: values, intervals, and warnings for too few images."""

from __future__ import annotations

from collections.abc import Iterator

from ganzoo.evaluate import kernel, prdc, similarity
from ganzoo.evaluate.classes import one_hot
from ganzoo.evaluate.evidence import Draft, Evidence, warn_few
from ganzoo.evaluate.moments import frechet_distance, matrix_root, merge_moments
from ganzoo.evaluate.resampling import PARTS, Interval, bootstrap, jackknife, summarize_parts

FEW_PER_DIMENSION = 20
"""Samples per feature dimension; with fewer, errors of the covariance dominate."""
FEW_SAMPLES = 1000
FEW_PRDC = 5000


def measure_frechet(evidence: Evidence) -> Iterator[Draft]:
    """Frechet distance; interval by jackknife over parts of the samples, real images held fixed."""
    real, fake = evidence.real, evidence.fake
    reference = merge_moments(real.parts)
    half = matrix_root(reference.covariance)
    value = frechet_distance(reference, merge_moments(fake.parts), half)
    without = []
    for i in range(PARTS):
        rest = merge_moments(fake.parts[:i] + fake.parts[i + 1 :])
        without.append(frechet_distance(reference, rest, half))
    interval = jackknife(value, without)
    enough = FEW_PER_DIMENSION * evidence.extractor.dims
    yield Draft(
        name="FID",
        value=value,
        interval=Interval(max(0.0, interval.low), interval.high),
        warnings=warn_few(min(real.count, fake.count), enough, "with fewer, the value is too high"),
    )


def measure_kernel(evidence: Evidence) -> Iterator[Draft]:
    """Kernel distance: mean of disjoint parts, each unbiased."""
    real, fake = evidence.real.features, evidence.fake.features
    size = kernel.part_size(len(real), len(fake))
    value, spread, interval = summarize_parts(kernel.kernel_distances(real, fake))
    yield Draft(
        name="KID",
        value=value,
        interval=interval,
        spread=spread,
        real=PARTS * size,
        fake=PARTS * size,
        settings={"parts": PARTS, "part size": size, "kernel": "(x.y/d + 1)^3"},
        warnings=warn_few(size, kernel.SUBSET // 5, "the interval is wide", " in each part"),
    )


def measure_prdc(evidence: Evidence) -> Iterator[Draft]:
    """Precision, recall, density, coverage; bootstrap over the images that are averaged."""
    real, fake = evidence.real.features, evidence.fake.features
    size = min(len(real), len(fake))
    counts = prdc.count_neighbours(real[:size], fake[:size])
    warnings = warn_few(size, FEW_PRDC, "the neighbourhoods are larger, and values not comparable")
    for name, rows, k in (
        ("precision", counts.precise, prdc.NEAREST_PR),
        ("recall", counts.recalled, prdc.NEAREST_PR),
        ("density", counts.dense, prdc.NEAREST_DC),
        ("coverage", counts.covered, prdc.NEAREST_DC),
    ):
        yield Draft(
            name=name,
            value=float(rows.double().mean()),
            interval=bootstrap(rows),
            better="high",
            settings={"k": k},
            real=size,
            fake=size,
            warnings=warnings,
        )


def measure_inception(evidence: Evidence) -> Iterator[Draft]:
    """Inception score: mean of parts, as in published scores."""
    fake = evidence.fake
    if not evidence.extractor.scores:
        return
    enough = max(FEW_SAMPLES, PARTS * evidence.extractor.outputs)
    value, spread, interval = summarize_parts([part.inception() for part in fake.scores])
    yield Draft(
        name="Inception score",
        value=value,
        interval=interval,
        spread=spread,
        better="high",
        real=0,
        settings={"splits": PARTS},
        warnings=warn_few(fake.count, enough, "with fewer, the score is too low"),
    )


def measure_classes(evidence: Evidence) -> Iterator[Draft]:
    """Shares of the predicted classes; with labels, the share of correct predictions."""
    names, fake = evidence.extractor.classes, evidence.fake
    if not names:
        return
    rows = one_hot(fake.read, len(names))
    mean = rows.mean(0)
    shares = dict(zip(names, mean.tolist(), strict=True))
    warnings = warn_few(fake.count, FEW_SAMPLES, "shares are rough")
    for name, number in (
        ("smallest class share", int(mean.argmin())),
        ("largest class share", int(mean.argmax())),
    ):
        yield Draft(
            name=name,
            value=float(mean[number]),
            interval=bootstrap(rows[:, number]),
            better="level",
            shares=shares,
            real=0,
            warnings=warnings,
        )
    labels = evidence.labels
    if labels is None:
        return
    right = (fake.read == labels).double()
    accuracy = {}
    for number, name in enumerate(names):
        if bool((labels == number).any()):
            accuracy[name] = float(right[labels == number].mean())
    yield Draft(
        name="class accuracy",
        value=float(right.mean()),
        interval=bootstrap(right),
        better="high",
        shares=accuracy,
        real=0,
        warnings=warnings,
    )


def measure_diversity(evidence: Evidence) -> Iterator[Draft]:
    """MS-SSIM of pairs, within classes if the extractor knows them: the lower, the more diverse."""
    scales = similarity.count_scales(evidence.fake.pictures.shape[-1])
    if not scales:
        return
    by_class = bool(evidence.extractor.classes)
    for name, seen in (("MS-SSIM", evidence.fake), ("MS-SSIM of the data", evidence.real)):
        images = seen.pictures
        groups = seen.read[: len(images)] if by_class else None
        values = similarity.compare_pairs(images, groups)
        if not len(values):
            continue
        yield Draft(
            name=name,
            value=float(values.mean()),
            interval=bootstrap(values),
            better="level",
            bare=not by_class,
            settings={"scales": scales, "pairs": "within classes" if by_class else "any"},
            warnings=warn_few(2 * len(values), FEW_SAMPLES // 2, "the mean is rough"),
            real=len(images) if seen is evidence.real else 0,
            fake=len(images) if seen is evidence.fake else 0,
        )
