"""Columns of the live progress line. Importing ``rich.progress`` takes longer than a short command."""

import time

from rich.console import RenderableType
from rich.progress import (
    BarColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from server.commands.terminal.stages import elapsed


def progress_columns() -> tuple[ProgressColumn, ...]:
    """Return the columns: stage, bar and time left if the total is known, and the elapsed time."""
    return (
        SpinnerColumn(),
        TextColumn(
            "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
        ),
        _IfMeasured(BarColumn(bar_width=24)),
        _IfMeasured(TaskProgressColumn(text_format="{task.percentage:>3.0f} %", markup=False)),
        _IfMeasured(TimeRemainingColumn(compact=True)),
        _Elapsed(),
    )


class _IfMeasured(ProgressColumn):
    """A column that is empty if the total is unknown."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__(Column(no_wrap=True))
        self._column = column

    def render(self, task: Task) -> RenderableType:
        return "" if task.total is None else self._column(task)


class _Elapsed(ProgressColumn):
    """The time since the command started."""

    def __init__(self) -> None:
        super().__init__(Column(no_wrap=True))
        self._began = time.monotonic()

    def render(self, _task: Task) -> Text:
        return Text(elapsed(time.monotonic() - self._began), "dim")
