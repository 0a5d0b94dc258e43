"""What a figure says of its making, and which figures may stand side by side. Light: no torch, no numpy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from ganzoo import files
from ganzoo.errors import UsageError
from ganzoo.files import Record, write_json
from ganzoo.zoo.manifest import Metric

REPORT = "evaluation.json"
"""In a run folder."""
REPORT_LIMIT = 4_000_000
"""Bytes of a report."""
DRAWN = "drawn from the seed"
"""Where all that a sample is asked for comes from, as a rule."""
FREE = ("seed",)
"""What may differ between figures that are compared: another draw of the same protocol."""


class Protocol(Record, frozen=True, kw_only=True):
    """What was counted. `digest`: of the data's files; `real`, `fake`: pictures that entered the figure; `channels`, `size`: of
    both kinds, 8 bits a value, before `resizer` brought them to the extractor; `extractor`, `sha256`: "none" and "" where the
    figure needs none; `settings`: of this figure alone."""

    data: str
    digest: str
    split: str
    real: int
    fake: int
    channels: int
    size: int
    resizer: str
    extractor: str
    sha256: str
    ema: bool = True
    inputs: str = DRAWN
    seed: int
    precision: str
    settings: dict[str, int | str] = {}

    def words(self) -> str:
        """In one line, for manifests and cards."""
        extractor = f"{self.extractor} {self.sha256[:12]}" if self.sha256 else "no extractor"
        parts = [
            f"{self.fake:,} samples from seed {self.seed}", f"{self.real:,} pictures of {self.data} ({self.split} split)",
            *([self.inputs] if self.inputs != DRAWN else []),
            extractor, f"resizer {self.resizer}", "averaged weights" if self.ema else "weights as trained", self.precision,
            *(f"{key} {value}" for key, value in self.settings.items()),
        ]  # fmt: skip
        return ", ".join(parts)


class Figure(Record, frozen=True, kw_only=True):
    """One measured number. `low`, `high`: 95 % confidence interval by resampling; `spread`: standard deviation between parts,
    where the figure is a mean of parts; `better`: which way; `shares`: of what it is drawn from, by class."""

    name: str
    value: float
    low: float
    high: float
    spread: float | None = None
    better: Literal["low", "high", "level"] = "low"
    shares: dict[str, float] = {}
    warnings: list[str] = []
    protocol: Protocol

    def words(self) -> str:
        """How it was made, and how far another draw may lie."""
        interval = f"95 % interval {round_figure(self.low)} to {round_figure(self.high)}"
        spread = "" if self.spread is None else f", spread of the parts {round_figure(self.spread)}"
        return f"{self.protocol.words()}; {interval}{spread}"


class Report(Record, frozen=True, kw_only=True):
    """All figures of one evaluation. `weights`: sha256 of the model's file."""

    format: int = 1
    model: str
    weights: str
    figures: list[Figure]
    command: str
    date: str
    machine: str
    seconds: float
    version: str
    torch: str

    def metrics(self) -> list[Metric]:
        """As a manifest holds them (`ganzoo manifest add --metrics`)."""
        return [
            Metric(
                name=figure.name,
                value=round_figure(figure.value),
                protocol=figure.words(),
                command=self.command,
            )
            for figure in self.figures
        ]


@dataclass(frozen=True)
class FigurePair:
    """The same figure of two reports. `unlike`: how their protocols differ; only without that may they be compared. `apart`:
    the intervals do not meet."""

    name: str
    first: Figure
    second: Figure
    unlike: tuple[str, ...]

    @property
    def apart(self) -> bool:
        return not self.unlike and (
            self.first.high < self.second.low or self.second.high < self.first.low
        )


def list_differences(first: Figure, second: Figure) -> Iterator[str]:
    """In words, every point in which two protocols differ that must not."""
    for field in Protocol.__struct_fields__:
        one, other = getattr(first.protocol, field), getattr(second.protocol, field)
        if field not in FREE and one != other:
            yield f"{field} {_short(one)} and {_short(other)}"


def pair_figures(first: Report, second: Report) -> list[FigurePair]:
    """Figures that both reports have, in the order of the first."""
    others = {figure.name: figure for figure in second.figures}
    both = [(figure, others[figure.name]) for figure in first.figures if figure.name in others]
    return [
        FigurePair(one.name, one, other, tuple(list_differences(one, other))) for one, other in both
    ]


def round_figure(value: float) -> float:
    """Four digits that count."""
    return float(f"{value:.4g}")


def write_report(path: Path, report: Report) -> None:
    """As JSON."""
    write_json(path, report)


def read_report(path: Path) -> Report:
    """A report, or the one in a run folder. UsageError where there is none."""
    path = path / REPORT if path.is_dir() else path
    try:
        return files.decode(files.read(path, REPORT_LIMIT), Report)
    except FileNotFoundError:
        raise UsageError(
            f"no report {path}; `ganzoo eval NAME --data SET --out FILE.json` writes one"
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from None
    except msgspec.DecodeError as error:
        raise UsageError(f"{path} is not a report of ganzoo eval ({error})") from None


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}..." if len(text) == 64 else text or "none"
