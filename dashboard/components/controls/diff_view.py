"""A unified diff with line numbers, syntax highlighting and changed words marked."""

import html

from nicegui import ui

from dashboard.diff_lines import DiffLine, Piece, is_prose, read_diff

MOST_LINES = 4_000
"""Maximum number of lines shown, to keep the browser responsive."""
SIGNS = {"added": "+", "removed": "-", "same": " "}


def diff_view(diff: str) -> None:
    """Show a diff. The sign at the start of each line conveys the same meaning as its colour."""
    # The page names the file, and the first hunk begins where the numbers say.
    every = read_diff(diff, MOST_LINES)
    lines = [line for line in every if line.kind != "file"]
    whole = not any(line.old for line in lines)
    shown = "".join(
        _line(line, whole=whole) for number, line in enumerate(lines) if number or line.kind != "hunk"
    )
    left = diff.count("\n") - MOST_LINES
    if left > 0:
        shown += f'<span class="ts-diff-hunk">… {left:,} more lines</span>'
    # Every text is escaped below, so the browser need not sanitise the HTML again.
    view = ui.html(shown, sanitize=False, tag="pre").classes("ts-diff")
    if whole:
        view.classes("ts-diff-whole")
    if is_prose(every):
        view.classes("ts-diff-prose")
    view.props.update({"tabindex": "0", "role": "region", "aria-label": "The change, line by line"})


def _line(line: DiffLine, *, whole: bool) -> str:
    """Return a line as HTML. The diff of a ``whole`` new file has no old numbers."""
    text = "".join(_piece(piece) for piece in line.pieces)
    # The stylesheet shows the numbers, so that they are not copied together with the text.
    numbers = f"{line.new or '':>5}" if whole else f"{line.old or '':>5} {line.new or '':>5}"
    return (
        f'<span class="ts-diff-{line.kind}" data-numbers="{numbers}">{SIGNS.get(line.kind, "")}{text}</span>'
    )


def _piece(piece: Piece) -> str:
    text = html.escape(piece.text)
    if not piece.style and not piece.changed:
        return text
    styles = [f"ts-syntax-{piece.style}"] if piece.style else []
    if piece.changed:
        styles.append("ts-diff-word")
    return f'<span class="{" ".join(styles)}">{text}</span>'
