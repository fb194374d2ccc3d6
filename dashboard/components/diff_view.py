"""A unified diff, its lines coloured and marked."""

import html

from nicegui import ui

MOST_LINES = 2_000


def diff_view(diff: str) -> None:
    """Draw the diff. Nothing in it is taken for markup."""
    lines = diff.splitlines()
    body = "".join(_line(line) for line in lines[:MOST_LINES])
    # Every line is escaped above, so there is nothing to sanitize.
    ui.html(f'<pre class="ts-diff" tabindex="0">{body}</pre>', sanitize=False)
    if len(lines) > MOST_LINES:
        ui.label(f"{len(lines) - MOST_LINES:,} more lines").classes("ts-quiet")


def _line(line: str) -> str:
    kind = "same"
    if line.startswith(("+++", "---", "diff ")):
        kind = "file"
    elif line.startswith("@@"):
        kind = "place"
    elif line.startswith("+"):
        kind = "added"
    elif line.startswith("-"):
        kind = "removed"
    return f'<span class="ts-{kind}">{html.escape(line) or " "}</span>\n'
