"""Plots of points, curves and losses. Only this module uses matplotlib."""

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

# it warns about its cache where the home folder is read-only
logging.getLogger("matplotlib").setLevel(logging.ERROR)


def plot_points(
    values: Tensor,
    low: float | None = None,
    high: float | None = None,
    *,
    labels: Tensor | None = None,
    names: Sequence[str] = (),
) -> Image.Image:
    """A scatter plot of the first two coordinates of (n, d) points.

    `low` and `high` fix both axes. `labels` (n,): color by class, with a legend of `names`.
    """
    figure = make_figure(4.0, 4.0) if labels is None else make_figure(7.0, 6.0)
    axes = figure.add_subplot()
    xy = values.float().cpu().numpy()
    x, y = xy[:, 0], xy[:, 1] if xy.shape[1] > 1 else 0 * xy[:, 0]
    if labels is None:
        axes.scatter(x, y, s=6)
    else:
        numbers = labels.cpu().numpy()
        for number, name in enumerate(names):
            chosen = numbers == number
            color = f"C{number % 10}"
            axes.scatter(x[chosen], y[chosen], s=3, linewidths=0, color=color, label=name)
        axes.legend(markerscale=5, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    if low is not None:
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
    return render(figure)


def plot_curves(values: Tensor, output: Curve, columns: int) -> Image.Image:
    """Curves (n, length) as small plots with equal axes."""
    import numpy as np

    n = len(values)
    columns = min(n, columns)
    rows = -(-n // columns)
    figure = make_figure(1.6 * columns, 1.2 * rows)
    x = np.linspace(output.low, output.high, output.length)
    for index, line in enumerate(values.float().cpu().numpy()):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.plot(x, line, linewidth=1)
        axes.set_ylim(-1.2, 1.2)
        axes.set_xticks([])
        axes.set_yticks([])
    return render(figure)


def plot_losses(rows: Sequence[Mapping[str, float]], title: str) -> Image.Image:
    """Logged values against the step: losses, then scores and the rest, one panel per unit."""
    panels = group_keys(rows)
    figure = make_figure(8.0, 3.2 * max(1, len(panels)))
    for place, (panel, names) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(len(panels), 1, place)
        for name in names:
            logged = [row for row in rows if name in row]
            steps, values = [row["step"] for row in logged], [row[name] for row in logged]
            axes.plot(steps, values, linewidth=1, label=name.removeprefix(f"{panel}/"))
        axes.legend(fontsize=8)
        axes.set_ylabel(panel)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    figure.suptitle(title)
    return render(figure)


def group_keys(rows: Sequence[Mapping[str, float]]) -> dict[str, list[str]]:
    """Logged keys by the part before their slash ("loss", "score"), losses first."""
    keys = {key for row in rows for key in row}
    keys -= {"step", "index", "seconds", "images_per_second", "phase"}
    groups: dict[str, list[str]] = {}
    for key in sorted(keys, key=lambda key: (not key.startswith("loss/"), key)):
        groups.setdefault(key.partition("/")[0], []).append(key)
    return groups


def make_figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def render(figure: Figure) -> Image.Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png")
    buffer.seek(0)
    return Image.open(buffer).convert("RGB")
