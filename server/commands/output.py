"""Output of commands: results on standard output, everything else on standard error."""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from server.common.control_characters import CONTROL, in_line, shown

GIB = 1024**3
LOGGED_SECONDS = 10.0
"""Interval between progress lines without a terminal (seconds)."""
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print text that may come from a model, a file or a client, with control characters escaped."""
    typer.echo(shown(str(text)), err=err, nl=nl)


def print_json(value: Any) -> None:
    """Print JSON for programs."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    typer.echo(CONTROL.sub(lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", text))


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table whose columns are as wide as their longest cell."""
    lines = [[in_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def gib(size: int) -> str:
    """Return bytes as GiB, empty if unknown."""
    return f"{size / GIB:.1f} GiB" if size else ""


class ProgressLine:
    """A terminal line that is overwritten; without a terminal, a new line every ``every`` seconds, so that
    short work prints nothing."""

    def __init__(self, every: float = LOGGED_SECONDS) -> None:
        self._shown = 0
        self._terminal = sys.stderr.isatty()
        self._every = every
        self._next: float | None = None

    def show(self, text: str) -> None:
        """Replace the line, or print it if it is due."""
        line = in_line(text)[:100]
        if self._terminal:
            sys.stderr.write(f"\r{line.ljust(self._shown)}")
            sys.stderr.flush()
            self._shown = len(line)
            return
        now = time.monotonic()
        if self._next is not None and now >= self._next:
            typer.echo(line, err=True)
        if self._next is None or now >= self._next:
            self._next = now + self._every

    def clear(self) -> None:
        """Erase the line."""
        if self._shown:
            sys.stderr.write(f"\r{' ' * self._shown}\r")
            sys.stderr.flush()
            self._shown = 0
