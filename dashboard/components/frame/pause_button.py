"""The button that pauses offloading. While paused, Claude does all the work itself."""

import time
from functools import partial

from dashboard.components.controls.button import button
from dashboard.components.controls.menu import Choice, menu
from dashboard.formats import HOUR, MINUTE
from server.hub import Hub


class PauseButton:
    """A button with a menu. It is hidden during a pause, when the banner has a button to resume."""

    def __init__(self, hub: Hub) -> None:
        self._button = button("Pause", icon="pause", look="quiet", label="Pause offloading")
        now, later = pauses(hub)
        with self._button:
            menu(now, later)

    def update(self, *, paused: bool) -> None:
        """Show the button unless offloading is paused."""
        self._button.set_visibility(not paused)


def pauses(hub: Hub) -> tuple[tuple[Choice, ...], tuple[Choice, ...]]:
    """Return the pauses that begin at once, and the one that begins after the running work."""

    def pause(seconds: int, *, finish: bool = False) -> None:
        until = time.time() + seconds if seconds else 0.0
        hub.pause(until, "The user paused offloading.", finish=finish)

    return (
        ("For 15 minutes", partial(pause, 15 * MINUTE)),
        ("For 1 hour", partial(pause, HOUR)),
        ("Until I resume", partial(pause, 0)),
    ), (("After running work", partial(pause, 0, finish=True)),)
