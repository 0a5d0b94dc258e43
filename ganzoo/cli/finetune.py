"""`ganzoo finetune`."""

from __future__ import annotations

from ganzoo.cli.train import build_command

finetune = build_command(
    "finetune",
    "Train a model further on your own images; prints the run folder. "
    "`ganzoo train --resume --out RUN` continues it.",
)
