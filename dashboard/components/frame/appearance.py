"""Light or dark appearance for open pages, following the setting."""

from nicegui import app as pages
from nicegui import ui

from dashboard.hub_updates import HubUpdates
from server.hub import Hub

DARK = {"system": None, "light": False, "dark": True}
"""The values of the ``appearance`` setting as NiceGUI and the stylesheet name them."""


def follow_appearance(hub: Hub, updates: HubUpdates) -> None:
    """Apply the setting to the page being built, now and whenever it changes."""
    mode = ui.dark_mode(DARK[hub.settings.appearance])

    def update() -> None:
        # Pages opened later get the mode in their first bytes, so that they do not flash.
        pages.config.dark = DARK[hub.settings.appearance]
        mode.set_value(pages.config.dark)

    updates.settings_changed.subscribe(update)
