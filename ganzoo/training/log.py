"""The training log: rows of metrics.jsonl, and the reporter that shows them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from ganzoo.errors import NonFiniteLoss
from ganzoo.files import replacing

METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class Plan:
    """What a run is about to do.

    `phases`: (name, steps, batch size); `parameters`: by network; `resumed_at`: finished steps.
    """

    folder: Path
    plugin: str
    data: str
    phases: tuple[tuple[str, int, int], ...]
    parameters: dict[str, int]
    device: str
    precision: str
    seed: int
    resumed_at: int
    total: int


class Reporter(Protocol):
    """Shows a run to somebody."""

    def start(self, plan: Plan) -> None: ...

    def phase(self, name: str, steps: int, done: int) -> None: ...

    def row(self, row: Mapping[str, Any]) -> None: ...

    def note(self, text: str) -> None: ...

    def done(self, folder: Path) -> None: ...


class Silent:
    """A reporter that shows nothing."""

    def start(self, plan: Plan) -> None:
        pass

    def phase(self, name: str, steps: int, done: int) -> None:
        pass

    def row(self, row: Mapping[str, Any]) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def done(self, folder: Path) -> None:
        pass


class Buffer:
    """Scalars since the last log row. They stay on the device until `means` fetches them."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, str, Tensor]] = []

    def add(self, index: int, key: str, value: Tensor) -> None:
        self.entries.append((index, key, value.detach()))

    def means(self, phase: str) -> dict[str, float]:
        """Mean of each key since the last call.

        Raises NonFiniteLoss with the first step whose loss is NaN or infinite.
        """
        entries, self.entries = self.entries, []
        if not entries:
            return {}
        values = torch.stack([value.float() for _, _, value in entries]).cpu().tolist()
        found: dict[str, list[float]] = {}
        for (index, key, _), value in zip(entries, values, strict=True):
            if key.startswith("loss/") and not math.isfinite(value):
                raise NonFiniteLoss(phase, index, key.removeprefix("loss/"), value)
            found.setdefault(key, []).append(value)
        return {key: sum(numbers) / len(numbers) for key, numbers in found.items()}


def append_row(folder: Path, row: Mapping[str, Any]) -> None:
    """Add a line to metrics.jsonl."""
    with (folder / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl, up to the first line that is cut short or not a row."""
    path = folder / METRICS
    if not path.exists():
        return []
    rows: list[dict[str, Any]] = []
    for line in path.read_text("utf-8", "replace").splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(row, dict) or not isinstance(row.get("step"), int):
            break
        rows.append(row)
    return rows


def cut_rows(folder: Path, step: int) -> None:
    """Drop rows after `step`, which a resumed run logs again."""
    rows = [row for row in read_rows(folder) if row["step"] <= step]
    with replacing(folder / METRICS) as temporary:
        temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
