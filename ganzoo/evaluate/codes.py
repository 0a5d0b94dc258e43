"""What the codes of an InfoGAN have come to mean (Chen et al. 2016): categories and numbers.

On grey images, a number is described by the change of slant, width and height of what is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import UsageError
from ganzoo.evaluate.evidence import Draft, Evidence
from ganzoo.evaluate.resampling import bootstrap, find_interval, resample_means
from ganzoo.inputs import Codes, Rows
from ganzoo.sampling.model import Model
from ganzoo.spec import Picture

CODE_SAMPLES = 1_000
"""Samples for each value of a number."""
CODE_VALUES = (-2.0, 2.0)
MOST_CLASSES = 16
"""The matching tries every subset of the classes."""
SHAPE_UNITS = {"slant": "degrees", "width": "pixels", "height": "pixels"}


def measure_codes(evidence: Evidence) -> Iterator[Draft]:
    """Agreement of the first category with the predicted class, and what each number changes."""
    model, rows = evidence.model, evidence.rows
    codes = find_codes(model) if model else None
    if model is None or rows is None or codes is None:
        return
    (name, spec), classes = codes, evidence.extractor.classes
    if spec.categories and spec.categories[0] <= len(classes) <= MOST_CLASSES:
        values = spec.draw(name, rows)[:, : spec.categories[0]].argmax(1)
        counts = count_pairs(values, evidence.fake.read, spec.categories[0], len(classes))
        _, matched = match_classes(counts)
        right = (torch.tensor(matched)[values] == evidence.fake.read).double()
        shares = {}
        for value, column in enumerate(matched):
            of_value = counts[value].double()
            shares[f"{value} is {classes[column]}"] = float(of_value[column] / of_value.sum())
        yield Draft(
            name="category agrees with class",
            value=float(right.mean()),
            interval=bootstrap(right),
            better="high",
            shares=shares,
            real=0,
        )
    output = model.plugin.output(model.config)
    if not isinstance(output, Picture) or output.channels != 1:
        return
    for number in range(spec.continuous):
        first, last = draw_number(model, number, rows.seed, CODE_VALUES)
        means = resample_means(torch.cat([first, last], dim=1))
        whole = describe_shape(last.mean(0)) - describe_shape(first.mean(0))
        drawn = describe_shape(means[:, 3:]) - describe_shape(means[:, :3])
        for place, (kind, unit) in enumerate(SHAPE_UNITS.items()):
            yield Draft(
                name=f"c{number + 1}: {kind} ({unit})",
                value=float(whole[place]),
                interval=find_interval(drawn[:, place]),
                better="level",
                settings={"from": "-2", "to": "2"},
                real=0,
                fake=CODE_SAMPLES,
                bare=True,
            )


def find_codes(model: Model) -> tuple[str, Codes] | None:
    """Name and specification of the input that holds codes."""
    for name, spec in model.inputs.items():
        if isinstance(spec, Codes):
            return name, spec
    return None


def count_pairs(values: Tensor, classes: Tensor, rows: int, columns: int) -> Tensor:
    """How often each value (row) occurs with each class (column)."""
    return torch.bincount(values * columns + classes, minlength=rows * columns).view(rows, -1)


def match_classes(counts: Tensor) -> tuple[int, list[int]]:
    """The one-to-one matching of values (rows) and classes (columns) with most agreement.

    Returns the number of samples that agree, and the class of each value."""
    best: dict[int, tuple[int, list[int]]] = {0: (0, [])}
    for row in counts.tolist():
        further: dict[int, tuple[int, list[int]]] = {}
        for used, (total, chosen) in best.items():
            for column, count in enumerate(row):
                key = used | 1 << column
                if key != used and total + count > further.get(key, (-1, []))[0]:
                    further[key] = (total + count, [*chosen, column])
        best = further
    return max(best.values())


def draw_number(model: Model, number: int, seed: int, values: tuple[float, ...]) -> list[Tensor]:
    """Moments of samples with number `number` set to each of `values`, all else equal."""
    codes = find_codes(model)
    if codes is None:
        raise UsageError(f"{model.name} takes no codes")
    name, spec = codes
    drawn, found = spec.draw(name, Rows(seed, CODE_SAMPLES)), []
    for value in values:
        changed = drawn.clone()
        changed[:, sum(spec.categories) + number] = value
        inputs: dict[str, Any] = {name: changed}
        made = model.sample(CODE_SAMPLES, seed=seed, batch_size=250, **inputs).tensor
        found.append(measure_ink(made))
    return found


def measure_ink(images: Tensor) -> Tensor:
    """Of each image (n, 1, h, w): shear of the ink, and its deviation across and down, (n, 3)."""
    ink = (images[:, 0] + 1) / 2
    mass = ink.sum((1, 2))
    place = torch.arange(images.shape[2], dtype=torch.float32)
    x, y = ((ink.sum(axis) * place).sum(1) / mass for axis in (1, 2))
    dx, dy = place[None, None] - x[:, None, None], place[None, :, None] - y[:, None, None]
    xx, yy, xy = ((ink * product).sum((1, 2)) / mass for product in (dx * dx, dy * dy, dx * dy))
    shear = xy / yy
    upright = (xx - shear * xy).clamp_min(0).sqrt()
    return torch.stack([shear, upright, yy.sqrt()], dim=1)


def describe_shape(means: Tensor) -> Tensor:
    """Mean moments (..., 3) -> slant in degrees, positive to the right, width and height in
    pixels."""
    slant = torch.atan(-means[..., 0]) * (180 / math.pi)
    return torch.stack([slant, 2 * means[..., 1], 2 * means[..., 2]], dim=-1)
