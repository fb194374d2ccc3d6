"""The icon on macOS: pystray's icon, modified only on the main thread.

Since macOS 26, changing it from another thread terminates the process.
"""

from collections.abc import Callable
from typing import Any

import pystray._darwin
from PyObjCTools import AppHelper


class Icon(pystray._darwin.Icon):  # type: ignore[misc]  # noqa: SLF001 - no types; pystray's macOS class
    """pystray's icon; ``on_main`` runs calls in AppKit's loop."""

    def __init__(
        self, *args: Any, on_host: Callable[[bool], None], on_open: Callable[[], None], **kwargs: Any
    ) -> None:
        del on_host, on_open  # the menu bar always exists and does not announce that a menu opens
        super().__init__(*args, **kwargs)

    def on_main(self, call: Callable[[], Any]) -> None:
        """Schedule a call in AppKit's loop. Can be called from any thread."""
        AppHelper.callAfter(call)

    def _run(self) -> None:
        # pystray's own version ends the process on Ctrl-C without telling the app.
        self._mark_ready()
        try:
            self._app.run()
        finally:
            self._status_bar.removeStatusItem_(self._status_item)
