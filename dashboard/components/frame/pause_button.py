"""The button that pauses offloading. While paused, Claude does all the work itself."""

import time

from nicegui import ui

from dashboard.components.controls.button import button
from dashboard.formats import HOUR, MINUTE
from server.hub import Hub

CHOICES = (("For 15 minutes", 15 * MINUTE), ("For 1 hour", HOUR), ("Until I resume", 0))


class PauseButton:
    """A button with a menu. It is hidden during a pause, when the banner has a button to resume."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._button = button("Pause", icon="pause", look="quiet", label="Pause offloading")
        with self._button, ui.menu():
            for words, seconds in CHOICES:
                ui.menu_item(words, on_click=lambda _, seconds=seconds: self._pause(seconds))
            ui.separator()
            ui.menu_item("Finish running work, then pause", on_click=lambda _: self._pause(0, finish=True))

    def update(self, *, paused: bool) -> None:
        """Show the button unless offloading is paused."""
        self._button.set_visibility(not paused)

    def _pause(self, seconds: int, *, finish: bool = False) -> None:
        until = time.time() + seconds if seconds else 0.0
        self._hub.pause(until, "The user paused offloading.", finish=finish)
