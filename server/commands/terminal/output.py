"""Command output: results on standard output, everything else on standard error."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, TextIO

import typer

from server.common.control_characters import CONTROL, in_line, shown
from server.common.sizes import gigabytes

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Paint = Callable[[str], str]
"""Returns the ``rich`` style for a cell's text; empty for none."""

MOST_PADDING = 40
"""Width up to which cells are padded where there is no terminal (characters), so that a single long cell does
not push a column out of sight.
"""
LEAST_FLEXIBLE = 12
"""Minimum width of a table's shortened column (characters)."""
OUTCOME_STYLES: Mapping[str, str] = {
    "written": "green",
    "delivered": "green",
    "returned": "green",
    "done": "green",
    "loaded": "green",
    "running": "cyan",
    "working": "cyan",
    "waits": "yellow",
    "waiting": "yellow",
    "handed back": "yellow",
    "handed_back": "yellow",
    "interrupted": "yellow",
    "paused": "yellow",
    "failed": "red",
    "denied": "red",
    "stopped": "red",
    "error": "red",
    "cancelled": "dim",
    "idle": "dim",
}
"""Styles for outcomes and states, keyed by their first word."""


_CODE = re.compile(r"[a-z]+(?:_[a-z]+)*")
"""The form of error codes: ``not_found``."""


def echo(text: object = "", *, err: bool = False, nl: bool = True, style: str = "") -> None:
    """Print text that may come from a model, a file or a client. Control characters are escaped.

    ``style`` is a colour, ``bold`` or ``dim``, and only affects streams that show colours.
    """
    typer.echo(styled(shown(str(text)), style, sys.stderr if err else sys.stdout), err=err, nl=nl, color=True)


def complain(text: str) -> None:
    """Print an error on stderr. A code at the start of ``text`` comes last: a reader needs the sentence
    first.
    """
    code, colon, words = text.partition(": ")
    echo("token-saver: ", err=True, nl=False, style="red")
    echo(f"{words} ({code})" if colon and _CODE.fullmatch(code) else text, err=True)


def styled(text: str, style: str, stream: TextIO) -> str:
    """Return the text in a colour, ``bold`` or ``dim``, or unchanged if the stream shows no colours."""
    if not style or not shows_colours(stream):
        return text
    if style in ("bold", "dim"):
        return typer.style(text, bold=style == "bold" or None, dim=style == "dim" or None)
    return typer.style(text, fg=style)


def shows_colours(stream: TextIO) -> bool:
    """Return whether a stream shows colours. Only terminals do, unless ``NO_COLOR`` or ``FORCE_COLOR`` is set
    (no-color.org, force-color.org).
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def outcome_style(text: str) -> str:
    """Return the style for an outcome or a state, chosen by its first words."""
    name = text.partition(" (")[0].partition(",")[0]
    return OUTCOME_STYLES.get(name, OUTCOME_STYLES.get(name.split(" ", 1)[0], ""))


def sign_style(text: str) -> str:
    """Return the style for a signed figure: green for gains, red for losses."""
    return "green" if text.startswith("+") else "red" if text.startswith(("-", "−")) else ""


def print_json(value: Any) -> None:
    """Print JSON for programs."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    typer.echo(CONTROL.sub(lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", text))


def print_table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    paint: Mapping[str, Paint] | None = None,
    right: Sequence[str] = (),
    shorten: str = "",
) -> None:
    """Print a table. In a terminal, it fits the width and is coloured; elsewhere, no cell is shortened.

    Args:
        paint: the styles of columns, by heading.
        right: headings of the right-aligned columns.
        shorten: heading of the column to shorten if the terminal is too narrow; by default the last.
    """
    lines = [[in_line(cell) for cell in row] for row in rows]
    if not (sys.stdout.isatty() or os.environ.get("FORCE_COLOR")):
        widths = [min(width, MOST_PADDING) for width in _widths(header, lines)]
        for line in (header, *lines):
            cells = zip(line, widths, strict=True)
            typer.echo("  ".join(cell.ljust(width) for cell, width in cells).rstrip())
        return
    flexible = list(header).index(shorten) if shorten else len(header) - 1
    _print_rich_table(header, lines, flexible, paint or {}, right)


def _print_rich_table(
    header: Sequence[str],
    lines: Sequence[Sequence[str]],
    flexible: int,
    paint: Mapping[str, Paint],
    right: Sequence[str],
) -> None:
    # Imported here because the import takes longer than a short command.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    if not shows_colours(sys.stdout):  # under NO_COLOR, rich still prints bold text
        console = Console(highlight=False, color_system=None)
    widths = _widths(header, lines)
    others = sum(width + 2 for column, width in enumerate(widths) if column != flexible)
    room = max(LEAST_FLEXIBLE, console.width - others)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column, name in enumerate(header):
        table.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=0 if column == flexible else min(widths[column], console.width // 3),
        )
    for line in lines:
        cells = [shortened(cell, room) if column == flexible else cell for column, cell in enumerate(line)]
        styles = [paint[name](cell) if name in paint else "" for name, cell in zip(header, line, strict=True)]
        table.add_row(*(Text(cell, style) for cell, style in zip(cells, styles, strict=True)))
    console.print(table)


def _widths(header: Sequence[str], lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(cell) for cell in column) for column in zip(header, *lines, strict=True)]


def shortened(text: str, width: int) -> str:
    """Return the text cut to ``width`` characters, with an ellipsis. Paths keep their end, and sentences are
    cut between words.
    """
    if len(text) <= width:
        return text
    if " " not in text and "/" in text:
        return f"…{text[len(text) - width + 1 :]}"
    cut = text[: width - 1]
    if not text[width - 1].isspace() and " " in cut:
        cut = cut[: cut.rindex(" ")]
    return f"{cut.rstrip()}…"


def size_of(count: int) -> str:
    """Return a byte count in gigabytes; empty if unknown."""
    return gigabytes(count) if count else ""
