"""A button that copies text to the clipboard."""

import json

from nicegui import ui

from dashboard.components.controls.button import button
from dashboard.components.controls.notices import show_notice

ANSWER_SECONDS = 30.0
"""Time for the browser to ask its user whether the page may copy (seconds)."""


def copy_button(words: str, label: str) -> None:
    """Show the button. ``label`` describes the text to screen readers."""
    button("Copy", lambda: copy(words), icon="content_copy", label=label, look="quiet")


async def copy(words: str, done: str = "Copied.") -> None:
    """Copy the text and show ``done``. If the browser does not allow copying, the page shows the text
    selected instead (``copy.js``).
    """
    page = ui.context.client
    try:
        copied = await page.run_javascript(f"return tsCopy({json.dumps(words)})", timeout=ANSWER_SECONDS)
    except TimeoutError:  # the browser asks its user first; the text is copied if the user agrees
        return
    if copied and not page.is_deleted:
        with page:
            show_notice(done)
