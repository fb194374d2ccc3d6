"""A button that copies text to the clipboard."""

from nicegui import ui

from dashboard.components.controls.button import button
from dashboard.components.controls.notices import show_notice


def copy_button(words: str, label: str) -> None:
    """Show the button. ``label`` describes the text to screen readers."""

    def copy() -> None:
        ui.clipboard.write(words)
        show_notice("Copied.")

    button("Copy", copy, icon="content_copy", label=label, look="quiet")
