"""Light, dark, or as the system has it: the setting in force, on every page that is open."""

from nicegui import app as pages
from nicegui import ui

from dashboard.hub_updates import HubUpdates
from server.hub import Hub

DARK = {"system": None, "light": False, "dark": True}
"""The setting ``appearance`` as NiceGUI and the stylesheet know it."""


def follow_appearance(hub: Hub, updates: HubUpdates) -> None:
    """Let the page that is being built look as it is set, from now on, too."""
    mode = ui.dark_mode(DARK[hub.settings.appearance])

    def update() -> None:
        # A page that is opened later has it in its first bytes, so that nothing flashes.
        pages.config.dark = DARK[hub.settings.appearance]
        mode.set_value(pages.config.dark)

    updates.settings_changed.subscribe(update)
