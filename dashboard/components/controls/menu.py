"""A menu on a button: its first item has the focus when it opens."""

from collections.abc import Callable, Sequence

from nicegui import ui

Choice = tuple[str, Callable[[], object]]
"""The words of an item and what choosing it does."""


def menu(*groups: Sequence[Choice]) -> None:
    """Open a menu when the surrounding button is pressed. A line separates the groups."""
    with ui.menu():
        for number, group in enumerate(groups):
            if number:
                ui.separator()
            for place, (words, choose) in enumerate(group):
                item = ui.menu_item(words, on_click=lambda _, choose=choose: choose())
                item.props["role"] = "menuitem"
                if not number and not place:
                    item.props["autofocus"] = True
