"""How commands print: facts to standard output, all else to standard error."""

import json
import re
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

GIB = 1024**3
LOGGED_SECONDS = 10.0
"""How often progress is printed where no terminal shows it (seconds)."""
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What makes a terminal do something else than show a character, or show it in another place."""
_IN_LINES = re.compile(rf"(?![\n\t]|\r\n){_CONTROL.pattern}")


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print text that may come from a model, a file or a client: a terminal only shows it."""
    typer.echo(shown(str(text)), err=err, nl=nl)


def shown(text: str) -> str:
    """Return the text with all control characters but tabs and ends of lines as ``\\x1b`` and the like."""
    return _IN_LINES.sub(_escaped, text)


def in_line(text: str) -> str:
    """Return the text as a part of one line: what it holds begins no line of its own."""
    return _CONTROL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def print_json(value: Any) -> None:
    """Print JSON for programs."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    typer.echo(_CONTROL.sub(lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", text))


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table with columns as wide as their longest cell."""
    lines = [[in_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def gib(size: int) -> str:
    """Return bytes as GiB, empty where unknown."""
    return f"{size / GIB:.1f} GiB" if size else ""


class ProgressLine:
    """One line on a terminal that is overwritten; elsewhere a line of its own every ``every`` seconds, so
    that what is done soon says nothing."""

    def __init__(self, every: float = LOGGED_SECONDS) -> None:
        self._shown = 0
        self._terminal = sys.stderr.isatty()
        self._every = every
        self._next: float | None = None

    def show(self, text: str) -> None:
        """Replace the line, or print it where its time has come."""
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
        """Take the line away."""
        if self._shown:
            sys.stderr.write(f"\r{' ' * self._shown}\r")
            sys.stderr.flush()
            self._shown = 0
