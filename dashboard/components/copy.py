"""A button that puts a text on the clipboard."""

from nicegui import ui

from dashboard.components.button import button
from dashboard.components.notices import tell


def copy_button(words: str, label: str) -> None:
    """Show the button; ``label`` says what is copied."""

    def copy() -> None:
        ui.clipboard.write(words)
        tell("Copied.")

    button("Copy", copy, icon="content_copy", label=label, look="quiet")
