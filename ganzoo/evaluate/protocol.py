"""Reports: figures with their protocols, and which of them may be compared. Light."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from ganzoo import files
from ganzoo.errors import UsageError
from ganzoo.files import Record
from ganzoo.zoo.manifest import Metric

REPORT = "evaluation.json"
"""In a run folder."""
REPORT_LIMIT = 4_000_000
"""Bytes of a report."""
DRAWN = "drawn from the seed"
"""`inputs` of a protocol whose samples depend on the seed alone."""
FREE = ("seed",)
"""Protocol fields that may differ between compared figures."""


class Protocol(Record, frozen=True, kw_only=True):
    """How a figure was measured.

    `digest`: of the data's files; `real`, `fake`: number of images used; `channels`, `size`: of
    the images, 8 bits a value, before `resizer`; `extractor`, `sha256`: "none" and "" if none
    was used; `settings`: of this figure."""

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
        """One line for manifests and cards."""
        parts = [
            f"{self.fake:,} samples from seed {self.seed}",
            f"{self.real:,} images of {self.data} ({self.split} split)",
        ]
        if self.inputs != DRAWN:
            parts.append(self.inputs)
        parts.append(f"{self.extractor} {self.sha256[:12]}" if self.sha256 else "no extractor")
        parts.append(f"resizer {self.resizer}")
        parts.append("averaged weights" if self.ema else "weights as trained")
        parts.append(self.precision)
        parts += [f"{key} {value}" for key, value in self.settings.items()]
        return ", ".join(parts)


class Figure(Record, frozen=True, kw_only=True):
    """One measured number.

    `low`, `high`: 95 % confidence interval; `spread`: standard deviation between parts, if the
    value is their mean; `better`: which direction; `shares`: values by class."""

    name: str
    value: float
    low: float
    high: float
    spread: float | None = None
    better: Literal["low", "high", "level"] = "low"
    shares: dict[str, float] = {}
    warnings: list[str] = []
    protocol: Protocol

    @property
    def title(self) -> str:
        """The name to show: FID and KID are defined for Inception's features only."""
        if self.protocol.extractor.startswith("inception"):
            return self.name
        return {"FID": "Frechet distance", "KID": "kernel distance"}.get(self.name, self.name)

    def words(self) -> str:
        """Protocol and interval in one line."""
        interval = f"95 % interval {_round_figure(self.low)} to {_round_figure(self.high)}"
        spread = (
            "" if self.spread is None else f", spread of the parts {_round_figure(self.spread)}"
        )
        return f"{self.protocol.words()}; {interval}{spread}"


class Report(Record, frozen=True, kw_only=True):
    """Result of one evaluation. `weights`: sha256 of the weights file."""

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
        """The figures as entries of a manifest (`ganzoo manifest add --metrics`)."""
        return [
            Metric(
                name=figure.name,
                value=_round_figure(figure.value),
                protocol=figure.words(),
                command=self.command,
            )
            for figure in self.figures
        ]


@dataclass(frozen=True)
class FigurePair:
    """The same figure of two reports. `unlike`: differences of protocol, which forbid a comparison;
    `apart`: the intervals do not overlap."""

    name: str
    first: Figure
    second: Figure
    unlike: tuple[str, ...]

    @property
    def apart(self) -> bool:
        return not self.unlike and (
            self.first.high < self.second.low or self.second.high < self.first.low
        )


def pair_figures(first: Report, second: Report) -> list[FigurePair]:
    """Figures that both reports contain, in the order of the first."""
    others = {figure.name: figure for figure in second.figures}
    found = []
    for one in first.figures:
        other = others.get(one.name)
        if other is None:
            continue
        unlike = []
        for field in Protocol.__struct_fields__:
            values = [getattr(figure.protocol, field) for figure in (one, other)]
            if field not in FREE and values[0] != values[1]:
                texts = [str(value) for value in values]
                short = [f"{t[:12]}..." if len(t) == 64 else t or "none" for t in texts]
                unlike.append(f"{field} {short[0]} and {short[1]}")
        found.append(FigurePair(one.name, one, other, tuple(unlike)))
    return found


def _round_figure(value: float) -> float:
    """Round to four significant digits."""
    return float(f"{value:.4g}")


def read_report(path: Path) -> Report:
    """Read a report, or the one in a run folder. UsageError if there is none."""
    path = path / REPORT if path.is_dir() else path
    try:
        return files.decode_json(files.read_limited(path, REPORT_LIMIT), Report)
    except FileNotFoundError:
        command = "ganzoo eval NAME --data SET --out FILE.json"
        raise UsageError(f"no report {path}; `{command}` writes one") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from None
    except msgspec.DecodeError as error:
        raise UsageError(f"{path} is not a report of ganzoo eval ({error})") from None
