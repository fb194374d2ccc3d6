"""A unified diff with coloured lines."""

import html

from nicegui import ui

MOST_LINES = 4_000
"""Limit on the lines shown, so that the browser stays responsive."""


def diff_view(diff: str) -> None:
    """Show a diff. The sign at the start of each line repeats the meaning of its colour."""
    lines = diff.splitlines()
    shown = "".join(
        f'<span class="{_kind(line)}">{html.escape(line) or " "}</span>' for line in lines[:MOST_LINES]
    )
    if len(lines) > MOST_LINES:
        shown += f'<span class="ts-diff-hunk">… {len(lines) - MOST_LINES:,} more lines</span>'
    # Every line is escaped above, so the browser need not sanitise it again.
    view = ui.html(shown, sanitize=False, tag="pre").classes("ts-diff")
    view.props.update({"tabindex": "0", "role": "region", "aria-label": "The change, line by line"})


def _kind(line: str) -> str:
    if line.startswith(("+++", "---")):
        return "ts-diff-file"
    if line.startswith("@@"):
        return "ts-diff-hunk"
    return {"+": "ts-diff-added", "-": "ts-diff-removed"}.get(line[:1], "ts-diff-same")
