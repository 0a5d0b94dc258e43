"""torch.compile of a GAN's networks in place: names, files and averaged copies stay the same."""

from __future__ import annotations

from typing import Any

from ganzoo.gan import GAN

ERROR_LENGTH = 160
"""Characters of an error that a note repeats."""


def start(gan: GAN[Any]) -> None:
    """Compile each network at its next call. Dropout draws as in eager networks.

    Batches must keep their size.
    """
    for network in gan.children():
        network.compile(dynamic=False, options={"fallback_random": True})


def stop(gan: GAN[Any]) -> None:
    """Return to eager networks."""
    for network in gan.children():
        network._compiled_call_impl = None


def explain(error: Exception) -> str:
    """Why a run continues without torch.compile, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    reason = f"{type(error).__name__}: {lines[0][:ERROR_LENGTH]}"
    return f"torch.compile cannot do this training, which continues without it ({reason})"
