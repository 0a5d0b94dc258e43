"""Progress at the terminal, drawn by rich; plain lines where there is no terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.cli import output

if TYPE_CHECKING:
    from rich.progress import Progress

    from ganzoo.training.log import Plan, Reporter

PLAIN_EVERY = 10.0
"""Seconds between plain lines."""
HIDDEN = ("step", "phase", "index", "images_per_second")


@contextmanager
def reporter() -> Iterator[Reporter]:
    """A reporter for this terminal; only the first of several processes shows anything."""
    if not is_first():
        from ganzoo.training.log import Silent

        yield Silent()
    elif sys.stderr.isatty():
        bar = Bar()
        with bar.live:
            yield bar
    else:
        yield Plain()


def is_first() -> bool:
    """Whether this is the first process of a run: torchrun and accelerate set RANK."""
    return os.environ.get("RANK", "0") == "0"


class Plain:
    """A line at the start, one about every ten seconds, one at the end."""

    def __init__(self) -> None:
        self.shown = -PLAIN_EVERY
        self.total = self.before = 0
        self.started = time.monotonic()
        self.unit = "images"

    def start(self, plan: Plan) -> None:
        self.total, self.before, self.started = plan.total, plan.resumed_at, time.monotonic()
        self.unit = plan.data.rsplit(" ", 1)[-1]  # "mnist, 60,000 images"
        networks = ", ".join(f"{name} {count:,}" for name, count in plan.parameters.items())
        resumed = f", from step {plan.resumed_at:,}" if plan.resumed_at else ""
        output.say(
            f"{plan.plugin} on {plan.data}: {plan.total:,} steps{resumed}, seed {plan.seed}, "
            f"{plan.device}, {plan.precision}"
        )
        output.say(f"parameters: {networks}")

    def phase(self, name: str, steps: int, done: int) -> None:
        pass

    def row(self, row: Mapping[str, Any]) -> None:
        now, step = time.monotonic(), row["step"]
        if now - self.shown >= PLAIN_EVERY or step == self.total:
            self.shown = now
            parts = (
                f"step {step:,}/{self.total:,}",
                f"{row['images_per_second']:,.0f} {self.unit}/s",
                format_values(row),
                f"{self.left(step)} left",
            )
            output.say("  ".join(parts))

    def note(self, text: str) -> None:
        output.say(text)

    def done(self, folder: Path) -> None:
        pass

    def left(self, step: int) -> str:
        """Remaining time at the pace of this session."""
        steps = max(1, step - self.before)
        return format_clock((time.monotonic() - self.started) / steps * (self.total - step))


class Bar(Plain):
    """A bar with step, rate and remaining time; below it losses and scores."""

    def __init__(self) -> None:
        from rich.console import Console, Group
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.text import Text

        super().__init__()
        self.progress: Progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[left]}"),
        )
        self.task = self.progress.add_task("starting", total=None, rate="", left="")
        self.losses = Text("", no_wrap=True, overflow="ellipsis")
        self.live = Live(
            Group(self.progress, self.losses), console=Console(stderr=True), refresh_per_second=4
        )

    def start(self, plan: Plan) -> None:
        super().start(plan)
        self.progress.update(self.task, total=plan.total, completed=plan.resumed_at)

    def phase(self, name: str, steps: int, done: int) -> None:
        self.progress.update(self.task, description=name)

    def row(self, row: Mapping[str, Any]) -> None:
        rate = f"{row['images_per_second']:,.0f} {self.unit}/s"
        left = f"{self.left(row['step'])} left"
        self.progress.update(self.task, completed=row["step"], rate=rate, left=left)
        self.losses.plain = format_values(row)


def format_values(row: Mapping[str, Any]) -> str:
    """Losses and scores of a log row."""
    return "  ".join(
        f"{key.removeprefix('loss/')} {value:.3f}"
        for key, value in row.items()
        if key not in HIDDEN
    )


def format_clock(seconds: float) -> str:
    """h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


@contextmanager
def count_parts(
    what: str, total: int | None, least: int = 2
) -> Iterator[Callable[[int], None] | None]:
    """A bar over parts, and the function that advances it; None where there is no bar.

    There is one at a terminal, for at least `least` parts or an unknown number (None).
    """
    if not sys.stderr.isatty() or (total is not None and total < least):
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total)
        yield lambda n: progress.advance(task, n)


@contextmanager
def show_transfers() -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar for each file from the Hub; nothing where there is no terminal.

    Gives a function of (file, further bytes, total bytes).
    """
    bar: Progress | None = None
    tasks: dict[str, Any] = {}

    def advance(file: str, more: int, total: int | None) -> None:
        nonlocal bar
        if not sys.stderr.isatty():
            return
        if bar is None:
            from rich import progress
            from rich.console import Console

            bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.DownloadColumn(),
                progress.TransferSpeedColumn(),
                progress.TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            bar.start()
        if file not in tasks:
            tasks[file] = bar.add_task(file, total=total)
        bar.update(tasks[file], advance=more, total=total)

    try:
        yield advance
    finally:
        if bar is not None:
            bar.stop()


@contextmanager
def show_spinner(text: str) -> Iterator[None]:
    """A spinner at a terminal while something takes its time."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield
