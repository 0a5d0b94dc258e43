"""torch.compile of a GAN's networks, in place: names, files and averaged copies stay what they were."""

from __future__ import annotations

from typing import Any

from ganzoo.gan import GAN

LONGEST = 160
"""Characters of an error that a note repeats."""


def start(gan: GAN[Any]) -> None:
    """Compile each network at its next call, with dropout drawn as eager networks draw it. A batch never changes its size."""
    for network in gan.children():
        network.compile(dynamic=False, options={"fallback_random": True})


def stop(gan: GAN[Any]) -> None:
    """Back to eager networks."""
    for network in gan.children():
        network._compiled_call_impl = None


def explain(error: Exception) -> str:
    """Why a run goes on without; one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    return f"torch.compile cannot do this training, which goes on without it ({type(error).__name__}: {lines[0][:LONGEST]})"
