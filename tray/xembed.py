"""The icon in an old X11 tray: an image without a menu; a left click opens the dashboard."""

import contextlib
import select
from collections.abc import Callable, Iterator
from typing import Any

import pystray._xorg
from Xlib import X, error

PAUSE = 0.25
"""Interval at which a waiting thread checks for events already read by another thread (seconds)."""


class Icon(pystray._xorg.Icon):  # type: ignore[misc]  # noqa: SLF001 - no types; pystray's only X11 class
    """pystray's X11 icon with support for clicks: pystray itself never requests button events."""

    def __init__(
        self, *args: Any, on_host: Callable[[bool], None], on_open: Callable[[], None], **kwargs: Any
    ) -> None:
        del on_host, on_open  # a tray exists now, and there is no menu
        super().__init__(*args, **kwargs)

    def __del__(self) -> None:
        # The display may close first, for example at the end of the session.
        with contextlib.suppress(error.ConnectionClosedError):
            super().__del__()

    def on_main(self, call: Callable[[], Any]) -> None:
        """Call immediately: methods that use the display switch to its thread on their own."""
        call()

    def _events(self) -> Iterator[Any]:
        """Yield the display's events. pystray's version waits forever if ``stop`` has already read the last
        one.
        """
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
