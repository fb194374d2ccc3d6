"""The icon in an X11 tray of the old kind: a picture whose left click opens the dashboard, no menu."""

import contextlib
import select
from collections.abc import Callable, Iterator
from typing import Any

import pystray._xorg
from Xlib import X, error

PAUSE = 0.25
"""Seconds after which a waiting thread looks for events that another one read from the display."""


class Icon(pystray._xorg.Icon):  # type: ignore[misc]  # noqa: SLF001 - no types; pystray's only X11 class
    """pystray's X11 icon, made to see clicks: it never asks the display for button events."""

    def __init__(
        self, *args: Any, on_host: Callable[[bool], None], on_open: Callable[[], None], **kwargs: Any
    ) -> None:
        del on_host, on_open  # a tray was there when it was asked, and there is no menu
        super().__init__(*args, **kwargs)

    def __del__(self) -> None:
        # The display can be gone before this object is, as at the end of the user's session.
        with contextlib.suppress(error.ConnectionClosedError):
            super().__del__()

    def on_main(self, call: Callable[[], Any]) -> None:
        """Call at once: the methods that touch the display hand over to its thread themselves."""
        call()

    def _events(self) -> Iterator[Any]:
        """Yield the display's events; pystray's own waits for ever where ``stop`` has read the last one."""
        while True:
            while self._display.pending_events():
                yield self._display.next_event()
            select.select([self._display], [], [], PAUSE)

    def _create_window(self) -> Any:
        window = super()._create_window()
        window.change_attributes(
            event_mask=X.ExposureMask | X.StructureNotifyMask | X.ButtonPressMask,
        )
        return window
