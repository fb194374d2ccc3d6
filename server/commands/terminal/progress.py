"""Command progress: one live line in a terminal, an occasional line elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from server.commands.terminal.output import shortened
from server.commands.terminal.stages import StageLine, elapsed
from server.common.control_characters import in_line

if TYPE_CHECKING:
    from rich.progress import Progress

LOGGED_SECONDS = 10.0
"""Interval between progress lines when there is no terminal (seconds)."""
SAME_STAGE = 6
"""Factor of this interval while the stage stays the same."""
LONGEST = 100


@dataclass(frozen=True)
class Step:
    """Progress of some work: ``done`` of ``total`` units (None if unknown), and a label with the unit."""

    text: str
    done: float = 0.0
    total: float | None = None


class ProgressBar:
    """A line with stage, elapsed time and, if the total is known, a bar. Without a terminal, it prints a line
    at a new stage, at most every ``every`` seconds, so short work prints nothing.
    """

    def __init__(self, bar: "Progress | None", every: float = LOGGED_SECONDS) -> None:
        self._bar = bar
        self._task = None if bar is None else bar.add_task("", total=None, start=False, visible=False)
        self._every = every
        self._began = time.monotonic()
        self._printed = self._began
        self._stage = ""
        self._total: float | None = -1.0
        self._stages = StageLine()

    def show(self, step: Step | str) -> None:
        """Show the next step."""
        step = Step(step) if isinstance(step, str) else step
        stage, detail = self._stages.words(step.text)
        line = shortened(in_line(f"{stage} · {detail}" if detail else stage), LONGEST)
        if self._bar is None or self._task is None:
            self._log(stage, line)
            return
        if step.total != self._total:  # The speed of other work says nothing about the time left.
            self._bar.reset(self._task, start=True, visible=True)
            self._bar.tasks[0].total = self._total = step.total
        self._bar.update(self._task, description=line, completed=step.done)

    def _log(self, stage: str, line: str) -> None:
        """Print a line if the stage is new, or if nothing has been printed for a long time."""
        now = time.monotonic()
        waits = self._every if stage != self._stage else self._every * SAME_STAGE
        if now - self._printed >= waits:
            typer.echo(f"{line} · {elapsed(now - self._began)}", err=True)
            self._printed, self._stage = now, stage


@contextmanager
def progress_bar() -> Iterator[ProgressBar]:
    """Yield the progress bar for one command. It disappears when the ``with`` block ends."""
    if not sys.stderr.isatty():
        yield ProgressBar(None)
        return
    # Imported here because the import takes longer than a short command.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    from server.commands.terminal.progress_columns import progress_columns  # noqa: PLC0415

    with Progress(*progress_columns(), console=Console(stderr=True), transient=True) as bar:
        yield ProgressBar(bar)
