"""A unified diff with its lines coloured."""

import html

from nicegui import ui

MOST_LINES = 4_000
"""More than anybody reads; the browser stays quick."""


def diff_view(diff: str) -> None:
    """Show a diff; the sign at the start of each line says the same as the colour."""
    lines = diff.splitlines()
    shown = "".join(
        f'<span class="{_kind(line)}">{html.escape(line) or " "}</span>' for line in lines[:MOST_LINES]
    )
    if len(lines) > MOST_LINES:
        shown += f'<span class="diff-hunk">… {len(lines) - MOST_LINES:,} more lines</span>'
    # Every line is escaped above, so the browser need not look for scripts in it again.
    view = ui.html(shown, sanitize=False, tag="pre").classes("diff")
    view.props.update({"tabindex": "0", "role": "region", "aria-label": "The change, line by line"})


def _kind(line: str) -> str:
    if line.startswith(("+++", "---")):
        return "diff-file"
    if line.startswith("@@"):
        return "diff-hunk"
    return {"+": "diff-added", "-": "diff-removed"}.get(line[:1], "diff-same")
