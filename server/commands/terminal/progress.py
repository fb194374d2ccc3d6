"""Command progress: a bar in a terminal, an occasional line elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from server.common.control_characters import in_line

if TYPE_CHECKING:
    from rich.progress import Progress

LOGGED_SECONDS = 10.0
"""Interval between progress lines when there is no terminal (seconds)."""
LONGEST = 100


@dataclass(frozen=True)
class Step:
    """Progress of some work: ``done`` of ``total`` units (None if unknown), and a label with the unit."""

    text: str
    done: float = 0.0
    total: float | None = None


class ProgressBar:
    """A progress bar with the time remaining. Without a terminal, it prints a line every ``every`` seconds,
    so short work prints nothing.
    """

    def __init__(self, bar: "Progress | None", every: float = LOGGED_SECONDS) -> None:
        self._bar = bar
        self._task = None if bar is None else bar.add_task("", total=None, start=False, visible=False)
        self._every = every
        self._next: float | None = None
        self._total: float | None = -1.0

    def show(self, step: Step | str) -> None:
        """Show the next step."""
        step = Step(step) if isinstance(step, str) else step
        if self._bar is None or self._task is None:
            self._log(in_line(step.text)[:LONGEST])
            return
        if step.total != self._total:  # The speed of other work says nothing about the time left.
            self._bar.reset(self._task, start=True, total=step.total, visible=True)
            self._total = step.total
        self._bar.update(
            self._task, description=in_line(step.text)[:LONGEST], completed=step.done, total=step.total
        )

    def _log(self, line: str) -> None:
        now = time.monotonic()
        if self._next is not None and now >= self._next:
            typer.echo(line, err=True)
        if self._next is None or now >= self._next:
            self._next = now + self._every


@contextmanager
def progress_bar() -> Iterator[ProgressBar]:
    """Yield the progress bar for one command. It disappears when the ``with`` block ends."""
    if not sys.stderr.isatty():
        yield ProgressBar(None)
        return
    # Imported here because the import takes longer than a short command.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        Progress,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TaskProgressColumn(text_format="{task.percentage:>3.0f} %", markup=False),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield ProgressBar(bar)
