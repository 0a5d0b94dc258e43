"""Progress at the terminal, by rich; plain lines where there is no terminal."""

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
HIDDEN = ("step", "phase", "index", "images_per_second")


@contextmanager
def reporter() -> Iterator[Reporter]:
    """A reporter for this terminal; of several processes only the first talks."""
    if not is_first():
        from ganzoo.training.log import Silent

        yield Silent()
        return
    if not sys.stderr.isatty():
        yield Plain()
        return
    bar = Bar()
    with bar.live:
        yield bar


def is_first() -> bool:
    """Whether this is the only process of a run, or the first of several: torchrun and accelerate number them in RANK."""
    return os.environ.get("RANK", "0") == "0"


class Plain:
    """A line at the start, one every ten seconds or so, one at the end."""

    def __init__(self) -> None:
        self.shown = -PLAIN_EVERY
        self.total = self.before = 0
        self.begun = time.monotonic()
        self.unit = "images"

    def start(self, plan: Plan) -> None:
        self.total, self.before, self.begun = plan.total, plan.resumed_at, time.monotonic()
        self.unit = plan.data.rsplit(" ", 1)[-1]  # "mnist, 60,000 images"
        networks = ", ".join(f"{name} {count:,}" for name, count in plan.parameters.items())
        resumed = f", from step {plan.resumed_at:,}" if plan.resumed_at else ""
        output.say(
            f"{plan.plugin} on {plan.data}: {plan.total:,} steps{resumed}, seed {plan.seed}, {plan.device}, {plan.precision}"
        )
        output.say(f"parameters: {networks}")

    def phase(self, name: str, steps: int, done: int) -> None:
        pass

    def row(self, row: Mapping[str, Any]) -> None:
        now = time.monotonic()
        if now - self.shown >= PLAIN_EVERY or row["step"] == self.total:
            self.shown = now
            rate = f"{row['images_per_second']:,.0f} {self.unit}/s"
            output.say(
                f"step {row['step']:,}/{self.total:,}  {rate}  {figures(row)}  {self.left(row['step'])} left"
            )

    def note(self, text: str) -> None:
        output.say(text)

    def done(self, folder: Path) -> None:
        pass

    def left(self, step: int) -> str:
        """Time to go at the pace of this sitting."""
        made = max(1, step - self.before)
        return clock((time.monotonic() - self.begun) / made * (self.total - step))


class Bar(Plain):
    """A bar with step, rate and time left; below it the losses and scores."""

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
        self.progress.update(
            self.task, completed=row["step"], rate=rate, left=f"{self.left(row['step'])} left"
        )
        self.losses.plain = figures(row)


def figures(row: Mapping[str, Any]) -> str:
    """Losses and scores of a log row, short."""
    return "  ".join(
        f"{key.removeprefix('loss/')} {value:.3f}"
        for key, value in row.items()
        if key not in HIDDEN
    )


def clock(seconds: float) -> str:
    """h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def counter(what: str, total: int | None) -> tuple[Callable[[int], None], Callable[[], None]]:
    """A plain bar: what to call after each part, and at the end. `total` None: nobody knows."""
    from rich.console import Console
    from rich.progress import Progress

    progress = Progress(console=Console(stderr=True))
    task = progress.add_task(what, total=total)
    progress.start()
    return lambda n: progress.advance(task, n), progress.stop


@contextmanager
def transfers() -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar for each file that comes from the Hub, from its first bytes on; nothing where there is no terminal."""
    bars: list[Progress] = []
    tasks: dict[str, Any] = {}

    def tell(file: str, more: int, total: int | None) -> None:
        if not sys.stderr.isatty():
            return
        if not bars:
            bars.append(_transfer())
        if file not in tasks:
            tasks[file] = bars[0].add_task(file, total=total)
        bars[0].update(tasks[file], advance=more, total=total)

    try:
        yield tell
    finally:
        for bar in bars:
            bar.stop()


def _transfer() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True))
    bar.start()
    return bar


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """A sign of life at a terminal while something takes its time."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield
