"""Progress at the terminal, by rich; plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.cli import output

if TYPE_CHECKING:
    from rich.progress import Progress

    from ganzoo.train.log import Plan, Reporter

PLAIN_EVERY = 10.0
HIDDEN = ("step", "phase", "index", "images_per_second")


@contextmanager
def reporter() -> Iterator[Reporter]:
    """A reporter for this terminal."""
    if not sys.stderr.isatty():
        yield Plain()
        return
    bar = Bar()
    with bar.live:
        yield bar


class Plain:
    """A line at the start, one every ten seconds or so, one at the end."""

    def __init__(self) -> None:
        self.shown = 0.0
        self.total = 0

    def start(self, plan: Plan) -> None:
        self.total = plan.total
        networks = ", ".join(f"{name} {count:,}" for name, count in plan.parameters.items())
        resumed = f", from step {plan.resumed_at:,}" if plan.resumed_at else ""
        output.say(
            f"{plan.plugin} on {plan.data}: {plan.total:,} steps{resumed}, seed {plan.seed}, {plan.device}, {plan.precision}"
        )
        output.say(f"parameters: {networks}")

    def phase(self, name: str, steps: int, done: int) -> None:
        pass

    def advance(self, steps: int) -> None:
        pass

    def row(self, row: Mapping[str, Any]) -> None:
        now = time.monotonic()
        if now - self.shown >= PLAIN_EVERY or row["step"] == self.total:
            self.shown = now
            output.say(f"step {row['step']:,}  {row['images_per_second']:,.0f} images/s  {figures(row)}")

    def note(self, text: str) -> None:
        output.say(text)

    def done(self, folder: Path) -> None:
        pass


class Bar(Plain):
    """A bar with step, rate and time left; below it the losses and scores."""

    def __init__(self) -> None:
        from rich.console import Console, Group
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.text import Text

        super().__init__()
        self.progress: Progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        self.task = self.progress.add_task("starting", total=None, rate="")
        self.losses = Text("", no_wrap=True, overflow="ellipsis")
        self.live = Live(Group(self.progress, self.losses), console=Console(stderr=True), refresh_per_second=4)

    def start(self, plan: Plan) -> None:
        super().start(plan)
        self.progress.update(self.task, total=plan.total, completed=plan.resumed_at)

    def phase(self, name: str, steps: int, done: int) -> None:
        self.progress.update(self.task, description=name)

    def advance(self, steps: int) -> None:
        self.progress.advance(self.task, steps)

    def row(self, row: Mapping[str, Any]) -> None:
        self.progress.update(self.task, rate=f"{row['images_per_second']:,.0f}/s")
        self.losses.plain = figures(row)


def figures(row: Mapping[str, Any]) -> str:
    """Losses and scores of a log row, short."""
    return "  ".join(f"{key.removeprefix('loss/')} {value:.3f}" for key, value in row.items() if key not in HIDDEN)


def counter(what: str, total: int) -> tuple[Callable[[int], None], Callable[[], None]]:
    """A plain bar: what to call after each part, and at the end."""
    from rich.console import Console
    from rich.progress import Progress

    progress = Progress(console=Console(stderr=True))
    task = progress.add_task(what, total=total)
    progress.start()
    return lambda n: progress.advance(task, n), progress.stop
