"""Prepare, verify and publish models."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Description:
    """What the author states about a model; None keeps what its entry or run folder states.

    `metrics`: a JSON list of {name, value, protocol, command}; `examples`: prompts for which the
    model works well, for its sample sheet and card."""

    summary: str | None = None
    licence: str | None = None
    notes: str | None = None
    metrics: Path | None = None
    examples: Sequence[str] | None = None
