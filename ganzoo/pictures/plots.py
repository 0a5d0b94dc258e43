"""Drawings that need axes: points, curves, losses. The only place that knows matplotlib."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PIL import Image
from torch import Tensor

from ganzoo.spec import Curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

logging.getLogger("matplotlib").setLevel(
    logging.ERROR
)  # it tells of its cache where a home cannot be written


def points(
    values: Tensor,
    low: float | None = None,
    high: float | None = None,
    *,
    labels: Tensor | None = None,
    names: Sequence[str] = (),
) -> Image.Image:
    """A scatter of (n, d) points, the first two coordinates; `low` and `high` fix both axes. `labels` (n,): a colour for each
    of the classes `names`."""
    figure = _figure(4.0, 4.0) if labels is None else _figure(7.0, 6.0)
    axes = figure.add_subplot()
    xy = values.float().cpu().numpy()
    x, y = xy[:, 0], xy[:, 1] if xy.shape[1] > 1 else 0 * xy[:, 0]
    if labels is None:
        axes.scatter(x, y, s=6)
    else:
        numbers = labels.cpu().numpy()
        for number, name in enumerate(names):
            chosen = numbers == number
            axes.scatter(
                x[chosen], y[chosen], s=3, linewidths=0, color=f"C{number % 10}", label=name
            )
        axes.legend(markerscale=5, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    if low is not None:
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
    return _drawn(figure)


def curves(values: Tensor, output: Curve, columns: int) -> Image.Image:
    """Curves (n, length) as small multiples that share their axes."""
    import numpy as np

    n = len(values)
    columns = min(n, columns)
    rows = -(-n // columns)
    figure = _figure(1.6 * columns, 1.2 * rows)
    x = np.linspace(output.low, output.high, output.length)
    for index, line in enumerate(values.float().cpu().numpy()):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.plot(x, line, linewidth=1)
        axes.set_ylim(-1.2, 1.2)
        axes.set_xticks([])
        axes.set_yticks([])
    return _drawn(figure)


def losses(rows: Sequence[Mapping[str, float]], title: str) -> Image.Image:
    """Losses above, then scores and whatever else was logged, against the step; values of different units share no axes."""
    shown = panels(rows)
    figure = _figure(8.0, 3.2 * max(1, len(shown)))
    for place, (panel, names) in enumerate(shown.items(), start=1):
        axes = figure.add_subplot(len(shown), 1, place)
        for name in names:
            pairs = [(row["step"], row[name]) for row in rows if name in row]
            axes.plot(
                [p[0] for p in pairs],
                [p[1] for p in pairs],
                linewidth=1,
                label=name.removeprefix(f"{panel}/"),
            )
        axes.legend(fontsize=8)
        axes.set_ylabel(panel)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    figure.suptitle(title)
    return _drawn(figure)


def panels(rows: Sequence[Mapping[str, float]]) -> dict[str, list[str]]:
    """Logged keys by what stands before their slash ("loss", "score"), losses first; a key without one is alone."""
    skipped = {"step", "index", "seconds", "images_per_second", "phase"}
    found: dict[str, list[str]] = {}
    for key in sorted(
        {key for row in rows for key in row} - skipped,
        key=lambda key: (not key.startswith("loss/"), key),
    ):
        found.setdefault(key.partition("/")[0], []).append(key)
    return found


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def _drawn(figure: Figure) -> Image.Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png")
    buffer.seek(0)
    return Image.open(buffer).convert("RGB")
